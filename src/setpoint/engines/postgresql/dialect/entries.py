"""One parameter's entry in postgresql.auto.conf, as statements ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.postgresql.dialect import knowledge
from setpoint.engines.postgresql.dialect.grammar import GRAMMAR
from setpoint.engines.postgresql.dialect.statements import quote_literal

if TYPE_CHECKING:
    from setpoint.config.configuration import SettingText

_LAST = """SELECT setting FROM {table}
        WHERE lower(name) = lower({name}) AND sourcefile LIKE '%/postgresql.auto.conf'
        ORDER BY seqno DESC LIMIT 1"""

ARE_FILES_BROKEN = """EXISTS (
      SELECT FROM pg_catalog.pg_file_settings WHERE name IS NULL AND sourcefile IS NOT NULL)"""
"""Whether a whole file has a fault, so that what it says is not told."""

OTHERS = r"""EXISTS (
      SELECT FROM pg_catalog.pg_stat_activity
      WHERE state = 'active' AND pid <> pg_catalog.pg_backend_pid() AND query ~* '\malter\s+system\M')"""
"""Whether another session is at an ALTER SYSTEM."""

WAIT = f"""
DO $do$
BEGIN
  FOR i IN 1..200 LOOP
    EXIT WHEN NOT {OTHERS};
    PERFORM pg_catalog.pg_sleep(0.005), pg_catalog.pg_stat_clear_snapshot();
  END LOOP;
END
$do$
"""
"""An ALTER SYSTEM writes the file aside, waits for the disk, and moves it into place at its end. One that
is under way would not be seen, and ours would wait for it and write over it; so it is waited for, a second
at most.
"""


def entry_sql(parameter: str) -> str:
    """Answer a query for a parameter's last entry, and for how many faults whole files have."""
    return f"""
WITH told AS MATERIALIZED (SELECT * FROM pg_catalog.pg_file_settings)
SELECT ({last_entry(quote_literal(parameter), table="told")}),
       (SELECT count(*) FROM told WHERE name IS NULL AND sourcefile IS NOT NULL)
"""  # noqa: S608 - the name is quoted


def last_entry(name: str, *, table: str = "pg_catalog.pg_file_settings") -> str:
    """Answer a query for a parameter's last entry; `name` is an expression."""
    return _LAST.format(table=table, name=name)


def kept_text(parameter: str, text: SettingText, major: int) -> str | None:
    """Write a text as the server persists it; a quoted list without its quotes and spaces."""
    if text is None:
        return None
    plain = GRAMMAR.write_list(text) if isinstance(text, tuple) else text
    is_list = knowledge.is_quoted_list(parameter, major)
    return plain.replace('"', "").replace(" ", "") if is_list else plain
