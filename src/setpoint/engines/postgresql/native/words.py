r"""psql's own language: the few idioms that scripts are made of.

Everything a script decides stands in psql's variables, all named ``setpoint_...``:

``go``      nothing was refused
``going``   and no step has failed
``end``     how the script will end: ``done`` or ``failed``
``ran``     whether the statements that were run last all ran
``state``   the SQLSTATE of what did not, and ``why`` in the server's words

Statements are written out, never run by ``\gexec``: whether those failed is not told by every version.

Facts: psql's documentation, versions 13 to 18.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.native import MARK
from setpoint.engines.postgresql.dialect import quote_literal
from setpoint.engines.postgresql.dialect.messages import first_word, is_query, split_statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BEGINNINGS = frozenset({"begin", "start"})


def when(variable: str, lines: Iterable[str], *, otherwise: Iterable[str] = ()) -> list[str]:
    """Run lines where one of our variables is true, else others."""
    other = list(otherwise)
    return [rf"\if :setpoint_{variable}", *lines, *([r"\else", *other] if other else []), r"\endif"]


def when_set(variable: str, lines: Iterable[str]) -> list[str]:
    """Run lines where one of our variables has a value."""
    return [rf"\if :{{?setpoint_{variable}}}", *lines, r"\endif"]


def keep(**variables: str) -> list[str]:
    """Give our variables plain words as values."""
    return [rf"\set setpoint_{name} {word}" for name, word in variables.items()]


def ask(**expressions: str) -> list[str]:
    """Give our variables the values of SQL expressions; NULL takes the value away, a failure too."""
    columns = ", ".join(f"({sql}) AS setpoint_{name}" for name, sql in expressions.items())
    return [*(rf"\unset setpoint_{name}" for name in expressions), f"SELECT {columns} \\gset"]


def judge(condition: str) -> list[str]:
    """Keep in ``ran`` whether a condition holds; it does not where it cannot be told."""
    return [*keep(ran="off"), f"SELECT coalesce(({condition}), false) AS setpoint_ran \\gset"]


def tell(frame: str) -> str:
    """Print a frame made of plain words."""
    return rf"\qecho {quote(MARK + frame)}"


def tell_object(frame: str, **fields: str) -> str:
    """Print a frame with a JSON object; its fields are SQL expressions."""
    return f"SELECT {quote_literal(f'{MARK}{frame} ')} || {json_object(**fields)};"


def json_object(**fields: str) -> str:
    """Write an SQL expression for a JSON object's text."""
    pairs = ", ".join(f"{quote_literal(name)}, {sql}" for name, sql in fields.items())
    return f"json_build_object({pairs})::text"


def tell_end() -> list[str]:
    """Print the frame of a script's end."""
    return [rf"\qecho {MARK}end :setpoint_end"]


def note(text: str) -> str:
    """Print a line for whoever runs the script."""
    return rf"\qecho {quote('-- ' + ' '.join(text.split()))}"


def remark(text: str) -> str:
    """Write a comment into the script itself."""
    return "-- " + " ".join(text.split())


def run(messages: Iterable[str]) -> list[str]:
    """Run messages statement by statement, up to the first that fails, and print no rows of theirs."""
    statements = [each for message in messages for each in split_statements(message)]
    return run_statements([quiet(each) for each in statements])


def run_statements(statements: Sequence[str]) -> list[str]:
    """Run ended statements, up to the first that fails; leave no transaction open."""
    lines = keep(ran="on", state="00000")
    lines.append(r"\set setpoint_why ''")
    for statement in statements:
        failure = [
            *keep(ran="off", state=":SQLSTATE"),
            r"\set setpoint_why :LAST_ERROR_MESSAGE",
        ]
        lines += when("ran", [statement, r"\if :ERROR", *failure, r"\endif"])
    if any(first_word(each) in _BEGINNINGS for each in statements):
        lines += when("ran", (), otherwise=["ROLLBACK;"])
    return lines


def quiet(statement: str) -> str:
    """End a statement so that its rows are not printed."""
    if is_query(statement):
        return (
            f"SELECT count(setpoint_row::text) AS setpoint_told FROM (\n{statement}\n) AS setpoint_row \\gset"  # noqa: S608 - the statement is whole
        )
    return ended(statement)


def ended(statement: str) -> str:
    """End a statement."""
    return f"{statement}\n;"


def quote(text: str) -> str:
    """Write an argument of a command of psql's own."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
