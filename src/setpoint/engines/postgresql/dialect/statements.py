"""Statements that change the configuration, written so that no value can escape its quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.postgresql.dialect.grammar import GRAMMAR
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog import Parameter
    from setpoint.config.configuration import SettingText

LOCK_KEYS = (0x5E79, 0x01)
"""The two halves of the advisory lock that an apply holds.

Such a lock belongs to one database of the server.
"""
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def quote_literal(text: str) -> str:
    """Write a string literal that reads the same whatever ``standard_conforming_strings`` is."""
    doubled = text.replace("'", "''")
    return f"E'{doubled.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{doubled}'"


def quote_identifier(name: str) -> str:
    """Write a parameter's name.

    Both parts of ``class.name`` are quoted, since either may be a reserved word.
    """
    if _PLAIN_NAME.fullmatch(name):
        return name
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def alter_system_set(parameter: Parameter, text: SettingText) -> str:
    """Write the statement that persists a text; raise `InputError` where no statement can."""
    return alter_system_set_named(parameter.name, text, is_quoted_list=parameter.is_quoted_list)


def alter_system_set_named(name: str, text: SettingText, *, is_quoted_list: bool) -> str:
    """Write the statement that persists a text where there is no catalog; raise as `alter_system_set` does.

    The server quotes each item of a quoted list on its own, so such a list goes as one literal per item.
    """
    return f"ALTER SYSTEM SET {quote_identifier(name)} = {_value(name, text, is_quoted_list=is_quoted_list)}"


def alter_system_reset(name: str) -> str:
    """Write the statement that takes the persisted entry out."""
    return f"ALTER SYSTEM RESET {quote_identifier(name)}"


def _value(name: str, text: SettingText, *, is_quoted_list: bool) -> str:
    if is_quoted_list:
        items = text if isinstance(text, tuple) else GRAMMAR.read_list(text or "")
        _refuse_newlines(name, "".join(items))
        return ", ".join(map(quote_literal, items)) or "''"
    scalar = GRAMMAR.write_list(text) if isinstance(text, tuple) else text or ""
    _refuse_newlines(name, scalar)
    return quote_literal(scalar)


def _refuse_newlines(name: str, text: str) -> None:
    if "\n" in text or "\r" in text or "\0" in text:
        message = f"{name}: PostgreSQL cannot persist a value with a line break"
        raise InputError(message, next_step="write it on one line")
