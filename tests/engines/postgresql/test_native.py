"""Scripts for psql without a server: what psql would make of them, and rows read back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.engines.native import Job
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import Prior, Request, Step, StepKind
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.postgresql.dialect import alter_system_set_named, quote_literal
from setpoint.engines.postgresql.dialect.messages import is_query, split_statements
from setpoint.engines.postgresql.native import PsqlClient
from setpoint.errors import InputError

NATIVE = PsqlClient()
AT = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job(bundle="b1", seal="word", instance="pg", identity="7:5432", expires_at=AT + timedelta(hours=1))
NASTY = [
    "it's",
    "back\\slash",
    "\\gset",
    "\\! touch x",
    ":var :'var' :\"var\" :{?var}",
    "@x",
    "&x",
    "$(x)",
    "$$ $do$ $setpoint$",
    "-- not a comment /* nor this",
    "; DROP TABLE x",
    '"quoted"',
    "`date`",
    "ü€\x7f\t",
]
TEXTS = st.text(alphabet=st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=40)


def commands(script: str) -> str:
    """Answer what psql reads outside of quotes and comments, by the rules of its manual."""
    left, at = [], 0
    while at < len(script):
        if script[at] == "'":
            is_escaped = script[at - 1 : at].upper() == "E"
            at += 1
            while script[at] != "'" or script[at : at + 2] == "''":
                at += 2 if script[at : at + 2] == "''" or (is_escaped and script[at] == "\\") else 1
            left.append("''")
        elif script.startswith("--", at):
            at = script.find("\n", at) - 1
        else:
            left.append(script[at])
        at += 1
    return "".join(left).replace("E''", "''")


def step(text: str, name: str = "log_line_prefix") -> Step:
    return Step(
        kind=StepKind.SET,
        parameter=name,
        text=text,
        prior=Prior(running=text, persisted=text),
        do=(Request(text=alter_system_set_named(name, text, is_quoted_list=False), is_read_only=False),),
        undo=(Request(text=alter_system_set_named(name, text, is_quoted_list=False), is_read_only=False),),
    )


def order(ours: str, back: str | None = None) -> Order:
    made = Back(parameter="log_line_prefix", ours=ours, back=back)
    return Order(
        override="o1",
        instance="pg",
        engine="postgresql",
        target="",
        backs=(made,),
        deadline=AT,
        written_at=AT,
    )


@pytest.mark.parametrize("text", NASTY)
def test_no_text_leaves_its_quotes(text):
    plain = commands(NATIVE.applying(JOB, (step("plain"),), None))
    assert commands(NATIVE.applying(JOB, (step(text),), None)) == plain


@pytest.mark.parametrize("text", NASTY)
def test_no_request_has_psql_put_something_in(text):
    asked = NATIVE.asking(JOB, 1, Request(text=f"SELECT {quote_literal(text)}, ARRAY[1, 2][1:two]"))
    assert "[1: two]" in commands(asked)
    assert text.replace("'", "''") in asked or text.replace("\\", "\\\\").replace("'", "''") in asked


def test_no_reason_is_more_than_a_line():
    restart = Step(kind=StepKind.RESTART, reason="for it's\n\\! touch x\n@setpoint end done")
    lines = NATIVE.applying(JOB, (restart,), None).splitlines()
    said = [line for line in lines if "touch" in line]
    assert said == [
        r"\qecho '-- to be done by hand: restart this server for it''s \\! touch x @setpoint end done'"
    ]


def test_a_value_with_a_line_break_is_refused():
    with pytest.raises(InputError, match="line break"):
        NATIVE.applying(JOB, (step("48MB"),), order("48MB", back="a\nb"))


@pytest.mark.parametrize("text", ["SELECT 'open", 'SELECT "open', "SELECT 1 /* open", "SELECT 1 \\gexec"])
def test_what_psql_would_read_otherwise_is_refused(text):
    with pytest.raises(InputError):
        NATIVE.asking(JOB, 1, Request(text=text))


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", ()),
        (" ;; -- nothing\n; /* ; */", ()),
        ("SELECT 1", ("SELECT 1",)),
        ("SELECT ';'; SELECT E'\\';'", ("SELECT ';'", "SELECT E'\\';'")),
        ('SELECT ";"";"', ('SELECT ";"";"',)),
        ("DO $$ a; b $$; COMMIT;", ("DO $$ a; b $$", "COMMIT")),
        ("DO $q$ $$; $Q$ $q$", ("DO $q$ $$; $Q$ $q$",)),
        ("SELECT a$b$c; SELECT $1", ("SELECT a$b$c", "SELECT $1")),
        ("/* /* ; */ ; */ SELECT 1; -- ;\nSELECT 2", ("/* /* ; */ ; */ SELECT 1", "-- ;\nSELECT 2")),
        ("SELECT (1; 2)", ("SELECT (1; 2)",)),
        ("SELECT a::int, b[1:n], c := 1", ("SELECT a::int, b[1: n], c := 1",)),
    ],
)
def test_messages_are_taken_apart(text, statements):
    assert split_statements(text) == statements


@given(st.lists(TEXTS.map(quote_literal), min_size=1, max_size=4))
def test_what_is_quoted_is_one_statement_and_stays_as_it_is(literals):
    statements = [f"SELECT {literal}" for literal in literals]
    assert list(split_statements(";".join(statements))) == statements


@pytest.mark.parametrize(
    "text", ["SELECT 1", "/* x */ with a AS (SELECT 1) SELECT", "(VALUES (1))", "TABLE t"]
)
def test_a_query_is_known(text):
    assert is_query(text)


@pytest.mark.parametrize("text", ["ALTER SYSTEM RESET ALL", "DO 'select'", "-- select\nCOMMIT", ""])
def test_what_is_no_query_is_known(text):
    assert not is_query(text)


def record(cells: list[str | None]) -> str:
    """Write a composite value as the server does."""
    written = []
    for cell in cells:
        doubled = (cell or "").replace("\\", "\\\\").replace('"', '""')
        is_plain = cell and not any(mark in cell for mark in '"\\(),') and not set(cell) & set(" \t\n\r\f\v")
        written.append("" if cell is None else doubled if is_plain else f'"{doubled}"')
    return f"({','.join(written)})"


@given(st.lists(st.lists(st.none() | st.text(max_size=20), min_size=1, max_size=5), max_size=5))
def test_rows_are_read_back_as_they_were(rows):
    answer = "\n".join(json.dumps(record(row)) for row in rows)
    assert NATIVE.rows(answer) == tuple(map(tuple, rows))


@pytest.mark.parametrize(
    "line", ["(1)", '"1"', '"(1"', '"(\\"1)"', '"(1\\"2)"', '"(a b)"', "null", '"(1)(2)"']
)
def test_what_is_no_row_is_refused(line):
    with pytest.raises(InputError, match="line 2 of an answer"):
        NATIVE.rows(f'"(1)"\n{line}')


def test_the_command_quotes_its_files():
    assert NATIVE.usage("my script.sql", "out.txt") == "psql -X -q -f 'my script.sql' -o out.txt"


def test_the_engine_names_its_client():
    assert ENGINE.native().client == "psql"


def test_psql_writes_no_option_file():
    assert NATIVE.fragment((step("x"),)) == ""
