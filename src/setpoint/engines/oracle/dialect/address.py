"""Addresses: ``host=db1 port=1521 service=sales user=setpoint``, or ``dsn=`` and a name or a descriptor."""

from __future__ import annotations

import re
import shlex

import msgspec

from setpoint.errors import InputError

_PORT = 1521
_HINT = "write it as host=... port=... service=... user=... [sid=...], or as dsn=... user=..."
_EASY = re.compile(
    r"(?:(?:tcps?)?://)?(?P<host>[^/:()]+)(?::(?P<port>\d+))?/(?P<service>[^/:?]+).*", re.IGNORECASE
)
_TOP_PORT = 65_535


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a target is. `sid` asks for one instance of a cluster, and for entries of its own."""

    host: str = ""
    port: int = _PORT
    service: str = ""
    user: str = ""
    sid: str = ""
    dsn: str = ""
    protocol: str = "tcp"
    mode: str = ""


def read_address(text: str, where: str) -> Address:
    """Read an address; raise `InputError`, whose text never quotes it."""
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError:
        raise _fault("a quote in the target is not closed", where) from None
    words = {name.lower(): value for name, _, value in pairs}
    unknown = sorted(words.keys() - set(Address.__struct_fields__))
    if unknown or not all(equals for _, equals, _ in pairs):
        raise _fault("the target has words that are not known", where)
    port = words.get("port", str(_PORT))
    if not port.isdigit() or not 0 < int(port) <= _TOP_PORT:
        raise _fault("the target's port is no number of a port", where)
    address = Address(**{name: value for name, value in words.items() if name != "port"}, port=int(port))
    if bool(address.dsn) == bool(address.host):
        raise _fault("the target names a host or a dsn, one of the two", where)
    if address.host and not address.service:
        raise _fault("the target names no service", where)
    if "@" in address.dsn:
        raise _fault("the dsn holds a login, which stands in user= and in the password's own place", where)
    if address.mode not in ("", "sysdba") or address.protocol not in ("tcp", "tcps"):
        raise _fault("the target's mode is sysdba or nothing, its protocol tcp or tcps", where)
    return address


def server_of(text: str) -> str:
    """Answer host, port, service and instance, lower case; as written where it cannot be read."""
    try:
        address = read_address(text, "")
    except InputError:
        return " ".join(text.split())
    host, port, service = address.host, str(address.port), address.service
    if address.dsn:
        match = _EASY.fullmatch(address.dsn)
        if match is None:
            return " ".join(address.dsn.lower().split())
        host, port, service = match["host"], match["port"] or str(_PORT), match["service"]
    base = f"{host.rstrip('.')}:{port}/{service}".lower()
    return f"{base}/{address.sid.lower()}" if address.sid else base


def _fault(what: str, where: str) -> InputError:
    return InputError(what, where=where, next_step=_HINT)
