"""Passwords by reference: from the environment or a file, read when needed and never kept."""

from __future__ import annotations

import os
from pathlib import Path

from setpoint.errors import InputError


def read_secret(reference: str) -> str | None:
    """Answer the password a reference names (``env:NAME``, ``file:/path``); None for no reference.

    Without a reference the driver looks in its own places, such as ``~/.pgpass``. Raises `InputError` naming
    the reference, never its content, when nothing is there.
    """
    if not reference:
        return None
    kind, _, place = reference.partition(":")
    if kind == "env":
        password = os.environ.get(place)
        if password is None:
            raise InputError(
                f"the environment has no {place}", next_step="set it, or change the instance's password"
            )
        return password
    if kind == "file":
        try:
            return Path(place).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as fault:
            raise InputError(f"cannot read the password file: {fault.strerror}", where=place) from None
    raise InputError("a password is referred to as env:NAME or file:/path")
