"""The same attacks at the command line: a sentence, an exit code of its own kind, and an audit row."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.attacks.scene import SHOP
from tests.attacks.test_texts import Cli, now

from setpoint.policy.person import Role

__all__ = ["now"]
REFUSED, BAD_INPUT = 1, 2
WISH = ("settings", SHOP, "sort_memory=8MB", "--because", "mine")


@pytest.fixture
def cli(now) -> Cli:
    return Cli(now)


def refused(cli: Cli, *words: str, who: str = "olaf", match: str, code: int = REFUSED) -> None:
    before, settings = len(cli.town.rows("gate.refused")), cli.town.server.persisted
    result = cli(*words, who=who)
    assert result.exit_code == code, result.output
    assert match in result.stderr
    assert not result.stdout
    assert len(cli.town.rows("gate.refused")) == before + 1
    assert cli.town.server.persisted == settings


def test_an_own_change_is_not_approved(cli):
    change = cli.town.propose(cli.town.wish("lin", durable="off"), "lin")
    refused(cli, "change", "approve", change.id, who="lin", match="nobody approves their own change")


def test_a_plan_is_not_applied_without_its_approval(cli):
    made = cli.town.wish(durable="off")
    refused(cli, "apply", SHOP, "--plan", made.hash, "--yes", match="needs approvals")


def test_an_approval_serves_no_other_plan(cli):
    cli.town.approved(durable="off")
    other = cli.town.wish(durable="off", sort_memory="8MB")
    refused(cli, "apply", SHOP, "--plan", other.hash, "--yes", match="needs approvals")


def test_a_plan_in_a_file_is_no_plan_of_ours_when_it_was_edited(cli, tmp_path):
    made = cli("plan", SHOP, "--json")
    assert made.exit_code in (0, 1), made.output
    cli.town.wish(sort_memory="8MB")
    file = tmp_path / "plan.json"
    assert cli("plan", SHOP, "--out", str(file)).exit_code in (0, 1)
    file.write_text(file.read_text().replace("set sort_memory 8MB", "set durable off"))
    result = cli("apply", SHOP, "--plan", str(file), "--yes")
    assert result.exit_code in (REFUSED, BAD_INPUT)
    assert cli.town.server.persisted == {}


def test_taking_back_needs_what_applying_does(cli):
    cli.town.server.set_by_hand("durable", "off")
    made, _ = cli.town.approved(durable="on")
    cli.town.olaf.apply(made)
    refused(cli, "apply", SHOP, "--undo", "--yes", match="needs approvals")


def test_a_policy_does_not_go_with_a_document_or_a_revert(cli, tmp_path):
    file = tmp_path / "fleet.yaml"
    text = cli.town.olaf.export_fleet()
    file.write_text(text.partition("policies:")[0] + "policies: {}\n")
    refused(cli, "import", str(file), "--because", "out of my way", match="only by an approved change")
    refused(cli, "revert", "HEAD~1", "--because", "out of my way", match="only by an approved change")


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda town: town.tokens.update(olaf=""), "no token was given"),
        (lambda town: town.tokens.update(olaf="sp_nonsense"), "is no token"),
        (lambda town: town.tokens.update(olaf=town.tokens["olaf"][:-64] + "0" * 64), "secret is wrong"),
        (lambda town: town.remove("olaf"), "was revoked"),
        (lambda town: town.ada.governance.people.remove("olaf", reason="gone"), "was revoked"),
    ],
    ids=["none", "nonsense", "wrong secret", "removed", "removed by the administrator"],
)
def test_a_token_that_counts_no_more_is_refused(cli, monkeypatch, tmp_path, spoil, match):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    spoil(cli.town)
    refused(cli, *WISH, match=match)


def test_an_expired_token_is_refused(cli):
    cli.town.clock.pass_by(days=-5)
    cli.town.tokens["olaf"] = cli.town.token("olaf", lasts=timedelta(days=1))
    refused(cli, *WISH, match="expired at")


def test_a_token_file_that_others_can_read_is_not_used(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "setpoint" / "token"
    file.parent.mkdir()
    file.write_text(cli.town.tokens["olaf"])
    file.chmod(0o644)
    cli.town.tokens["olaf"] = ""
    result = cli("observe", SHOP)
    assert result.exit_code == BAD_INPUT
    assert "others may read" in result.stderr


def test_no_name_in_the_environment_makes_somebody_else_of_anybody(cli):
    """SETPOINT_ACTOR names the one user of a store that knows nobody; here it is a word like any other."""
    result = cli("whoami", "--json")
    assert json.loads(result.stdout)["name"] == "olaf"
    cli("observe", SHOP)
    assert not [row for row in cli.town.rows() if row.actor == "nobody"]


def test_a_token_is_never_shown_again(cli):
    secret = cli.town.tokens["olaf"].rpartition("_")[2]
    for words in (
        ("whoami",),
        ("token", "list"),
        ("person", "show", "olaf"),
        ("audit", "log"),
        ("audit", "export"),
    ):
        for more in ((), ("--json",)):
            result = cli(*words, *more)
            assert result.exit_code == 0, result.output
            assert secret not in result.output


def test_what_was_bent_in_the_store_is_found(cli):
    cli.town.approved(durable="off")
    assert cli("audit", "verify").exit_code == 0
    cli.town.meddle("UPDATE plan SET body = CAST(replace(body, 'off', 'on') AS BLOB)")
    result = cli("audit", "verify")
    assert result.exit_code == 1
    assert "was changed after it was made" in result.output


def test_an_export_is_verified_with_nothing_but_the_public_key(cli, tmp_path):
    pytest.importorskip("cryptography")
    cli.town.approved(durable="off")
    cli.town.ada.governance.people.anchor(str(tmp_path / "anchors"))
    file, key = tmp_path / "log.jsonl", Path(f"{cli.town.founder.where}.pub")
    assert cli("audit", "export", "--out", str(file)).exit_code == 0
    words = ("audit", "verify", "--export", str(file), "--public-key", str(key))
    assert cli(*words).exit_code == 0
    for old, new in (
        ('"actor":"olaf"', '"actor":"mara"'),
        ("gate.", "gete."),
        ('"signature":"', '"signature":"0'),
    ):
        bent = tmp_path / "bent.jsonl"
        text = file.read_text()
        if old in text:
            bent.write_text(text.replace(old, new, 1))
            assert cli("audit", "verify", "--export", str(bent), "--public-key", str(key)).exit_code == 1, old


def test_a_service_does_not_approve_at_the_command_line(cli):
    from setpoint.policy.person import Grant, Person

    robot = Person(name="robot", is_service=True, grants=(Grant(role=Role.APPROVER),))
    cli.town.tokens["robot"] = cli.town.add(robot)
    change = cli.town.propose(cli.town.wish(durable="off"))
    refused(cli, "change", "approve", change.id, who="robot", match="none of the roles")
