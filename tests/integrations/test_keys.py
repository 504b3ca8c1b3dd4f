"""Keys: where they are, whose they are, and that nobody else may read them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from setpoint.errors import InputError, UnavailableError
from setpoint.integrations.keys import Keys, keys_of, read_private, write_new
from setpoint.integrations.signing import Signer, Verifier, fingerprint

PRIVATE, SIGNER = Signer.generate()


@pytest.fixture
def keys(tmp_path) -> Keys:
    return Keys(tmp_path / "deep" / "keys", "setpoint.db")


def test_a_file_has_its_keys_beside_it(tmp_path) -> None:
    keys = keys_of(tmp_path / "setpoint.db", "abc")
    assert keys.token_key_file == tmp_path / "setpoint.db.key"
    assert keys.signing_key_file == tmp_path / "setpoint.db.ed25519"
    assert keys.public_key_file == tmp_path / "setpoint.db.pub"


def test_a_store_on_a_server_has_its_keys_with_the_user(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert keys_of(None, "abc").token_key_file == tmp_path / "setpoint" / "keys" / "abc.key"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keys_of(None, "abc").folder == tmp_path / ".config" / "setpoint" / "keys"


def test_a_folder_for_keys_can_be_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SETPOINT_KEYS", str(tmp_path / "safe"))
    for file in (None, Path("/srv/setpoint.db")):
        assert keys_of(file, "abc").token_key_file == tmp_path / "safe" / "abc.key"


def test_keys_are_made_once_for_their_owner_alone(keys) -> None:
    assert keys.make_token_key()
    first = keys.token_key()
    assert not keys.make_token_key()
    assert keys.token_key() == first
    assert len(first) == 32
    assert keys.keep_signing_key(PRIVATE, SIGNER.public_pem)
    assert not keys.keep_signing_key(b"another", b"another")
    assert (keys.signing_key(), keys.public_key()) == (PRIVATE, SIGNER.public_pem)
    for file in (keys.token_key_file, keys.signing_key_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.public_key_file.stat().st_mode) & 0o022 == 0
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    assert not list(keys.folder.glob("*.part"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_key_that_others_may_read_or_write_is_refused(keys, mode) -> None:
    keys.make_token_key()
    keys.token_key_file.chmod(mode)
    with pytest.raises(InputError, match="chmod 600"):
        keys.token_key()


def test_a_missing_key_is_told_with_its_place(keys) -> None:
    with pytest.raises(UnavailableError, match=r"setpoint.db.key.*SETPOINT_KEYS"):
        keys.token_key()
    assert keys.signing_key() is None
    assert keys.public_key() is None
    assert keys.noted() == ""


def test_what_is_no_key_is_told(keys) -> None:
    write_new(keys.token_key_file, b"no key\n")
    with pytest.raises(InputError, match="no key for tokens"):
        keys.token_key()
    for body in (b"no key", SIGNER.public_pem):
        with pytest.raises(InputError, match="no Ed25519 key"):
            Signer(body)
    for body in (b"no key", PRIVATE):
        with pytest.raises(InputError, match="no public Ed25519 key"):
            Verifier(body)


def test_who_comes_second_leaves_the_first_ones_key(keys) -> None:
    other = keys.folder / "other.key"
    assert write_new(other, b"first")
    assert not write_new(other, b"second")
    assert read_private(other) == b"first"


def test_a_place_that_cannot_be_written_is_told(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="SETPOINT_KEYS"):
        Keys(tmp_path / "file" / "keys", "x").make_token_key()
    with pytest.raises(InputError, match="cannot be read"):
        read_private(tmp_path / "file" / "x")


def test_the_last_note_stands(keys) -> None:
    keys.note("one")
    keys.note("two")
    assert keys.noted() == "two"


def test_a_signature_is_of_one_key_and_one_payload() -> None:
    signature = SIGNER.sign(b"payload")
    verifier = Verifier(SIGNER.public_pem)
    assert verifier.holds(b"payload", signature)
    assert not verifier.holds(b"payloae", signature)
    assert not verifier.holds(b"payload", signature[:-2] + ("00" if signature[-2:] != "00" else "01"))
    assert not verifier.holds(b"payload", "no signature")
    other = Signer.generate()[1]
    assert not Verifier(other.public_pem).holds(b"payload", signature)
    assert (verifier.key, SIGNER.key) == (fingerprint(SIGNER.public_pem),) * 2 != (other.key,) * 2
    assert "PRIVATE" not in repr(SIGNER)
