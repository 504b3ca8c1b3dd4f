"""People and tokens at the command line: how a store comes to be governed, and what everybody is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from setpoint.faces import wiring

TRICK = "\x1b[2J\u202eevil"


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """The configuration folder of whoever runs these commands."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    monkeypatch.delenv("SETPOINT_TOKEN", raising=False)
    return tmp_path / "configuration" / "setpoint"


@pytest.fixture
def governed(cli, own):
    """A command line whose user is the administrator `root`."""
    cli.good("person", "add", "root", "--role", "administrator", "--because", "begins")
    return cli


def _token(cli, person: str, *words: str) -> str:
    return cli.json("token", "issue", person, *words, "--because", "needed")["text"]


def _as(monkeypatch, token: str) -> None:
    monkeypatch.setenv("SETPOINT_TOKEN", token)


def test_a_store_of_one_user_says_so_everywhere(cli, own) -> None:
    for words in (("init",), ("whoami",), ("person", "list")):
        assert "single user" in cli.good(*words)
    assert cli.json("init")["is_governed"] is False
    assert cli.json("whoami")["is_single_user"] is True
    assert cli.json("whoami")["name"] == "tester"
    assert cli.json("person", "list") == {"is_governed": False, "people": []}


def test_init_says_where_the_keys_are(cli, own) -> None:
    keys = cli.json("init")["keys"]
    assert keys["token_key"] == f"{cli.store}.key"
    assert Path(keys["public_key"]).read_text().startswith("-----BEGIN PUBLIC KEY-----")
    assert len(keys["fingerprint"]) == 32
    assert keys["fingerprint"] in cli.good("init")
    assert cli.json("init")["keys"] == keys, "a second time nothing is made anew"


def test_the_first_person_is_given_a_token_and_is_asked_for_it_from_then_on(cli, own, monkeypatch) -> None:
    result = cli("person", "add", "root", "--role", "operator", "--because", "begins")
    assert result.exit_code == 1
    assert "must be an administrator" in result.stderr
    made = cli.json("person", "add", "root", "--role", "administrator", "--because", "begins")
    assert made["account"] == wiring.local_account()
    assert made["kept_in"] == str(own / "token")
    assert "text" not in made
    assert cli.json("whoami")["name"] == "root"
    assert "single user" not in cli.good("init") + cli.good("whoami") + cli.good("person", "list")
    (own / "token").unlink()
    for words in (("whoami",), ("person", "remove", "root", "--because", "x")):
        result = cli(*words)
        assert result.exit_code == 1
        assert "no token was given" in result.stderr


def test_another_token_that_is_kept_stays(cli, own) -> None:
    own.mkdir(parents=True)
    wiring.keep_token("sp_other")
    made = cli.json("person", "add", "root", "--role", "administrator", "--because", "begins")
    assert made["text"].startswith("sp_")
    assert (own / "token").read_text() == "sp_other\n"


def test_people_come_change_and_go(governed) -> None:
    governed.good(
        "person", "add", "mara", "--role", "approver", "--on", "environment=production", "--because", "joins"
    )
    governed.good("person", "grant", "mara", "policy-owner", "--because", "more")
    governed.good("person", "add", "mara", "--account", "oidc:x#1", "--shown", "Mara M.", "--because", "sso")
    shown = governed.json("person", "show", "mara")
    assert shown["shown"] == "Mara M."
    assert shown["accounts"] == ["oidc:x#1"]
    assert [(each["role"], each["scope"]) for each in shown["grants"]] == [
        ("approver", "environment=production"),
        ("policy owner", "all"),
    ]
    governed.good("person", "revoke", "mara", "approver", "--because", "less")
    assert len(governed.json("person", "show", "mara")["grants"]) == 1
    result = governed("person", "revoke", "mara", "approver", "--because", "less")
    assert result.exit_code == 2
    assert "does not hold that" in result.stderr
    governed.good("person", "remove", "mara", "--because", "left")
    assert "mara" not in governed.good("person", "list")
    assert "removed" in governed.good("person", "list", "--all")
    assert "removed" in governed.good("person", "show", "mara")
    assert governed("person", "show", "nobody").exit_code == 2


def test_a_token_is_shown_once_listed_and_revoked(governed, monkeypatch) -> None:
    governed.good("person", "add", "mara", "--role", "approver", "--because", "joins")
    text = _token(governed, "mara", "--for", "30d")
    listed = governed.json("token", "list", "mara")
    assert text.rpartition("_")[2] not in json.dumps(listed)
    assert "in force" in governed.good("token", "list", "mara")
    kept = (own_token := wiring.token_file()).read_text()
    _as(monkeypatch, text)
    assert governed.json("whoami")["name"] == "mara"
    result = governed("person", "add", "eve", "--because", "x")
    assert result.exit_code == 1
    assert "may not manage people" in result.stderr
    monkeypatch.delenv("SETPOINT_TOKEN")
    assert own_token.read_text() == kept
    governed.good("token", "revoke", listed[0]["id"], "--because", "lost")
    assert "revoked" in governed.good("token", "list", "mara")
    _as(monkeypatch, text)
    assert "was revoked" in governed("whoami").stderr
    assert text not in governed("whoami").stderr


def test_a_token_can_be_kept_or_named_in_a_file(governed, own, tmp_path) -> None:
    governed.good("person", "add", "mara", "--role", "approver", "--because", "joins")
    file = tmp_path / "mara"
    file.write_text(_token(governed, "mara"))
    result = governed("whoami", "--token-file", str(file))
    assert result.exit_code == 2
    assert "chmod 600" in result.stderr
    file.chmod(0o600)
    assert governed.json("whoami", "--token-file", str(file))["name"] == "mara"
    made = governed.json("token", "issue", "mara", "--save", "--because", "x")
    assert "text" not in made
    assert governed.json("whoami")["name"] == "mara"
    (own / "token").chmod(0o644)
    assert "chmod 600" in governed("whoami").stderr


def test_a_narrowed_token_says_so(governed, monkeypatch) -> None:
    _as(monkeypatch, _token(governed, "root", "--on", "environment=production"))
    assert "narrowed" in governed.good("whoami")
    assert governed.json("whoami")["grants"] == [{"role": "administrator", "scope": "environment=production"}]
    assert "may not manage people" in governed("person", "add", "eve", "--because", "x").stderr


def test_the_actor_of_the_environment_counts_for_nothing_in_a_governed_store(governed) -> None:
    rows = governed.json("audit", "log", "--action", "person.")
    assert rows[0]["actor"] == "tester"
    governed.good("person", "add", "mara", "--because", "joins")
    assert governed.json("audit", "log", "--action", "person.")[0]["actor"] == "root"


def test_a_voice_is_lent_and_ended(governed, monkeypatch) -> None:
    for name in ("mara", "otto"):
        governed.good("person", "add", name, "--role", "approver", "--because", "joins")
    _as(monkeypatch, _token(governed, "mara"))
    lent = governed.json("person", "delegate", "otto", "--for", "7d", "--because", "holidays")
    assert (lent["giver"], lent["to"]) == ("mara", "otto")
    assert "otto speaks for mara" in governed.good("person", "show", "mara")
    governed.good("person", "delegate", "--end", lent["id"], "--because", "back")
    assert "speaks for" not in governed.good("person", "show", "otto")
    assert governed("person", "delegate", "--because", "x").exit_code == 2
    result = governed("person", "delegate", "otto", "--for", "93d", "--because", "x")
    assert (result.exit_code, "92 days" in result.stderr) == (2, True)


@pytest.mark.parametrize("name", ["Mara", "m\u0430ra", TRICK, "../x", "a" * 64])
def test_a_name_that_could_be_taken_for_another_is_refused(governed, name) -> None:
    result = governed("person", "add", name, "--because", "x")
    assert result.exit_code == 2
    assert "no name of a person" in result.stderr
    assert result.stderr.replace("\n", "").isprintable()


def test_what_people_write_steers_no_terminal(governed) -> None:
    governed.good("person", "add", "mara", "--shown", TRICK, "--role", "approver", "--because", TRICK)
    shown = (
        governed.good("person", "show", "mara")
        + governed.good("person", "list")
        + governed.good("audit", "log")
    )
    assert shown.replace("\n", "").isprintable()


def test_unknown_roles_are_told_with_those_known(governed) -> None:
    result = governed("person", "grant", "root", "emperor", "--because", "x")
    assert (result.exit_code, "policy-owner" in result.stderr) == (2, True)


def test_the_log_is_anchored_exported_and_proven_with_the_key_alone(governed, tmp_path) -> None:
    anchors, export = str(tmp_path / "anchors"), str(tmp_path / "log.jsonl")
    made = governed.json("audit", "anchor", "--to", anchors)
    assert "signed through row 2, 1 row since" in governed.good("audit", "verify")
    told = governed.json("audit", "export", "--out", export)
    assert (told["rows"], told["checkpoints"]) == (3, 1)
    public = governed.json("init")["keys"]["public_key"]
    Path(governed.store).rename(f"{governed.store}.gone")
    words = ("audit", "verify", "--export", export)
    assert "signatures were not checked" in governed.good(*words)
    proof = governed.json(*words, "--public-key", public, "--anchors", anchors)
    assert (proof["is_intact"], proof["signed_through"], proof["anchors"]) == (True, made["seq"], 1)
    lines = Path(export).read_text().replace("begins", "ended!")
    Path(export).write_text(lines)
    assert governed(*words, "--public-key", public).exit_code == 1


def test_who_may_not_anchor_does_not(governed, tmp_path, monkeypatch) -> None:
    governed.good("person", "add", "vic", "--role", "viewer", "--because", "joins")
    _as(monkeypatch, _token(governed, "vic"))
    result = governed("audit", "anchor", "--to", str(tmp_path / "anchors"))
    assert "may not anchor" in result.stderr
    assert not (tmp_path / "anchors").exists()
    result = governed("audit", "anchor", "--to", "http://example.org/")
    assert result.exit_code == 1
