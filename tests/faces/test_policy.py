"""`policy`, `lock`, `limit` and the classes that `catalog show` prints."""

from __future__ import annotations

import json

import pytest

from setpoint.policy.starters import starter_text

HOUSE = """
policy: house
why: what this house holds to
locks:
  - {id: safety, parameters: [durable], value: "on", why: a crash takes what was committed}
  - {id: careful, classes: [security], outcome: ask}
limits:
  - {id: sorts, must: sort_memory <= 8MB, severity: high, why: many sort at once}
  - {id: few, must: max_connections <= 50, outcome: ask}
  - {id: rows, must: "cache_size * 2 <= data_size"}
memory budget: {share: 80%}
"""


@pytest.fixture
def house(web):
    """Give an observed instance under one policy."""
    path = web.folder / "house.yaml"
    path.write_text(HOUSE)
    web.good("policy", "put", "house", str(path), "--because", "first rules")
    return web


def test_a_policy_is_put_listed_shown_and_removed(house):
    assert house.json("policy", "list")[0]["name"] == "house"
    assert "2 locks, 3 limits, 1 memory budget" in house.good("policy", "list")
    assert house.good("policy", "show", "house") == HOUSE
    shown = house.json("policy", "show", "house")
    assert shown["text"] == HOUSE
    assert shown["locks"][0]["value"] == "on"
    again = house.json("policy", "put", "house", str(house.folder / "house.yaml"), "--because", "again")
    assert again["is_in_force"] is True
    removed = house.json("policy", "remove", "house", "--because", "no longer")
    assert removed["revision"]["reason"] == "no longer"
    assert house.json("policy", "list") == []
    assert "no policy is in force" in house.good("policy", "list")


def test_what_was_shown_can_be_put_again(house):
    text = house.good("policy", "show", "house")
    assert "says this already" in house.good(
        "policy", "put", "house", "-", "--because", "the same", input=text
    )


@pytest.mark.parametrize(
    "words", [("policy", "show", "nope"), ("policy", "remove", "nope", "--because", "b")]
)
def test_a_policy_that_is_not_there_is_bad_input(cli, words):
    before = cli.state()
    result = cli(*words)
    assert result.exit_code == 2
    assert "policy list" in result.stderr
    assert cli.state() == before


def test_a_document_goes_by_the_name_it_gives_itself(cli):
    before = cli.state()
    result = cli("policy", "put", "other", "-", "--because", "b", input=HOUSE)
    assert result.exit_code == 2
    assert "calls itself house" in result.stderr
    assert cli.state() == before


def test_faults_are_told_with_line_and_column_and_nothing_is_done(cli):
    before = cli.state()
    text = HOUSE.replace("outcome: ask", "outcome: maybe").replace("limits:", "limit:")
    for words in (("check", "-"), ("put", "house", "-", "--because", "b")):
        result = cli("policy", *words, input=text)
        assert result.exit_code == 2
        assert "<stdin>:6:49: outcome: 'maybe' is no outcome" in result.stderr
        assert "did you mean limits?" in result.stderr
    assert cli.state() == before


def test_a_parameter_nobody_knows_is_refused_when_put_and_when_checked(cli):
    before = cli.state()
    text = HOUSE.replace("[durable]", "[durabel]")
    for words in (("check", "-"), ("put", "house", "-", "--because", "b")):
        result = cli("policy", *words, input=text)
        assert result.exit_code == 2
        assert "no parameter is called 'durabel' (did you mean durable" in result.stderr
    assert cli.state() == before


def test_checking_needs_no_store(tmp_path, cli):
    path = tmp_path / "p.yaml"
    path.write_text(HOUSE)
    assert "sound: policy house" in cli.good("policy", "check", str(path), "--store", str(tmp_path / "none"))
    assert cli.json("policy", "check", str(path), "--engine", "simulated")["name"] == "house"
    refused = cli("policy", "check", str(path), "--engine", "postgresql")
    assert "house/safety: no parameter is called 'durable'" in refused.stderr
    assert cli("policy", "check", str(path), "--engine", "nope").exit_code == 2


def test_starters_are_listed_and_printed_as_they_are(cli):
    assert [each["name"] for each in cli.json("policy", "starter")] == [
        "mysql-safety",
        "postgresql-safety",
        "production",
    ]
    assert cli.good("policy", "starter", "production") == starter_text("production")
    assert cli.json("policy", "starter", "production")["text"] == starter_text("production")
    refused = cli("policy", "starter", "nope")
    assert refused.exit_code == 2
    assert "mysql-safety, postgresql-safety, production" in refused.stderr


@pytest.mark.parametrize("name", ["mysql-safety", "postgresql-safety", "production"])
def test_a_starter_can_be_put_in_force_as_it_is(cli, name):
    cli.good("policy", "put", name, "-", "--because", "begin", input=starter_text(name))
    assert cli.json("policy", "list")[0]["name"] == name


def test_locks_are_listed_by_rule_and_by_parameter(house):
    listed = {each["rule"]: each for each in house.json("lock", "list")}
    assert listed["house/safety"]["outcome"] == "refuse"
    assert listed["house/careful"]["classes"] == ["security"]
    assert "all of security" in house.good("lock", "list")
    locked = {each["parameter"]: each for each in house.json("lock", "list", "web")["locked"]}
    assert locked["durable"]["value"] == "on"
    assert locked["durable"]["classes"] == ["durability"]
    assert locked["plugins"]["rules"] == ["house/careful"]
    assert "sort_memory" not in locked
    assert "locked parameters on web" in house.good("lock", "list", "web")


def test_limits_are_listed_and_judged_from_the_last_snapshot(house):
    listed = {each["rule"]: each for each in house.json("limit", "list")}
    assert listed["house/sorts"]["must"] == "sort_memory <= 8MB"
    assert listed["house/memory-budget.1"]["share"] == 0.8
    assert house.json("limit", "list", "web") == list(listed.values())
    judged = house.json("limit", "check", "web", code=1)
    by_rule = {each["rule"]: each for each in judged["limits"]}
    assert judged["broken"] == 1
    assert by_rule["house/sorts"]["holds"] is True
    assert by_rule["house/few"]["holds"] is False
    assert by_rule["house/few"]["inputs"] == {"max_connections": "100"}
    assert by_rule["house/rows"]["holds"] is None
    text = house("limit", "check")
    assert text.exit_code == 1
    assert "max_connections is 100" in text.stdout
    assert "1 limit broken of 4" in text.stdout


def test_instances_out_of_scope_or_never_seen_are_told_apart(house):
    house.add("new")
    house.good("policy", "remove", "house", "--because", "b")
    scoped = HOUSE.replace("locks:", "scope: instance=nobody\nlocks:")
    house.good("policy", "put", "house", "-", "--because", "b", input=scoped)
    judged = house.json("limit", "check")
    assert judged == {"broken": 0, "limits": [], "never_observed": ["new"]}
    assert "new was never observed" in house.good("limit", "check")
    assert house.json("limit", "list", "web") == []
    assert house.json("lock", "list", "web")["locked"] == []
    assert house("limit", "check", "new").exit_code == 2
    assert house("lock", "list", "new").exit_code == 2


def test_no_rules_are_an_answer(cli):
    assert "no parameter is locked" in cli.good("lock", "list")
    assert "no limit is set" in cli.good("limit", "list")
    assert "no limit applies" in cli.good("limit", "check")


def test_catalog_shows_classes_and_why(cli):
    (fsync,) = cli.json("catalog", "show", "postgresql", "18", "fsync")
    assert fsync["classes"] == ["durability", "data integrity"]
    assert "crash" in fsync["classes_why"]
    assert "durability, data integrity" in cli.good("catalog", "show", "postgresql", "18", "fsync")
    every = json.loads(cli.good("catalog", "show", "simulated", "1", "--json"))
    assert all(each["classes"] for each in every)


def test_where_others_must_agree_a_policy_is_proposed_and_nothing_is_in_force(house, monkeypatch):
    from setpoint.control import governance
    from setpoint.policy.approval import Change
    from setpoint.policy.verdict import Need, Quorum

    def propose(context, _texts, *, reason, ticket):
        need = Need(key="policy", quorum=Quorum(), instance="", rules=("default/governance.policy",))
        now = context.now()
        return Change(
            id="c1", kind="policy", subject="policy:house", digest="d", base="b", author="tester",
            reason=reason, ticket=ticket, proposed_at=now, expires_at=now, needs=(need,),
        )  # fmt: skip

    monkeypatch.setattr(governance, "put_policies", propose)
    result = house("policy", "put", "house", str(house.folder / "house.yaml"), "--because", "b")
    assert result.exit_code == 1
    for words in ("nothing has changed yet", "1 of approver", "setpoint change approve c1"):
        assert words in result.stdout
    removed = house.json("policy", "remove", "house", "--because", "b", code=1)
    assert removed["is_in_force"] is False
    assert removed["change"]["id"] == "c1"
