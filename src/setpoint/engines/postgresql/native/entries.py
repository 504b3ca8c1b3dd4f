"""Entries under a script's hands: waited for until they run, and put back where ours still stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.postgresql.dialect import knowledge, quote_literal
from setpoint.engines.postgresql.dialect.entries import ARE_FILES_BROKEN, kept_text, last_entry
from setpoint.engines.postgresql.native import words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from setpoint.config.configuration import SettingText

OLDEST, NEWEST = 13, 18
"""The majors between which statements may be written differently."""
_LOADED_AT = "(extract(epoch FROM pg_conf_load_time()) * 1000000)::bigint"
"""In microseconds: a text that is the same whatever the session makes of times and fractions."""
_LOOKS = 40
"""Each sleeps a little longer than the one before, fifteen seconds in all."""


def by_major(make: Callable[[int], Sequence[str]]) -> list[str]:
    """Answer lines that are right for every major: both ways where they differ, and the server decides."""
    old, new = list(make(OLDEST)), list(make(NEWEST))
    if old == new:
        return new
    is_oldest = f"current_setting('server_version_num')::int < {(OLDEST + 1) * 10_000}"
    return [*words.ask(is_oldest=is_oldest), *words.when("is_oldest", old, otherwise=new)]


def is_entry(parameter: str, text: SettingText) -> str:
    """Answer an SQL condition: the entry is this text (None: there is none), as the server persists it.

    It does not hold where the files are broken, as what stands there is not told then.
    """
    entry = f"({last_entry(quote_literal(parameter))})"
    if text is None:
        return f"NOT {ARE_FILES_BROKEN} AND {entry} IS NULL"
    if knowledge.is_quoted_list(parameter, NEWEST):
        entry = f"""replace(replace({entry}, '"', ''), ' ', '')"""
    kept = quote_literal(kept_text(parameter, text, NEWEST) or "")
    return f"NOT {ARE_FILES_BROKEN} AND {entry} IS NOT DISTINCT FROM {kept}"


def load_files(messages: Sequence[str]) -> list[str]:
    """Have the server read its files, and wait until this session has what they say.

    A session looks at them between statements, so the waiting is many small ones.
    """
    look = f"""
BEGIN
  IF {_LOADED_AT} = %L THEN
    PERFORM pg_sleep(least(0.5, 0.02 * %s));
  END IF;
END"""
    looks = (
        f"SELECT format('DO %L', format({quote_literal(look)}, :'setpoint_loaded', look))"  # noqa: S608 - quoted
        f" FROM generate_series(1, {_LOOKS}) AS look \\gexec"
    )
    has_loaded = f"{_LOADED_AT} <> :'setpoint_loaded'::bigint"
    waiting = [looks, r"\set setpoint_why 'the server does not read its files'", *words.judge(has_loaded)]
    return [*words.ask(loaded=_LOADED_AT), *words.run(messages), *words.when("ran", waiting)]


def put_back(
    number: int, parameter: str, ours: SettingText, back: SettingText, writing: Sequence[str]
) -> list[str]:
    """Put an entry back by `writing` where ours still stands, read it back, and tell."""
    is_back = is_entry(parameter, back)
    done = [words.tell(f"back {number} done")]
    failed = [words.tell(f"back {number} failed"), *words.keep(end="failed")]
    written = [*writing, *words.when("ran", words.judge(is_back)), *words.when("ran", done, otherwise=failed)]
    left = [words.note(f"{parameter} was changed by somebody else, or cannot be read, and is left alone")]
    left.append(words.tell(f"back {number} left"))
    return [
        *words.judge(is_back),
        *words.when(
            "ran",
            done,
            otherwise=[
                *words.judge(is_entry(parameter, ours)),
                *words.when("ran", _noting(written), otherwise=left),
            ],
        ),
    ]


def _noting(lines: Sequence[str]) -> list[str]:
    """Remember that something was written, so that it is loaded."""
    return [*words.keep(wrote="on"), *lines]
