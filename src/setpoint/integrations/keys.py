"""Keys: what tokens are checked with and what checkpoints are signed with, in files outside the store.

A store that is a file has its keys beside it (``STORE.key``, ``STORE.ed25519``, ``STORE.pub``); a store on a
server has them in ``$XDG_CONFIG_HOME/setpoint/keys/`` under its own name. The environment variable
SETPOINT_KEYS names another folder for both. Private ones are readable to their owner only, or refused.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS_VARIABLE = "SETPOINT_KEYS"
TOKEN_KEY_BYTES = 32

_PRIVATE = 0o600
_PUBLIC = 0o644
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Keys:
    """The places of one store's keys; nothing is read or made before it is asked for."""

    folder: Path
    stem: str

    @property
    def token_key_file(self) -> Path:
        """The file of the key that tokens are hashed with."""
        return self.folder / f"{self.stem}.key"

    @property
    def signing_key_file(self) -> Path:
        """The file of the private key that signs (PEM, PKCS8)."""
        return self.folder / f"{self.stem}.ed25519"

    @property
    def public_key_file(self) -> Path:
        """The file of the public key (PEM), for whoever verifies."""
        return self.folder / f"{self.stem}.pub"

    @property
    def noted_file(self) -> Path:
        """The file that notes the last checkpoint signed here."""
        return self.folder / f"{self.stem}.checkpoint"

    def token_key(self) -> bytes:
        """Answer the key that tokens are hashed with.

        Raises `UnavailableError` when it is not there, `InputError` when others can read it.
        """
        found = read_private(self.token_key_file)
        if found is None:
            raise UnavailableError(
                "the key that tokens are checked with is not there",
                where=str(self.token_key_file),
                next_step=f"copy it from where the store was made, or say with {KEYS_VARIABLE} where it is",
            )
        try:
            return bytes.fromhex(found.decode("ascii").strip())
        except ValueError:
            raise InputError(
                "this is no key for tokens",
                where=str(self.token_key_file),
                next_step="restore it from a backup",
            ) from None

    def signing_key(self) -> bytes | None:
        """Answer the private key that signs, None when there is none; raise `InputError` as above."""
        return read_private(self.signing_key_file)

    def public_key(self) -> bytes | None:
        """Answer the public key, None when there is none."""
        try:
            return self.public_key_file.read_bytes()
        except OSError:
            return None

    def make_token_key(self) -> bool:
        """Make the key that tokens are hashed with, unless there is one; tell whether it was made."""
        return write_new(self.token_key_file, secrets.token_hex(TOKEN_KEY_BYTES).encode() + b"\n")

    def keep_signing_key(self, private_pem: bytes, public_pem: bytes) -> bool:
        """Keep a pair of keys, unless there is one; tell whether it was kept."""
        if not write_new(self.signing_key_file, private_pem):
            return False
        replace(self.public_key_file, public_pem, mode=_PUBLIC)
        return True

    def note(self, line: str) -> None:
        """Note the last checkpoint, so that a store put back or rewritten since is found."""
        replace(self.noted_file, f"{line}\n".encode())

    def noted(self) -> str:
        """Answer the noted checkpoint's line, empty when there is none."""
        try:
            return self.noted_file.read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            return ""


def keys_of(file: Path | None, store_id: str) -> Keys:
    """Say where a store's keys are: `file` is the store's own, None for one on a server."""
    named = os.environ.get(KEYS_VARIABLE)
    if named:
        return Keys(Path(named).expanduser(), store_id)
    if file is not None:
        return Keys(file.parent, file.name)
    return Keys(configuration_folder() / "keys", store_id)


def configuration_folder() -> Path:
    """Answer the folder of this user's own files for Setpoint."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "setpoint"


def read_private(file: Path) -> bytes | None:
    """Answer what is in a file that only its owner may read, None when there is none.

    Raises `InputError` when others may read or write it, or when it cannot be read.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise InputError(f"cannot be read: {fault.strerror}", where=str(file)) from None
    with os.fdopen(descriptor, "rb") as stream:
        if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & _OTHERS:
            raise InputError(
                "this file is a secret, and others may read or write it",
                where=str(file),
                next_step=f"chmod 600 {file}",
            )
        return stream.read()


def write_new(file: Path, body: bytes) -> bool:
    """Write a file for its owner only, unless there is one; tell whether it was written.

    Raises `InputError` when the place cannot be written.
    """
    return not file.exists() and _write(file, body, os.link, _PRIVATE)


def replace(file: Path, body: bytes, *, mode: int = _PRIVATE) -> None:
    """Write a file, whole and on disk, or leave what was there; raise `InputError`."""
    _write(file, body, os.replace, mode)


def _write(file: Path, body: bytes, place: Callable[[Path, Path], None], mode: int) -> bool:
    beside = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(body)
            stream.flush()
            os.fsync(stream.fileno())
        place(beside, file)
    except FileExistsError:  # another process was faster
        return False
    except OSError as fault:
        raise InputError(
            f"cannot be written: {fault.strerror}",
            where=str(file),
            next_step=f"name another folder for keys with {KEYS_VARIABLE}",
        ) from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return True
