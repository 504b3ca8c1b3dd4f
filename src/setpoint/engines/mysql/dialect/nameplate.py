"""A holder's name, spelled in locks.

A lock of these servers says which connection holds it, and nothing else that a person could read; MariaDB
keeps its performance schema off. So whoever takes the apply lock takes one more for each bit of a name, which
anybody may ask for without any right, and which go with the connection like the lock itself.
"""

from __future__ import annotations

from setpoint.engines.mysql.dialect.statements import quote_literal

LOCK = "setpoint.apply"
_BITS = 8
_MOST_BYTES = 60
_PREFIX = "setpoint.name."


def take_name(holder: str) -> str:
    """Write the query that spells a name, cut to sixty bytes of ASCII."""
    plain = "".join(character if " " <= character <= "~" else "?" for character in holder)[:_MOST_BYTES]
    held = [
        f"{_PREFIX}{place * _BITS + bit}"
        for place, byte in enumerate(plain.encode())
        for bit in range(_BITS)
        if byte >> bit & 1
    ]
    locks = " + ".join(f"GET_LOCK({quote_literal(name)}, 0)" for name in held) or "0"
    return f"SELECT {locks}"


def give_name_back() -> str:
    """Write the query that gives the lock and its name back."""
    return "SELECT RELEASE_ALL_LOCKS()"


def read_name() -> str:
    """Write the query that answers the numbers of the bits that are held, joined by commas."""
    return (
        "WITH RECURSIVE bit (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM bit "  # noqa: S608 - constants alone
        f"WHERE n < {_MOST_BYTES * _BITS - 1}) "
        f"SELECT GROUP_CONCAT(n ORDER BY n) FROM bit WHERE IS_USED_LOCK(CONCAT('{_PREFIX}', n)) IS NOT NULL"
    )


def spelled(bits: str | None) -> str:
    """Answer the name that those bits spell; empty where there are none."""
    bytes_ = bytearray(_MOST_BYTES)
    for number in map(int, (bits or "").split(",") if bits else ()):
        bytes_[number // _BITS] |= 1 << number % _BITS
    return bytes_.rstrip(b"\0").decode("ascii", errors="replace")
