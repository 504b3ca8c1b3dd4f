"""Checks before anything is written: each either says nothing or refuses the whole script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.native import MARK
from setpoint.engines.postgresql.dialect import GRAMMAR, quote_literal
from setpoint.engines.postgresql.dialect.entries import ARE_FILES_BROKEN, last_entry
from setpoint.engines.postgresql.dialect.knowledge import MASK
from setpoint.engines.postgresql.dialect.statements import LOCK_KEYS
from setpoint.engines.postgresql.native import words
from setpoint.engines.postgresql.native.asking import refuse_failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.engines.native import Job
    from setpoint.engines.plan import Step

_RIGHTS_SINCE = 150_000
"""From this version number on, rights on single parameters can be granted."""


def refuse_where(kind: str, condition: str, **told: str) -> list[str]:
    """Refuse where a condition holds, or where it cannot be told; what is told are SQL expressions."""
    refusal = f"CASE WHEN {condition} THEN {words.json_object(**told)} END"
    return refuse_by(kind, refusal)


def refuse_by(kind: str, refusal: str) -> list[str]:
    """Refuse where an expression answers a refusal's JSON object and not NULL."""
    # The answer is sent to the server and back, to be printed as it is.
    printed = [f"SELECT {quote_literal(f'{MARK}refused {kind} ')} || :'setpoint_refusal';"]
    printed += words.keep(go="off", going="off", end="failed")
    failed = [
        *words.keep(state=":LAST_ERROR_SQLSTATE"),
        r"\set setpoint_why :LAST_ERROR_MESSAGE",
        *refuse_failed(),
    ]
    lines = words.ask(refusal=refusal)
    return words.when("go", [*lines, r"\if :ERROR", *failed, r"\endif", *words.when_set("refusal", printed)])


def check_ground(job: Job, steps: Sequence[Step]) -> list[str]:
    """Check the login's rights, that nobody else is at it, and that every entry is what the plan saw."""
    names = [step.parameter for step in steps if step.parameter]
    return [*_check_rights(names), *_check_lock(job), *_check_entries(steps)]


def _check_rights(names: Sequence[str]) -> list[str]:
    lines = words.ask(
        is_superuser="current_setting('is_superuser') = 'on'",
        has_rights=f"current_setting('server_version_num')::int >= {_RIGHTS_SINCE}",
    )
    single = [
        *refuse_by("right", _first_forbidden(names)),
        *refuse_where(
            "right",
            "NOT has_function_privilege('pg_reload_conf()', 'EXECUTE')"
            " OR NOT has_function_privilege('pg_show_all_file_settings()', 'EXECUTE')"
            " OR NOT has_table_privilege('pg_file_settings', 'SELECT')",
            why="'this login may not have the files loaded, or not see what is in them'",
        ),
    ]
    only = refuse_where(
        "right", "true", why="'up to PostgreSQL 14 a superuser alone changes the configuration'"
    )
    lines += words.when("is_superuser", (), otherwise=words.when("has_rights", single, otherwise=only))
    return lines + refuse_where(
        "right",
        "current_setting('allow_alter_system', true) = 'off'",
        why="'ALTER SYSTEM is turned off here (allow_alter_system)'",
    )


def _first_forbidden(names: Sequence[str]) -> str:
    array = f"ARRAY[{', '.join(map(quote_literal, names))}]::text[]"
    told = words.json_object(
        why="'this login may not change ' || each.name || ' with ALTER SYSTEM'", parameter="each.name"
    )
    return (
        f"SELECT {told} FROM unnest({array}) AS each(name)"  # noqa: S608 - the names are quoted
        " WHERE has_parameter_privilege(each.name, 'ALTER SYSTEM') IS NOT TRUE LIMIT 1"
    )


def _check_lock(job: Job) -> list[str]:
    """Take the lock that every apply holds; it goes with the session."""
    first, second = LOCK_KEYS
    name = quote_literal(f"setpoint: bundle {job.bundle}")
    is_held = f"NOT pg_try_advisory_lock({first}, {second})"
    why = "'somebody else is changing this instance at this moment'"
    return [*words.when("go", [f"SET application_name = {name};"]), *refuse_where("base", is_held, why=why)]


def _check_entries(steps: Sequence[Step]) -> Iterator[str]:
    touched = [step for step in steps if step.parameter]
    known = [step for step in touched if not holds_secret(prior_of(step))]
    for step in touched:
        if holds_secret(prior_of(step)):
            yield words.remark(f"{step.parameter} holds a secret, so its entry cannot be compared")
    yield from refuse_where("base", ARE_FILES_BROKEN, why="'the server''s files are broken'")
    if known:
        yield from refuse_by("base", _first_moved(known))


def _first_moved(steps: Sequence[Step]) -> str:
    values = ", ".join(
        f"({place}, {quote_literal(step.parameter)}, {text_or_null(prior_of(step))})"
        for place, step in enumerate(steps)
    )
    told = words.json_object(
        why="'somebody changed ' || seen.name || ' after the plan was made'", parameter="seen.name"
    )
    return f"""WITH told AS MATERIALIZED (SELECT * FROM pg_file_settings)
SELECT {told} FROM (VALUES {values}) AS seen(place, name, entry)
WHERE ({last_entry("seen.name", table="told")}) IS DISTINCT FROM seen.entry
ORDER BY place LIMIT 1"""  # noqa: S608 - names and texts are quoted


def prior_of(step: Step) -> str | None:
    """Answer the text of the entry that stood before a step, None where there was none."""
    persisted = step.prior.persisted if step.prior is not None else None
    return GRAMMAR.write_list(persisted) if isinstance(persisted, tuple) else persisted


def holds_secret(text: str | None) -> bool:
    """Tell whether a part of a text was masked, so that it is not what stands there."""
    return MASK in (text or "")


def text_or_null(text: str | None) -> str:
    """Write a text as an SQL expression."""
    return "NULL::text" if text is None else f"{quote_literal(text)}::text"
