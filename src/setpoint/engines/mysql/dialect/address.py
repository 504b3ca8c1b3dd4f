"""Addresses: ``host=db1 port=3306 user=setpoint``, without a password.

Words with values, separated by spaces; quotes keep spaces, as in a shell.
"""

from __future__ import annotations

import shlex

import msgspec

from setpoint.errors import InputError

PORT = 3306
_WORDS = ("host", "port", "user", "database", "socket", "ssl", "ssl_ca", "defaults_file")
_ADVICE = "write it as host=... port=... user=..., or socket=... user=..."


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server is, and as whom to log in.

    `defaults_file` is an option file of the client's, whose ``[client]`` group may hold a password. With
    `ssl_ca` the server's certificate and name are checked; `is_tls_required` alone encrypts without.
    """

    host: str = "localhost"
    port: int = PORT
    user: str = ""
    database: str = ""
    socket: str = ""
    ssl_ca: str = ""
    is_tls_required: bool = False
    defaults_file: str = ""


def read_address(text: str, instance: str) -> Address:
    """Read an address; raise `InputError`, which never quotes it: it could hold a password."""
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError:
        pairs = []
    unknown = [name for name, equals, _ in pairs if not equals or name not in _WORDS]
    if not pairs or unknown:
        message = "the target is not an address of a MySQL or MariaDB server"
        raise InputError(message, where=instance, next_step=f"{_ADVICE}; it knows {', '.join(_WORDS)}")
    words = {name: value for name, _, value in pairs}
    port = words.get("port", str(PORT))
    if not port.isdigit():
        raise InputError("the target's port is no number", where=instance, next_step=_ADVICE)
    if words.get("ssl", "off") not in ("off", "required"):
        raise InputError("the target's ssl is neither off nor required", where=instance, next_step=_ADVICE)
    return Address(
        host=words.get("host", "localhost"),
        port=int(port),
        user=words.get("user", ""),
        database=words.get("database", ""),
        socket=words.get("socket", ""),
        ssl_ca=words.get("ssl_ca", ""),
        is_tls_required=words.get("ssl") == "required",
        defaults_file=words.get("defaults_file", ""),
    )


def server_of(text: str) -> str:
    """Answer host and port, or the socket; as written where it is no address."""
    try:
        address = read_address(text, "")
    except InputError:
        return " ".join(text.split())
    return address.socket or f"{address.host.lower().rstrip('.')}:{address.port}"
