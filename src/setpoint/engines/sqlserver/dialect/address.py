"""Addresses: ``host=db1 port=1433 user=setpoint database=shop``, read the way a shell splits words."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from setpoint.errors import InputError

PORT = 1433
_WORDS = ("host", "port", "user", "database", "encryption")
_ENCRYPTIONS = ("off", "request", "require")
_FORM = "write it as host=... port=... user=... database=... (and encryption=off, request or require)"
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and as whom to come; `port` is None where `host` names an instance by a backslash."""

    host: str
    port: int | None
    user: str
    database: str
    encryption: str

    @property
    def server(self) -> str:
        """The server in one form: host and port, or host and instance, in lower case."""
        host = self.host.lower().rstrip(".")
        return host if self.port is None else f"{host}:{self.port}"


def read_address(text: str) -> Address:
    """Read an address; raise `InputError`, which never repeats it: somebody may have written a password."""
    try:
        pairs = [word.partition("=") for word in _split(text)]
    except ValueError:
        raise InputError("the target's quotes do not match", next_step=_FORM) from None
    words = {name.lower(): value for name, _, value in pairs}
    strange = [name for name, equals, _ in pairs if not equals or name.lower() not in _WORDS]
    if strange or len(words) != len(pairs) or not words.get("host"):
        message = "the target is not an address of SQL Server"
        raise InputError(message, next_step=_FORM)
    encryption = words.get("encryption", "request")
    if encryption not in _ENCRYPTIONS:
        raise InputError("the target's encryption is none", next_step=_FORM)
    return Address(
        host=words["host"],
        port=_read_port(words["host"], words.get("port")),
        user=words.get("user", ""),
        database=words.get("database", "master"),
        encryption=encryption,
    )


def server_of(text: str) -> str:
    """Answer the server that an address names; as written where it is none."""
    try:
        return read_address(text).server
    except InputError:
        return " ".join(text.split())


def _split(text: str) -> list[str]:
    """Split like a shell, but leave backslashes alone: they part a host from its instance."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.escape = ""
    lexer.commenters = ""
    return list(lexer)


def _read_port(host: str, text: str | None) -> int | None:
    if text is None:
        return None if "\\" in host else PORT
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _LAST_PORT:
        raise InputError("the target's port is none", next_step=_FORM)
    return int(text)
