"""What is written for the clients of MySQL and MariaDB: quoted, bound, and read back."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from setpoint.engines.mariadb import ENGINE as MARIADB
from setpoint.engines.mysql import ENGINE as MYSQL
from setpoint.engines.mysql.dialect.agent_words import write_file
from setpoint.engines.mysql.dialect.option_fragment import parse_fragment
from setpoint.engines.mysql.dialect.statements import quote_literal
from setpoint.engines.mysql.native.message import DELIMITER, count_columns, split
from setpoint.engines.native import Job
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import Prior, Request, Step, StepKind
from setpoint.errors import InputError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENGINES = [MYSQL, MARIADB]
NASTY = [
    "it's", "''", "a // b", "//", r"\g", r"\! id", r"\\'", "\\", ":var", "@x", "&x", "$(x)", "`b`", '"c"',
    "-- d", "# e", "/* f", "a; b", "delimiter ;", "DELIMITER //", "x\nDELIMITER ;\ny", "x\n\\! id", "?",
]  # fmt: skip
LITERAL = re.compile(r"_utf8mb4 X'[0-9a-f]*'|'(?:[^']|'')*'")
NUMBER = re.compile("-?[0-9]+([.][0-9]+)?")
each_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


def job(**given_: str) -> Job:
    words = {"bundle": "b1", "seal": "a seal", "instance": "db", "identity": "id-1", **given_}
    return Job(**words, expires_at=NOW)


def step(text: str, prior: str | None = "151", name: str = "init_connect") -> Step:
    return Step(
        kind=StepKind.SET,
        parameter=name,
        text=text,
        prior=Prior(running=prior, persisted=prior),
        do=(Request(text=f"SET GLOBAL {name} = {quote_literal(text)}", is_read_only=False),),
        undo=(Request(text=f"SET GLOBAL {name} = {quote_literal(prior or '')}", is_read_only=False),),
        reason=text,
    )


def order(*backs: Back, seconds: float = 60) -> Order:
    return Order(
        override="o1",
        instance="db",
        engine="",
        target="",
        backs=backs,
        deadline=NOW + timedelta(seconds=seconds),
        written_at=NOW,
    )


def shape(script: str) -> str:
    """Answer what is left of a script without its literals, as the client takes it apart."""
    return LITERAL.sub("L", re.sub(r"(?m)^-- .*\n", "", script))


@each_engine
@pytest.mark.parametrize("text", NASTY)
def test_no_value_leaves_its_quotes(engine, text):
    native = engine.native()
    nasty = native.applying(job(), [step(text, text)], None)
    assert shape(nasty) == shape(native.applying(job(), [step("plain", "plain")], None))
    bundle = job(bundle=text, seal=text, identity=text)
    plain = job(bundle="b", seal="s", identity="i")
    request = Request(text="SELECT 1")
    for write in (native.opening, lambda given_: native.asking(given_, 1, request), native.closing):
        assert shape(write(bundle)) == shape(write(plain))


@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_no_text_at_all_leaves_its_quotes(text):
    assume(not NUMBER.fullmatch(text))  # which is compared as one
    native = MARIADB.native()
    nasty = native.applying(job(), [step(text, text)], None)
    assert shape(nasty) == shape(native.applying(job(), [step("plain", "plain")], None))


@each_engine
def test_a_name_that_is_none_is_refused(engine):
    with pytest.raises(InputError, match="no name of a variable"):
        engine.native().applying(job(), [step("1", name="a` = 1; DROP")], None)


@each_engine
def test_a_zero_byte_is_refused(engine):
    with pytest.raises(InputError, match="zero byte"):
        engine.native().opening(job(bundle="a\0b"))


@each_engine
def test_every_message_ends_with_the_delimiter_on_its_own_line(engine):
    native = engine.native()
    script = native.opening(job()) + native.applying(job(), [step("x")], None) + native.closing(job())
    assert script.startswith(f"DELIMITER {DELIMITER}\n")
    assert script.endswith(f"\n{DELIMITER}\n")


@each_engine
def test_the_seal_is_never_part_of_what_is_printed(engine):
    asked = engine.native().asking(job(seal="word of the seal"), 1, Request(text="SELECT 1"))
    assert asked.count("word of the seal") == 1
    assert "SHA2(CONCAT('word of the seal'" in asked


@each_engine
def test_all_guards_stand_before_the_first_write(engine):
    script = engine.native().applying(job(), [step("1", name="a_b"), step("2", name="c_d")], None)
    first_write = script.index("@setpoint step 1 begun")
    assert script.rindex("@setpoint refused") < first_write
    assert script.index("back from step 2") < script.index("back from step 1")


@each_engine
def test_what_holds_a_secret_is_not_compared_and_the_script_says_so(engine):
    script = engine.native().applying(job(), [step("x", "user:********", name="some_dsn")], None)
    assert "-- what stood before of some_dsn is not known here, and is not compared\n" in script
    guards = script[: script.index("@setpoint step 1 begun")]
    assert "refused base" not in guards
    assert "********" not in guards


@each_engine
def test_the_files_of_the_usage_are_quoted(engine):
    usage = engine.native().usage("a b'c.sql", "$(id).out")
    words = shlex.split(usage)
    assert words[0] == engine.native().client
    assert words[-4:] == ["<", "a b'c.sql", ">", "$(id).out"]
    assert {"--force", "--batch", "--raw", "--skip-column-names"} <= set(words)


@each_engine
def test_steps_of_the_agent_are_left_and_stand_in_the_fragment(engine):
    native = engine.native()
    asks = [
        Step(kind=StepKind.SET, parameter=name, text=text, do=(Request(text="", is_read_only=False,
             agent=write_file(name, None, text)),))
        for name, text in {"thread_stack": "327680", "init_connect": "SET @a = 'x # y'"}.items()
    ]  # fmt: skip
    script = native.applying(job(), asks, None)
    assert "@setpoint step 1 left" in script
    assert "step 1 begun" not in script
    fragment = parse_fragment(native.fragment(asks))
    assert (fragment.fault, dict(fragment.entries)) == (
        "", {"thread_stack": "327680", "init_connect": "SET @a = 'x # y'"},
    )  # fmt: skip
    assert native.fragment([step("x")]) == ""


@each_engine
def test_a_restart_is_left_to_the_operator(engine):
    script = engine.native().applying(job(), [Step(kind=StepKind.RESTART, reason="for a,\nb")], None)
    assert "'# step 1: restart the server for a, b'" in script
    assert "step 1 begun" not in script


@each_engine
def test_the_way_back_is_armed_before_the_first_write(engine):
    back = Back(parameter="init_connect", ours="x", back="151", running="151")
    script = engine.native().applying(job(), [step("x")], order(back))
    assert script.index("CREATE EVENT") < script.index("@setpoint armed") < script.index("step 1 begun")
    assert "event_scheduler =" not in script


@each_engine
@pytest.mark.parametrize(("seconds", "slices"), [(1, 3), (601, 4), (7 * 86400, 1010)])
def test_a_client_that_stays_sleeps_in_slices(engine, seconds, slices):
    script = engine.native().applying(job(), [step("x")], order(seconds=seconds))
    assert script.count("SLEEP(") == slices


@given(st.lists(st.lists(st.none() | st.integers() | st.text())))
def test_rows_are_read_as_they_were_written(rows):
    answer = "\n".join(json.dumps(row) for row in rows)
    assert MYSQL.native().rows(answer) == tuple(tuple(row) for row in rows)


@pytest.mark.parametrize("answer", ["{}", "[1", "1", "[1]\nnonsense"])
def test_what_is_no_row_is_refused(answer):
    with pytest.raises(InputError, match="cannot be read"):
        MYSQL.native().rows(answer)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("SET GLOBAL a = 1; RESET PERSIST b", ("SET GLOBAL a = 1", "RESET PERSIST b")),
        ("SET GLOBAL a = 'x; y''; z'; DO 0;", ("SET GLOBAL a = 'x; y''; z'", "DO 0")),
        ("SET `a;b` = 1 /* ; */", ("SET `a;b` = 1 /* ; */",)),
        ("", ()),
    ],
)
def test_a_text_is_split_at_its_statements(text, parts):
    assert split(text) == parts


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("SELECT 1", 1),
        ("SELECT (SELECT a, b FROM c), f(1, 2), 'x, y' FROM t, u", 3),
        ("/* a, b */ SET STATEMENT x = 1, y = 2 FOR SELECT JSON_OBJECT('a', 1)", 1),
        ("select a, `b,c` from t order by 1, 2", 2),
    ],
)
def test_columns_are_counted(text, count):
    assert count_columns(text) == count


def test_what_is_no_query_has_no_columns():
    with pytest.raises(InputError, match="queries alone"):
        count_columns("SHOW VARIABLES")
