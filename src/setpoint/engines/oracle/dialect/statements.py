"""Statements and PL/SQL that look at and change the configuration; nothing escapes its quotes.

What stands for a parameter is read by one expression everywhere: by an entry asked for alone, by the guard
ahead of a write, and by the switch. It answers ``=`` and the text, so that an empty text is told from none
(the server keeps an empty string as NULL).
"""

# ruff: noqa: S608 - names and texts are quoted here
from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.catalog import Context, Kind
from setpoint.engines.oracle.dialect.grammar import GRAMMAR
from setpoint.engines.oracle.dialect.knowledge import BIG, is_auto_tuned
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog import Parameter
    from setpoint.config.configuration import SettingText

PINNED = ":setpoint_sid"
"""The bind that a driver gives the instance's name its address asks for, else NULL."""
MOVED = 20731
"""The error our own blocks raise where an entry is not what was looked at."""

_RESET = "ALTER SYSTEM RESET"
_NO_ENTRY = 32010
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$#]*")
_SID = re.compile(r"[A-Za-z0-9_$#.-]+|\*")
_OWN = "GREATEST(1, TO_NUMBER(SYS_CONTEXT('USERENV', 'CON_ID')))"
IN_CONTAINER = f"GREATEST(1, {{0}}con_id) = {_OWN}"
"""Which rows of a view speak of the container at hand; outside a CDB, and in its root, those of 0 and 1."""


def quote_literal(text: str) -> str:
    """Write a string literal; raise `InputError` for a text with a line break."""
    if any(character in text for character in "\n\r\0"):
        message = "a value cannot have a line break"
        raise InputError(message, next_step="write it on one line")
    return f"'{text.replace(chr(39), chr(39) * 2)}'"


def quote_name(name: str) -> str:
    """Write a parameter's name; raise `InputError` for what is none, or is the server's own notebook."""
    if not _NAME.fullmatch(name) or is_auto_tuned(name):
        raise InputError(f"{name!r} is no parameter that can be set", next_step="correct the name")
    return f'"{name}"' if name.startswith("_") else name


def literal(parameter: Parameter, text: SettingText) -> str:
    """Write a text as the server takes it; raise `InputError` where it is of another type.

    Numbers are written in the parameter's own unit, sizes with K, M or G only where the server counts them
    as big integers; each item of a list is its own literal.
    """
    value = parameter.parse(text or "", GRAMMAR)
    if isinstance(value, bool):
        return GRAMMAR.write_bool(value=value)
    if isinstance(value, tuple):
        return ", ".join(map(quote_literal, value)) or "''"
    if isinstance(value, str):
        return quote_literal(value)
    if parameter.kind is Kind.SIZE and BIG in parameter.flags:
        return _sized(int(value))
    return str(int(value))


def alter_system_set(parameter: Parameter, text: SettingText, *, scope: str, sid: str) -> str:
    """Write the statement that sets a text in memory, in the file, or in both."""
    deferred = " DEFERRED" if parameter.context is Context.RECONNECT and scope != "SPFILE" else ""
    name = quote_name(parameter.name)
    return f"ALTER SYSTEM SET {name} = {literal(parameter, text)}{deferred} SCOPE={scope} SID='{_sid(sid)}'"


def alter_system_reset(name: str, *, sid: str) -> str:
    """Write the statement that takes an entry out of the file; what runs is left as it is."""
    return f"{_RESET} {quote_name(name)} SCOPE=SPFILE SID='{_sid(sid)}'"


def block(statements: tuple[str, ...]) -> str:
    """Write statements as one block; one alone that cannot meet its work done already, as it is."""
    if len(statements) == 1 and not statements[0].startswith(_RESET):
        return statements[0]
    return "\n".join(["BEGIN", *(executing(each) for each in statements), "END;"])


def executing(statement: str) -> str:
    """Write what runs a statement inside a block; taking out an entry that is gone already is no fault."""
    run = f"EXECUTE IMMEDIATE {quote_literal(statement)};"
    if not statement.startswith(_RESET):
        return run
    return f"BEGIN {run} EXCEPTION WHEN OTHERS THEN IF SQLCODE <> -{_NO_ENTRY} THEN RAISE; END IF; END;"


def guarded(guard: str, text: str) -> str:
    """Put a guarding block ahead of a statement or a block: the second is not come to if the first raises."""
    inner = text if text.startswith("BEGIN") else executing(text)
    return f"BEGIN\n{guard}\n{inner}\nEND;"


def standing(name: str, pinned: str = PINNED) -> str:
    """Write the expression for what stands: the file's entry or, without such a file, what runs."""
    quoted = quote_literal(name.lower())
    return f"""NVL2((SELECT MAX(value) FROM v$system_parameter WHERE name = 'spfile'),
  (SELECT {_texts()} FROM v$spparameter
   WHERE name = {quoted} AND isspecified = 'TRUE' AND {IN_CONTAINER.format("")}
   AND UPPER(sid) = UPPER({own_sid(name, pinned)}) HAVING COUNT(*) > 0),
  {running(name)})"""


def running(name: str) -> str:
    """Write the expression for what the instance runs."""
    quoted = quote_literal(name.lower())
    return f"""(SELECT {_texts()} FROM v$system_parameter2
   WHERE name = {quoted} AND con_id = (SELECT MAX(p.con_id) FROM v$system_parameter2 p
     WHERE p.name = {quoted} AND p.con_id IN (0, {_OWN})) HAVING COUNT(*) > 0)"""


def own_sid(name: str, pinned: str = PINNED) -> str:
    """Write the expression for whose entry is meant: this instance's where it has one, else that of all."""
    return f"""NVL({pinned}, NVL((SELECT MAX(s.sid) FROM v$spparameter s, v$instance i
     WHERE s.name = {quote_literal(name.lower())} AND s.isspecified = 'TRUE' AND {IN_CONTAINER.format("s.")}
     AND UPPER(s.sid) = UPPER(i.instance_name)), '*'))"""


def guard(name: str, seen: str | None) -> str:
    """Write the block that raises where what stands is not `seen` (None: no entry)."""
    wanted = "NULL" if seen is None else quote_literal(f"={seen}")
    return f"""DECLARE
  found_ VARCHAR2(4000);
  seen_ VARCHAR2(4000) := {wanted};
BEGIN
  SELECT {standing(name)} INTO found_ FROM dual;
  IF NVL(found_, '-') <> NVL(seen_, '-') THEN
    RAISE_APPLICATION_ERROR(-{MOVED}, {quote_literal(f"{name} was changed in this very moment")});
  END IF;
END;"""


def _sized(size_bytes: int) -> str:
    """Write a size with the largest letter that it is whole in; the server takes K, M and G everywhere."""
    for letter, shift in (("G", 30), ("M", 20), ("K", 10)):
        if size_bytes and size_bytes % (1 << shift) == 0:
            return f"{size_bytes >> shift}{letter}"
    return str(size_bytes)


def _texts() -> str:
    quoted = "'''' || REPLACE(value, '''', '''''') || ''''"
    many = f"LISTAGG({quoted}, ', ') WITHIN GROUP (ORDER BY ordinal)"
    return f"'=' || CASE WHEN COUNT(*) > 1 THEN {many} ELSE MAX(value) END"


def _sid(sid: str) -> str:
    if not _SID.fullmatch(sid):
        raise InputError(f"{sid!r} is no instance's name", next_step="correct `sid` in the target")
    return sid
