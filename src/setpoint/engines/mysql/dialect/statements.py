"""Statements that change the configuration, written so that no value can escape its quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.catalog import Kind
from setpoint.engines.mysql.dialect.grammar import GRAMMAR
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog import Parameter

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?")
_SETTING = ("GLOBAL", "PERSIST", "PERSIST_ONLY")
_SEEN = "@setpoint_seen"
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def quote_literal(text: str) -> str:
    """Write a string literal that reads the same whatever ``sql_mode`` is; raise `InputError` if none can."""
    if "\0" in text:
        message = "a value cannot hold a zero byte"
        raise InputError(message, next_step="take it out")
    if "\\" in text:
        return f"_utf8mb4 X'{text.encode().hex()}'"
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def checked_name(name: str) -> str:
    """Answer a variable's name as it may stand in a statement; raise `InputError` for any other text."""
    folded = GRAMMAR.fold_name(name)
    if not _NAME.fullmatch(folded):
        message = f"{name!r} is no name of a variable"
        raise InputError(message, next_step="letters, digits and underscores")
    return folded


def expression(parameter: Parameter, text: str) -> str:
    """Write a server's own text of a parameter as the expression to assign."""
    is_number = parameter.is_numeric and _NUMBER.fullmatch(text) is not None
    is_word = parameter.kind is Kind.BOOL and text in ("ON", "OFF")
    return text if is_number or is_word else quote_literal(text)


def literal(text: str) -> str:
    """Write a text whose type is not known: a number stays one."""
    return text if _NUMBER.fullmatch(text) else quote_literal(text)


def set_global(name: str, value: str) -> str:
    """Make a value run until the next restart."""
    return f"SET GLOBAL {checked_name(name)} = {value}"


def set_persist(name: str, value: str) -> str:
    """Make a value run, and keep it (MySQL 8.0 and later)."""
    return f"SET PERSIST {checked_name(name)} = {value}"


def set_persist_only(name: str, value: str) -> str:
    """Keep a value for the next start (MySQL 8.0 and later)."""
    return f"SET PERSIST_ONLY {checked_name(name)} = {value}"


def set_after(expression: str, statement: str) -> str:
    """Have an expression worked out in the very statement that sets a variable; others are answered as is.

    A server works out all values of a statement before it sets the first, and sets none where one fails.
    Seen on MariaDB 10.11 and 11.8 and MySQL 9.7, with each word that sets a variable for everybody.
    """
    word = next((word for word in _SETTING if statement.startswith(f"SET {word} ")), None)
    return statement if word is None else f"SET {_SEEN} = {expression}, {statement.removeprefix('SET ')}"


def reset_persist(name: str) -> str:
    """Keep no value any more (MySQL 8.0 and later); harmless where none is kept."""
    return f"RESET PERSIST IF EXISTS {_quoted_name(name)}"


def _quoted_name(name: str) -> str:
    return ".".join(f"`{part}`" for part in checked_name(name).split("."))
