"""psql as a way to an instance that nobody here can reach."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from setpoint.engines.postgresql.dialect import quote_literal
from setpoint.engines.postgresql.native import words
from setpoint.engines.postgresql.native.applying import apply_steps
from setpoint.engines.postgresql.native.asking import ask_request
from setpoint.engines.postgresql.native.checks import refuse_where
from setpoint.engines.postgresql.native.records import read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.native import Job
    from setpoint.engines.order import Order
    from setpoint.engines.plan import Request, Step

_MANNERS = (
    r"\set QUIET on",
    r"\set ECHO none",
    r"\set ECHO_HIDDEN off",
    r"\set SINGLELINE off",
    r"\set AUTOCOMMIT on",
    r"\set ON_ERROR_STOP off",
    r"\set ON_ERROR_ROLLBACK off",
    r"\set FETCH_COUNT 0",
    r"\set VERBOSITY terse",
    r"\pset format unaligned",
    r"\pset tuples_only on",
    r"\pset expanded off",
    r"\pset numericlocale off",
    r"\pset null ''",
    r"\pset recordsep '\n'",
    r"\pset pager off",
    r"\timing off",
    r"\encoding UTF8",
)
_IDENTITY = """(SELECT system_identifier FROM pg_catalog.pg_control_system())
  || ':' || (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'port')"""
"""A standby has its primary's identifier, so one beside it differs by its port alone."""


class PsqlClient:
    """The `Native` port over psql 13 and later."""

    client = "psql"
    comment = "--"

    def usage(self, script: str, output: str) -> str:
        """Answer the command; where to connect is added by whoever runs it, as they always do."""
        return f"psql -X -q -f {shlex.quote(script)} -o {shlex.quote(output)}"

    def opening(self, job: Job) -> str:
        """Make psql print bare text; print the begin frame; refuse where expired or elsewhere."""
        lines = [*_MANNERS, "SET search_path = pg_catalog;", *words.keep(go="on", going="on", end="done")]
        lines += words.ask(identity=_IDENTITY)
        lines += [r"\if :{?setpoint_identity}", r"\else", r"\set setpoint_identity ''", r"\endif"]
        lines.append(
            words.tell_object(
                "begin",
                bundle=f"{quote_literal(job.bundle)}::text",
                identity=":'setpoint_identity'::text",
                at="extract(epoch FROM clock_timestamp())",
                version="current_setting('server_version')",
                user="session_user",
            )
        )
        until = quote_literal(job.expires_at.isoformat())
        why = quote_literal(f"it was to be run until {job.expires_at.isoformat()}")
        lines += refuse_where("expired", f"clock_timestamp() > {until}::timestamptz", why=f"{why}::text")
        if job.identity:
            lines += self._compare(job)
        return _text(lines)

    def _compare(self, job: Job) -> list[str]:
        is_another = f":'setpoint_identity' <> {quote_literal(job.identity)}"
        why = quote_literal(f"it is for {job.instance}, which is {job.identity}; this one is ")
        return refuse_where("identity", is_another, why=f"{why} || :'setpoint_identity'")

    def asking(self, job: Job, number: int, request: Request) -> str:
        """Run a request and print its rows, sealed; raise `InputError` where psql cannot take its text."""
        return _text(ask_request(job, number, request))

    def applying(self, job: Job, steps: Sequence[Step], order: Order | None) -> str:
        """Carry out steps; raise `InputError` where psql cannot be given one of their texts."""
        return _text(apply_steps(job, steps, order))

    def fragment(self, steps: Sequence[Step]) -> str:
        """Answer nothing: ALTER SYSTEM writes the file."""
        del steps
        return ""

    def closing(self, job: Job) -> str:
        """Print the end frame."""
        del job
        return _text(words.tell_end())

    def rows(self, answer: str) -> tuple[tuple[Any, ...], ...]:
        """Answer rows of texts, None where a cell was NULL."""
        return read_rows(answer)


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"
