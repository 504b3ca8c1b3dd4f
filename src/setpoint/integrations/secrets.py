"""Passwords by reference: from the environment or a file, read when needed and never kept.

Whoever may edit an instance chooses what is read on a colleague's machine and sent to the instance's target.
So what proves who somebody is to Setpoint itself (tokens, keys, its own variables and folder) is never read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from setpoint.errors import InputError
from setpoint.integrations.keys import KEYS_VARIABLE, configuration_folder

_OWN_VARIABLE = "SETPOINT_"
_KEY_SUFFIXES = frozenset({".key", ".ed25519"})
_PROCESSES = Path("/proc")
_TOKEN = re.compile(r"sp_[0-9a-f]{12}_[0-9a-f]{64}")
_MAX_BYTES = 65_536
_ADVICE = "name a variable or a file that holds the instance's password alone"


def read_secret(reference: str) -> str | None:
    """Answer the password a reference names (``env:NAME``, ``file:/path``); None for no reference.

    Without a reference the driver looks in its own places, such as ``~/.pgpass``. Raises `InputError` naming
    the reference, never its content, when nothing is there or what is there is Setpoint's own.
    """
    if not reference:
        return None
    fault = reference_fault(reference)
    if fault:
        raise InputError(fault, where=reference, next_step=_ADVICE)
    kind, _, place = reference.partition(":")
    password = _read_variable(place) if kind == "env" else _read_file(place)
    if _TOKEN.search(password):
        raise InputError("a token of Setpoint is no password", where=reference, next_step=_ADVICE)
    return password


def reference_fault(reference: str) -> str:
    """Say why a reference is not followed, whatever stands there; empty when it may be.

    A file is judged by the place that its path leads to in the end.
    """
    kind, _, place = reference.partition(":")
    if kind not in ("", "env", "file"):
        return "a password is referred to as env:NAME or file:/path"
    if kind == "env" and place.upper().startswith(_OWN_VARIABLE):
        return f"what Setpoint itself goes by ({_OWN_VARIABLE}...) is no instance's password"
    if kind == "file":
        try:
            file = Path(place).expanduser().resolve()
        except (OSError, RuntimeError, ValueError):
            return "the path of the password file leads nowhere"
        if file.suffix in _KEY_SUFFIXES or any(file.is_relative_to(each) for each in _own_folders()):
            return "tokens and keys of Setpoint are no instance's password"
        if file.is_relative_to(_PROCESSES):
            return "what a process knows is no instance's password"
    return ""


def _own_folders() -> list[Path]:
    named = os.environ.get(KEYS_VARIABLE)
    folders = [configuration_folder(), *([Path(named).expanduser()] if named else [])]
    return [each.resolve() for each in folders]


def _read_variable(name: str) -> str:
    password = os.environ.get(name)
    if password is None:
        raise InputError(
            f"the environment has no {name}", next_step="set it, or change the instance's password"
        )
    return password


def _read_file(place: str) -> str:
    try:
        with Path(place).expanduser().resolve().open("rb") as stream:
            body = stream.read(_MAX_BYTES + 1)
    except OSError as fault:
        raise InputError(f"cannot read the password file: {fault.strerror}", where=place) from None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("the password file holds no text", where=place) from None
    if len(body) > _MAX_BYTES:
        raise InputError(f"the password file is longer than {_MAX_BYTES} bytes", where=place)
    return text.rstrip("\r\n")
