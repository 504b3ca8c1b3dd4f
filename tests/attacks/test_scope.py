"""Out from under policy: other words, other names, other ways to the same server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.attacks.scene import PART, POLICY, SHOP

from setpoint.config.configuration import Group, Instance
from setpoint.config.facts import DeclaredFacts
from setpoint.errors import InputError, NotPermittedError
from setpoint.integrations.secrets import read_secret
from setpoint.policy.person import Grant, Role
from setpoint.policy.selector import parse_selector

FREE: dict[str, Any] = {"environment": "lab"}


@pytest.mark.parametrize(
    "moved",
    [
        {"environment": "lab"},
        {"environment": "Production"},
        {"environment": "production "},
        {"environment": "рroduction"},  # noqa: RUF001 - the Cyrillic letter is the attack
        {"environment": "ｐroduction"},  # noqa: RUF001 - so is the wide one
        {"labels": {}},
        {"group": "others"},
        {"facts": DeclaredFacts(ram_bytes=2**50)},
        {"target": "memory:elsewhere"},
        {"password": "env:HOME"},
        {"restart_command": "touch /tmp/owned"},
        {"engine": "postgresql"},
    ],
    ids=str,
)
def test_an_instance_is_not_moved_out_from_under_policy(town, moved):
    town.olaf.put_group("others", Group(engine=moved.get("engine", "simulated")), reason="a group")
    shop = town.olaf.configuration().instance(SHOP)
    with town.refused("take it out from under it|may not bring in"):
        town.olaf.change_instance(SHOP, msgspec.structs.replace(shop, **moved), reason="elsewhere")


def test_an_instance_under_policy_is_not_removed_and_added_anew(town):
    with town.refused("would be taken out"):
        town.olaf.remove_instance(SHOP, reason="to be free")
    document = town.olaf.export_fleet().replace(f"  {SHOP}:", "  shop-2:")
    with town.refused("would be taken out"):
        town.olaf.import_fleet(document, "f.yaml", reason="renamed")


def test_a_server_under_policy_is_not_registered_again_under_another_name(town, server):
    free = Instance(engine="simulated", target=server.address, **FREE)
    with town.refused("has the target of shop"):
        town.olaf.add_instance("mine", free, reason="a second way in")


def test_a_free_instance_is_not_pointed_at_a_server_under_policy(town, server):
    """The lab's instance is under no policy; with the shop's target it would be a free way to the shop."""
    lab = town.olaf.configuration().instance("lab")
    with town.refused("target"):
        town.olaf.change_instance("lab", msgspec.structs.replace(lab, target=server.address), reason="hm")
        town.olaf.change_settings("instance:lab", {"durable": "off"}, reason="hm")
        town.olaf.apply(town.olaf.plan("lab").plan)


def test_a_free_instance_is_not_pointed_there_by_a_document_either(town, server):
    lab = town.olaf.configuration().instance("lab")
    document = town.olaf.export_fleet().replace(lab.target, server.address)
    with town.refused("target"):
        town.olaf.import_fleet(document, "f.yaml", reason="hm")


def test_words_of_a_dsn_in_another_order_are_the_same_target(town):
    """`host=a port=1` and `port=1 host=a` are one server."""
    shop = Instance(engine="postgresql", target="host=db1 port=5432 user=s", environment="production")
    town.olaf.add_instance("pg", shop, reason="another")
    for target in ("port=5432 host=db1 user=s", " host=db1  port=5432 user=s ", "postgresql://s@db1:5432/"):
        free = Instance(engine="postgresql", target=target, **FREE)
        with town.refused("has the target of pg"):
            town.olaf.add_instance("mine", free, reason="a second way in")


def test_an_operator_of_the_lab_does_nothing_to_production(town):
    town.grant("olaf", Grant(role=Role.OPERATOR, scope=parse_selector("environment=lab")))
    shop, lab = (town.olaf.configuration().instance(name) for name in (SHOP, "lab"))
    made = town.lin.plan(SHOP).plan
    for attempt in (
        lambda: town.olaf.observe(SHOP),
        lambda: town.olaf.plan(SHOP),
        lambda: town.olaf.apply(made),
        lambda: town.olaf.undo(SHOP),
        lambda: town.olaf.change_settings(PART, {"sort_memory": "8MB"}, reason="x"),
        lambda: town.olaf.change_settings("fleet:simulated", {"sort_memory": "8MB"}, reason="x"),
        lambda: town.olaf.put_group("g", Group(engine="simulated"), reason="x"),
        lambda: town.olaf.change_instance(SHOP, msgspec.structs.replace(shop, environment="lab"), reason="x"),
        lambda: town.olaf.change_instance("lab", msgspec.structs.replace(lab, environment="y"), reason="x"),
        lambda: town.olaf.remove_instance(SHOP, reason="x"),
        lambda: town.olaf.add_instance("new", shop, reason="x"),
        lambda: town.olaf.governance.propose(made.hash, reason="x"),
        lambda: town.olaf.governance.propose_undo(SHOP, reason="x"),
    ):
        with town.refused("may not", NotPermittedError):
            attempt()


@pytest.mark.parametrize(
    "text",
    [
        "environment=*",
        "environment=prod*",
        "environment=%",
        "environment=",
        "environment=production|",
        "environment=a,environment=b",
        "label.=x",
        "",
        "ALL",
        "all,engine=x",
        "environment:production",
        "nonsense=production",
    ],
    ids=repr,
)
def test_a_selector_knows_no_patterns_and_no_tricks(text):
    """What is no selector is refused; what looks like a pattern means its own letters and fits nothing."""
    shop = Instance(engine="simulated", environment="production")
    try:
        found = parse_selector(text)
    except InputError:
        return
    assert not found.fits(SHOP, shop)


def test_a_policy_does_not_name_its_scope_in_letters_that_only_look_right(town):
    """An approver who reads `production` must be right that production is meant."""
    fake = POLICY.replace("[production]", "[рroduction]")  # noqa: RUF001 - the Cyrillic letter is the attack
    with pytest.raises(Exception, match=r"\\u0440|U\+0440|ASCII|letters"):
        town.pola.governance.put_policy("safety", fake, reason="nothing has changed, look")


@pytest.mark.parametrize(
    "name",
    [
        "mаra",  # noqa: RUF001 - Cyrillic
        "ｍara",  # noqa: RUF001 - wide
        "mara\u200b",
        "\u202eara m",
        "mara ",
        "Mara",
        "mara\n",
        "mara\x00",
        "１２",  # noqa: RUF001 - wide digits
        "../../mara",
        "'; DROP TABLE record; --",
        "=cmd()",
        "<script>",
        "",
        "m" * 64,
    ],
    ids=repr,
)
def test_a_name_that_looks_like_anothers_is_no_name(town, name):
    from setpoint.policy.person import Person

    with town.misread("is no name of a person"):
        town.ada.governance.people.put(
            Person(name=name, grants=(Grant(role=Role.APPROVER),)), reason="a twin"
        )


@pytest.mark.parametrize(
    "name",
    ["shор", "ｓhop", "shop\u200b", "../shop", "a/b", "-x", "", "s" * 64, "shop\n"],  # noqa: RUF001 - the attack
)
def test_an_instance_name_that_looks_like_anothers_is_no_name(town, name):
    with town.misread("is no name"):
        town.olaf.add_instance(name, Instance(engine="simulated", target="memory:x", **FREE), reason="a twin")
    with town.misread("is no name"):
        town.olaf.put_group(name, Group(engine="simulated"), reason="a twin")


@pytest.mark.parametrize("account", ["local:lin@db1\u200b", "local:lìn@db1", "token:0", "local: x", "local:"])
def test_an_account_that_looks_like_anothers_is_none(town, account):
    from setpoint.policy.person import Person

    with town.misread("is no account"):
        town.ada.governance.people.put(Person(name="nina", accounts=(account,)), reason="joins")


def test_a_parameter_in_another_case_is_the_same_parameter(town):
    town.olaf.observe(SHOP)
    with town.refused("policy refuses it"):
        town.wish(PAGE_COST="1.0")


def test_a_value_from_above_is_judged_as_one_from_below(town):
    """Fleet, group and template settings reach the shop, so the shop's policy speaks."""
    town.olaf.observe(SHOP)
    with town.refused("policy refuses it"):
        town.olaf.change_settings("fleet:simulated", {"page_cost": "1.0"}, reason="from above")
    town.olaf.change_settings("fleet:simulated", {"durable": "off"}, reason="from above")
    with town.refused("needs approvals"):
        town.olaf.apply(town.olaf.plan(SHOP).plan)


def test_giving_a_value_back_to_the_engine_is_a_move_too(town):
    """What is released goes back to what stood before us, and that is judged like anything else."""
    made, _ = town.approved(durable="off")
    town.olaf.apply(made)
    town.olaf.change_settings(PART, {}, removed=["durable"], reason="not managed any more")
    with town.refused("needs approvals"):
        town.olaf.apply(town.olaf.plan(SHOP).plan)


@pytest.mark.parametrize(
    "reference",
    [
        "env:SETPOINT_TOKEN",
        "env:SETPOINT_STORE",
        "file:{store}.key",
        "file:{store}.ed25519",
        "file:{folder}/./store.db.key",
        "file:{config}/setpoint/token",
    ],
)
def test_a_password_is_not_looked_for_where_tokens_and_keys_are(town, monkeypatch, tmp_path, reference):
    """Who sets an instance's password chooses what is sent to its target when a colleague looks at it."""
    token = tmp_path / "config" / "setpoint" / "token"
    token.parent.mkdir(parents=True)
    token.write_text("sp_of_a_colleague")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SETPOINT_TOKEN", "sp_of_a_colleague")
    monkeypatch.setenv("SETPOINT_STORE", "postgresql://setpoint:secret@db1/setpoint")
    places = {"store": town.founder.where, "folder": tmp_path, "config": tmp_path / "config"}
    with pytest.raises(InputError):
        read_secret(reference.format(**places))
