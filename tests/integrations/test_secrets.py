"""Passwords by reference: read where they are, and never where Setpoint keeps what is its own."""

from __future__ import annotations

import pytest

from setpoint.errors import InputError
from setpoint.integrations.secrets import read_secret, reference_fault

TOKEN = f"sp_{'0' * 12}_{'a' * 64}"


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SETPOINT_KEYS", str(tmp_path / "keys"))
    for folder in ("config/setpoint", "keys", "home"):
        (tmp_path / folder).mkdir(parents=True)


def test_a_password_is_read_without_its_line_end(monkeypatch, tmp_path):
    (tmp_path / "home" / "pw").write_text("hunter 2\n")
    monkeypatch.setenv("PW", "hunter3")
    assert read_secret(f"file:{tmp_path}/home/pw") == "hunter 2"
    assert read_secret("env:PW") == "hunter3"
    assert read_secret("") is None


@pytest.mark.parametrize(
    "name", ["config/setpoint/token", "keys/0123", "home/store.db.key", "home/s.ed25519"]
)
def test_what_is_setpoints_own_is_not_read_by_whatever_name(tmp_path, name):
    (tmp_path / name).write_text("secret")
    link = tmp_path / "home" / "harmless"
    link.symlink_to(tmp_path / name)
    for place in (tmp_path / name, link, f"{tmp_path}/home/../{name}"):
        assert reference_fault(f"file:{place}")
        with pytest.raises(InputError, match="tokens and keys of Setpoint"):
            read_secret(f"file:{place}")


def test_a_token_is_not_read_wherever_it_lies(monkeypatch, tmp_path):
    (tmp_path / "home" / "mine").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("MINE", TOKEN)
    for reference in (f"file:{tmp_path}/home/mine", "env:MINE"):
        with pytest.raises(InputError, match="is no password") as told:
            read_secret(reference)
        assert TOKEN not in str(told.value)


@pytest.mark.parametrize(
    ("reference", "match"),
    [
        ("env:SETPOINT_STORE", "what Setpoint itself goes by"),
        ("env:setpoint_token", "what Setpoint itself goes by"),
        ("env:NOT_THERE", "the environment has no NOT_THERE"),
        ("file:/proc/self/environ", "what a process knows"),
        ("file:/no/such/file", "cannot read the password file"),
        ("file:a\0b", "leads nowhere"),
        ("vault:x", "env:NAME or file:/path"),
    ],
)
def test_what_leads_to_no_password_is_told(reference, match):
    with pytest.raises(InputError, match=match):
        read_secret(reference)


def test_what_is_no_text_and_what_has_no_end_is_no_password(tmp_path):
    file = tmp_path / "home" / "pw"
    for body, match in ((b"\xff\xfe", "no text"), (b"x" * 70_000, "longer than")):
        file.write_bytes(body)
        with pytest.raises(InputError, match=match):
            read_secret(f"file:{file}")
