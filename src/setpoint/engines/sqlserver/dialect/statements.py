"""The statements that change the configuration, written so that no value can escape its place.

Facts: the manual, "sp_configure", "RECONFIGURE", "ALTER DATABASE SCOPED CONFIGURATION". An option that is
advanced can be changed only while ``show advanced options`` is in use, so that is turned on around it. What
it was is written back, unreconfigured, before the change itself: whatever ends the batch then, the next
RECONFIGURE puts it right.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.sqlserver.dialect.grammar import FOLDED
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog import Value

MARKER = "/* setpoint:apply */"
RECONFIGURE = f"{MARKER} RECONFIGURE;"
RECONFIGURE_WITH_OVERRIDE = f"{MARKER} RECONFIGURE WITH OVERRIDE;"
SHOW_ADVANCED = "show_advanced_options"
MOVED = 51_001
"""The number of the error with which a guarded batch ends where its entry is another by now."""
_SHOW_ID = 518
"""The configuration_id of ``show advanced options``."""
_WORD = re.compile(r"-?\d{1,18}|[A-Za-z][A-Za-z0-9_]{0,63}")

_ADVANCED = """{marker}
DECLARE @kept int = (SELECT CONVERT(int, value) FROM sys.configurations WHERE configuration_id = {show});
DECLARE @shown int =
  (SELECT CONVERT(int, value_in_use) FROM sys.configurations WHERE configuration_id = {show});
DECLARE @stood int = (SELECT CONVERT(int, value) FROM sys.configurations WHERE name = {name});
BEGIN TRY
  {repair}IF @shown = 0
  BEGIN
    EXEC sys.sp_configure @configname = N'show advanced options', @configvalue = 1;
    {reconfigure};
    EXEC sys.sp_configure @configname = N'show advanced options', @configvalue = @kept;
  END;
  EXEC sys.sp_configure @configname = {name}, @configvalue = {number};
  IF NOT (@kept = 1 AND @shown = 1)
    {reconfigure};
END TRY
BEGIN CATCH
  IF @shown = 0
    AND EXISTS (SELECT 1 FROM sys.configurations WHERE configuration_id = {show} AND value_in_use = 1)
  BEGIN
    EXEC sys.sp_configure @configname = {name}, @configvalue = @stood;
    EXEC sys.sp_configure @configname = N'show advanced options', @configvalue = @kept;
    {reconfigure};
  END;
  IF @shown = 0
    AND EXISTS (SELECT 1 FROM sys.configurations WHERE configuration_id = {show} AND value <> @kept)
    EXEC sys.sp_configure @configname = N'show advanced options', @configvalue = @kept;
  THROW;
END CATCH;"""
_REPAIR = """IF @stood = {number} AND @kept = 1
  BEGIN
    SET @kept = 0;
    EXEC sys.sp_configure @configname = N'show advanced options', @configvalue = 0;
  END;
  """


def quote_literal(text: str) -> str:
    """Write a Unicode string literal."""
    doubled = text.replace("'", "''")
    return f"N'{doubled}'"


def folded_sql(column: str) -> str:
    """Write an expression that folds a column's name as `fold` does."""
    expression = f"LOWER({column})"
    for old, new in FOLDED:
        expression = f"REPLACE({expression}, {quote_literal(old)}, {quote_literal(new)})"
    return expression


def set_option(
    name: str, number: int, *, is_advanced: bool, is_overriding: bool = False, was_hidden: bool = False
) -> str:
    """Write the batch that gives an option, in the vendor's spelling, its configured value.

    With `was_hidden` it is known that advanced options were hidden before a change which this batch takes
    back: where that change was cut off before it came to the value, they are hidden again.
    """
    quoted = quote_literal(name)
    if not is_advanced:
        return f"{MARKER} EXEC sys.sp_configure @configname = {quoted}, @configvalue = {number};"
    return _ADVANCED.format(
        marker=MARKER,
        show=_SHOW_ID,
        name=quoted,
        number=number,
        reconfigure="RECONFIGURE WITH OVERRIDE" if is_overriding else "RECONFIGURE",
        repair=_REPAIR.format(number=number) if was_hidden else "",
    )


def set_scoped(name: str, word: str) -> str:
    """Write the statement for a database-scoped configuration; raise `InputError` for no plain word."""
    if not _WORD.fullmatch(name) or not _WORD.fullmatch(word):
        message = f"{name}: {word!r} cannot be written there"
        raise InputError(message, next_step="a number or a plain word is taken")
    return f"{MARKER} ALTER DATABASE SCOPED CONFIGURATION SET {name.upper()} = {word.upper()};"


def scoped_word(value: Value) -> str:
    """Answer the word that ALTER DATABASE SCOPED CONFIGURATION is given for a value."""
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return str(value)
