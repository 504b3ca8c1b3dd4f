"""Asking: one request in a script, and its rows as a sealed answer.

A row is printed the way the server writes a composite value, which holds each column's own text as a driver
would bring it, and that as one JSON string, so that a row is a line whatever is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.native import MARK
from setpoint.engines.postgresql.dialect import quote_literal
from setpoint.engines.postgresql.dialect.messages import is_query, split_statements
from setpoint.engines.postgresql.native import words

if TYPE_CHECKING:
    from setpoint.engines.native import Job
    from setpoint.engines.plan import Request

_NOT_PERMITTED = "42501"


def ask_request(job: Job, number: int, request: Request) -> list[str]:
    """Run a request and print what its last query brought; its lesser texts where this login may not."""
    lines = [*words.run(request.ahead), *words.keep(asks="on")]
    # What goes ahead failed: nothing is asked.
    lines += words.when("ran", (), otherwise=words.keep(asks="off"))
    for text in (request.text, *request.fallbacks):
        attempt = _attempt(job, number, text)
        lines += words.when("asks", [*attempt, *words.ask(asks=f":'setpoint_state' = '{_NOT_PERMITTED}'")])
    return words.when("go", [*lines, *words.when("ran", (), otherwise=refuse_failed())])


def refuse_failed() -> list[str]:
    """Print why what was run last failed, and have nothing done after it."""
    may_not = f":'setpoint_state' = '{_NOT_PERMITTED}'"
    return [
        *words.ask(may_not=may_not),
        *words.when(
            "may_not",
            [words.tell_object("refused right", why=":'setpoint_why'::text")],
            otherwise=[words.tell_object("refused server", why=":'setpoint_why'::text")],
        ),
        *words.keep(go="off", going="off", end="failed"),
    ]


def _attempt(job: Job, number: int, text: str) -> list[str]:
    statements = split_statements(text)
    places = [place for place, statement in enumerate(statements) if is_query(statement)]
    ended = [words.quiet(statement) for statement in statements]
    if not places:
        empty = _sealing(job, number, "''", "")
        return [*words.run_statements(ended), *words.when("ran", [empty])]
    asked = statements[places[-1]]
    rows = f"FROM (\n{asked}\n) AS setpoint_row"
    ended[places[-1]] = _sealing(
        job, number, "coalesce(string_agg(to_json(setpoint_row::text)::text, E'\\n'), '')", rows
    )
    return words.run_statements(ended)


def _sealing(job: Job, number: int, lines: str, rows: str) -> str:
    """Write the statement that prints an answer and its seal; a failure prints neither.

    The word stands on a line of its own: of a faulty statement psql shows the line with the fault.
    """
    word = quote_literal(job.seal)
    return f"""WITH setpoint_answer AS MATERIALIZED (SELECT {lines} AS lines
{rows}
)
SELECT {quote_literal(f"{MARK}answer {number}")} || E'\\n' || lines || E'\\n'
  || {quote_literal(f"{MARK}seal {number} ")} || encode(sha256(convert_to(
{word}
  || lines, 'UTF8')), 'hex') FROM setpoint_answer;"""  # noqa: S608 - texts are quoted, and the query is whole
