"""Rewriting an option file: what was asked for is there, and all else as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.catalog import Version
from setpoint.engines.mariadb import ENGINE as MARIADB
from setpoint.engines.mysql import ENGINE as MYSQL
from setpoint.engines.mysql.dialect.agent_words import write_file
from setpoint.engines.mysql.dialect.option_files import parse_option_file
from setpoint.engines.mysql.dialect.option_groups import Kind, read_groups
from setpoint.engines.mysql.dialect.option_writing import OptionRewriter
from setpoint.engines.plan import Plan, Request, Step, StepKind
from setpoint.errors import InputError, InputErrors

REWRITERS = [
    pytest.param(engine.rewriter(Version(parts)), id=f"{engine.name}-{parts[0]}.{parts[1]}")
    for engine, parts in ((MARIADB, (10, 11)), (MARIADB, (11, 8)), (MYSQL, (8, 4)))
]
each_kind = pytest.mark.parametrize("rewriter", REWRITERS)
NAMES = ["max_connections", "max-connections", "loose-sql_mode", "sql-mode", "slow_query_log", "init_connect"]
NAMES += ["skip-slow-query-log", "maximum-max_connections", "thread_stack"]
VALUES = ["5", "'5'", '"a # b"', "it's", r"a\sb", "ä", "x\udcff", "", '""', "-1.5", '"a\\"b"', "a b"]
GROUPS = ["mysqld", "MySQLd ", "server", "client", "mysqld-0.1", "mariadb-10.11", "mysqld-8.4", "mysqldump"]
BLANKS = st.sampled_from(["", " ", "\t", "   "])
EQUALS = st.sampled_from([" = ", "=", " =", "\t=  ", "= "])
BEHIND = st.sampled_from(["", " ", " # why", "#x", "\t# it's = 5"])
OTHERS = st.sampled_from(["", "  ", "# max_connections = 9", ";x", "!other"])
INCLUDES = st.sampled_from(["!include /x.cnf", "!includedir /d"])
ENTRIES = st.builds(
    "{}{}{}{}{}".format, BLANKS, st.sampled_from(NAMES), EQUALS, st.sampled_from(VALUES), BEHIND
)
FLAGS = st.builds("{}{}{}".format, BLANKS, st.sampled_from(NAMES), BEHIND)
HEADS = st.builds("[{}]{}".format, st.sampled_from(GROUPS), BEHIND)
WRITABLE = st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"])
TEXTS = st.text(alphabet=WRITABLE | st.sampled_from("'\\\"\t #=;"), max_size=12)
CHANGES = st.dictionaries(
    st.sampled_from(
        ["max_connections", "sql_mode", "slow_query_log", "init-connect", "thread_stack", "back_log"]
    ),
    st.none() | TEXTS | st.sampled_from(["5", "ON", "OFF", "-1.5"]),
)


@st.composite
def files(draw):
    lines = [*draw(st.lists(OTHERS, max_size=2))]
    for head in draw(st.lists(HEADS, max_size=4)):
        lines += [head, *draw(st.lists(ENTRIES | ENTRIES | FLAGS | OTHERS | INCLUDES, max_size=6))]
    text = "".join(line + draw(st.sampled_from(["\n", "\n", "\r\n"])) for line in lines)
    is_cut = draw(st.booleans()) and not text.rpartition("!")[2].startswith("include")
    return text.rstrip("\r\n") if is_cut else text


def entries_of(text, rewriter):
    """Answer what the server reads of a file, line by line; what is no UTF-8 counts as question marks."""
    parsed = parse_option_file(text, "", rewriter.kind, rewriter.names)
    groups = read_groups(rewriter.kind, rewriter.version)
    return [entry for entry in parsed.entries if entry.group.lower() in groups]


def said(text, rewriter):
    found = entries_of(text, rewriter)
    kind = rewriter.kind
    return {e.option.name: e.option.mean(e.text, kind) for e in found if not e.option.is_ceiling}


def fold(name):
    return name.replace("-", "_")


@each_kind
@given(text=files(), changes=CHANGES)
def test_exactly_what_was_asked_for_changes(rewriter, text, changes):
    before = said(text, rewriter)
    after = said(rewriter.rewrite(text, changes).text, rewriter)
    for name, wanted in changes.items():
        before.pop(fold(name), None)
        assert after.pop(fold(name), None) == wanted
    assert after == before


@each_kind
@given(text=files(), changes=CHANGES)
def test_lines_that_are_not_asked_about_stay_as_they_are_and_in_order(rewriter, text, changes):
    asked = {fold(name) for name in changes}

    def others(of):
        spoken = {entry.line for entry in entries_of(of, rewriter) if entry.option.name in asked}
        spoken -= {entry.line for entry in entries_of(of, rewriter) if entry.option.is_ceiling}
        lines = of.removesuffix("\n").split("\n") if of else []
        return [line for number, line in enumerate(lines, start=1) if number not in spoken]

    written, kept = others(rewriter.rewrite(text, changes).text), others(text)
    if len(written) == len(kept) + 1:  # a new group
        assert written.pop().rstrip("\r") == "[mysqld]"
    if not text.endswith("\n"):  # the last line may have got an end
        written, kept = ([line.rstrip("\r") for line in lines] for lines in (written, kept))
    assert written == kept


@each_kind
@given(text=files(), changes=CHANGES)
def test_rewriting_twice_changes_nothing_more(rewriter, text, changes):
    once = rewriter.rewrite(text, changes).text
    assert rewriter.rewrite(once, changes).text == once


@each_kind
@given(text=files())
def test_what_stands_there_already_changes_no_byte(rewriter, text):
    stands = {name: value for name, value in said(text, rewriter).items() if "?" not in value}
    assert rewriter.rewrite(text, {**stands, "no_such": None}).text == text


@pytest.mark.parametrize(
    ("text", "changes", "written"),
    [
        ("[mysqld]\n a-b\t=  5 # five\n", {"a_b": "6"}, "[mysqld]\n a-b\t=  6 # five\n"),
        ("[mysqld]\na='5'\nb=\"5\"\n", {"a": "6", "b": "x y"}, "[mysqld]\na='6'\nb=\"x y\"\n"),
        ("[mysqld]\na=1\na=2\n# end\n", {"a": "3"}, "[mysqld]\na=1\na=3\n# end\n"),
        ("[mysqld]\na=1\n[server]\na=2", {"a": "3"}, "[mysqld]\na=1\n[server]\na=3"),
        ("[mysqld]\na=1\nb=2\nA=3\n", {"a": None}, "[mysqld]\nb=2\n"),
        ("[mysqld]\na\n", {"a": "OFF"}, "[mysqld]\na = OFF\n"),
        ("[mysqld]\nskip-a # x\r\n", {"a": "ON"}, "[mysqld]\na = ON # x\r\n"),
        ("[mysqld]\nloose-disable_a=0\n", {"a": "OFF"}, "[mysqld]\nloose-a=OFF\n"),
        ("[mysqld]\na =\r\nb=\n", {"a": "1", "b": "2"}, "[mysqld]\na = 1\r\nb=2\n"),
        (
            "[mysqld]\na=1\n!include /x\n\n[client]\na=1\n",
            {"b": "2"},
            "[mysqld]\na=1\n!include /x\nb = 2\n\n[client]\na=1\n",
        ),
        ("[mysqld]", {"b": "2", "c": "x y"}, '[mysqld]\nb = 2\nc = "x y"'),
        ("[client]\r\na=1", {"a": "2"}, "[client]\r\na=1\r\n[mysqld]\r\na = 2"),
        ("", {"a": "2"}, "[mysqld]\na = 2\n"),
        (
            "[mariadb-10.11]\na=1\n[client-server]\n",
            {"b": "2"},
            "[mariadb-10.11]\na=1\nb = 2\n[client-server]\n",
        ),
        ("[mariadb-10.6]\na=1\n", {"a": "2"}, "[mariadb-10.6]\na=1\n[mysqld]\na = 2\n"),
        ("[mysqld]\nmaximum-a=9\n", {"a": None}, "[mysqld]\nmaximum-a=9\n"),
        ("[mysqld]\n", {"tx_isolation": "SERIALIZABLE"}, "[mysqld]\ntransaction_isolation = SERIALIZABLE\n"),
        ("[mysqld]\nlog_slow_query=1\n", {"slow_query_log": "0"}, "[mysqld]\nlog_slow_query=0\n"),
        (
            "[mysqld]\nbinlog_do_db=a\nbinlog-do-db=b\n",
            {"binlog_do_db": "a,b"},
            "[mysqld]\nbinlog_do_db=a\nbinlog-do-db=b\n",
        ),
        ("[mysqld]\nbinlog_do_db=a\nbinlog-do-db=b\n", {"binlog_do_db": None}, "[mysqld]\n"),
    ],
)
def test_rewritten(text, changes, written):
    assert OptionRewriter("mariadb", (10, 11)).rewrite(text, changes).text == written


def test_both_names_of_a_replica_are_one_variable():
    rewriter = MYSQL.rewriter(Version((8, 4)))
    written = rewriter.rewrite("[mysqld]\nslave_parallel_workers=4\n", {"replica_parallel_workers": "8"})
    assert written.text == "[mysqld]\nslave_parallel_workers=8\n"


def test_an_abbreviation_is_taken_for_what_it_means():
    rewriter = MARIADB.rewriter(Version((10, 11)))
    assert (
        rewriter.rewrite("[mysqld]\nmax_connecti=5\n", {"max_connections": "6"}).text
        == "[mysqld]\nmax_connecti=6\n"
    )
    with pytest.raises(InputErrors, match=r":2: may mean max_\w+, max_.*write the name out"):
        rewriter.rewrite("[mysqld]\nmax_conn=5\n", {"max_connections": "6"})


def test_an_include_that_could_win_is_told():
    text = "[mysqld]\na=1\n!includedir /d\nb=2\n"
    rewriter = OptionRewriter("mysql", (8, 4))
    assert rewriter.rewrite(text, {"a": "5", "b": "5", "c": "5"}).notes == (
        "line 3 includes /d: what stands there may win for a",
    )
    assert "win for b" in rewriter.rewrite(text, {"b": None}).notes[0]


def refused(text, changes=(("a", "2"),), kind: Kind = "mariadb"):
    with pytest.raises(InputErrors) as raised:
        OptionRewriter(kind, (10, 11)).rewrite(text, dict(changes), "my.cnf")
    return [fault.where for fault in raised.value.faults]


def test_every_line_that_the_server_does_not_read_is_named():
    assert refused("a=1\n[mysqld]\n=5\n[bad\na=\0\n!include\n") == [f"my.cnf:{n}" for n in (1, 3, 4, 5, 6)]
    assert refused("\ufeff[mysqld]\na=1\n") == ["my.cnf:1", "my.cnf:2"]
    assert len(refused("a=1\n" * 1000)) == 20


def test_an_include_without_an_end_is_refused_where_its_path_loses_a_character():
    text = "[mysqld]\na=1\n!includedir /d"
    assert refused(text) == ["my.cnf:3"]
    assert refused(text.replace("!", "! ")) == ["my.cnf:3"]
    assert OptionRewriter("mysql", (8, 4)).rewrite(text, {"a": "2"}).text == text.replace("a=1", "a=2")


def test_long_lines_are_refused_where_they_are_read_as_two():
    text = "[mysqld]\n# " + "x" * 5000 + "\na=1\n"
    assert refused(text) == ["my.cnf:2"]
    assert OptionRewriter("mysql", (8, 4)).rewrite(text, {"a": "2"}).text == text.replace("a=1", "a=2")
    assert refused("[mysqld]\n" + " " * 3000 + "a=1\n", {"a": "y" * 2000}) == ["my.cnf:2"]


def test_lines_that_add_up_are_left_to_a_person():
    text = "[mysqld]\nbinlog_do_db=a\nb=1\nbinlog-do-db=c\n"
    assert refused(text, {"binlog_do_db": "d"}) == ["my.cnf:2", "my.cnf:4"]


def test_a_value_that_would_be_read_otherwise_is_refused():
    text = "[mysqld]\nskip_name_resolve\n"
    assert refused(text, {"skip_name_resolve": "0"}, "mysql") == ["my.cnf:2"]
    written = OptionRewriter("mysql", (8, 4)).rewrite(text, {"skip_name_resolve": "OFF"})
    assert written.text == "[mysqld]\nskip_name_resolve = OFF\n"


@pytest.mark.parametrize(
    "changes",
    [{"a b": "1"}, {"": None}, {"a": "x\ny"}, {"a": "\0"}, {"a": "\ud800"}, {"a-b": "1", "a_b": "1"}],
)
def test_what_cannot_be_written_is_refused(changes):
    with pytest.raises(InputError):
        OptionRewriter("mariadb", (10, 11)).rewrite("[mysqld]\na = 1\n", changes)


def step(parameter, text, *requests, kind=StepKind.SET):
    return Step(kind=kind, parameter=parameter, text=text, do=requests)


def ran(name, text):
    return Request(text=f"SET GLOBAL {name} = {text}", is_read_only=False)


def written(name, text):
    return Request(text="", is_read_only=False, agent=write_file(name, None, text))


def test_a_plan_leaves_to_files_what_no_client_writes_and_what_a_restart_would_forget():
    kept = Request(text="SET PERSIST b = 2", is_read_only=False)
    plan = Plan(
        instance="db",
        engine="mariadb",
        revision="r",
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        fingerprint="f",
        steps=(
            step("a", "1", ran("a", 1)),
            step("b", "2", kept),
            step("c", "3", written("c", "3")),
            step("d", None, ran("d", 4), written("d", None), kind=StepKind.RESET),
            step("e", "5", ran("e", 5)),
            step("f_g", "6", ran("f_g", 6)),
            step("h", "7", ran("h", 7), written("h", "8")),
            Step(kind=StepKind.RESTART, reason="for c"),
        ),
        overridden=("e",),
        released=("F-G",),
    )
    changes = OptionRewriter("mariadb", (10, 11)).changes_of(plan)
    assert changes == {"a": "1", "c": "3", "d": None, "h": "8"}
