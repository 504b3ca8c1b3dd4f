"""Importers and servers' programs side by side: who says more is heard, and who disagrees is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from setpoint.config.dump import Severity
from setpoint.control.intake import programs
from setpoint.control.intake.validating import read_validated
from setpoint.engines.validation import Program
from setpoint.errors import LabError

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
GOOD = "work_mem = 4MB\nshared_buffers = 1GB\nwal_level = replica\n"
BASIC = (*GOOD.split("\n")[:3],)


@pytest.fixture
def conf(tmp_path):
    """Write a configuration file; answers its path."""

    def write(text, name="postgresql.conf"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def server(monkeypatch):
    """Put a program that says a text, for the first time it is asked, in the place of those found."""

    def put(said="", code=0, *, again="", version=(16, 4), name="PostgreSQL 16.4"):
        script = (
            "import sys, pathlib; mark = pathlib.Path(sys.argv[1]); first = not mark.exists(); mark.touch();"
            f"sys.stderr.write(({said!r} if first else {again!r}).replace('HERE', sys.argv[2]));"
            f"sys.exit({code} if first or {again!r} else 0)"
        )
        mark = tmp_folder / "asked"
        mark.unlink(missing_ok=True)

        def words(arguments):
            folder = arguments[arguments.index("-D") + 1] if "-D" in arguments else "."
            return [sys.executable, "-c", script, str(mark), folder]

        found = (Program(name, version, words),)
        monkeypatch.setattr(programs, "programs", lambda _: found)

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        tmp_folder = Path(folder)
        yield put


def read(*paths, version="16.2", **words):
    return list(read_validated(paths, version=version, **words))


def added(dump):
    return [(each.severity, each.line) for each in dump.problems if "PostgreSQL 16.4" in each.message]


def refusal(name, line, file="postgresql.conf"):
    return f'LOG:  unrecognized configuration parameter "{name}" in file "HERE/{file}" line {line}\n'


def test_a_file_that_both_take_is_said_to_be_taken(conf, server):
    server()
    (dump,) = read(conf(GOOD))
    assert not dump.has_errors
    assert [each.message for each in dump.problems] == ["PostgreSQL 16.4, asked on this machine, takes it"]


def test_what_both_refuse_is_said_once(conf, server):
    server(refusal("foo", 4), 1)
    (dump,) = read(conf(f"{GOOD}foo = 1\n"))
    assert [each.line for each in dump.problems if each.severity is ERROR] == [4]
    assert added(dump) == [(NOTE, 0)]
    assert dump.problems[0].message.endswith("refuses 1 line of it")


def test_what_the_server_alone_refuses_is_a_warning_at_its_line(conf, server):
    server('LOG:  invalid value for parameter "work_mem": "4MB"\n', 1)
    (dump,) = read(conf(GOOD))
    assert added(dump) == [(NOTE, 0), (WARNING, 1)]
    assert not dump.has_errors


@pytest.mark.parametrize("version", ["15.3", ""])
def test_a_server_of_another_version_is_believed_less(conf, server, version):
    server(refusal("wal_level", 3), 1)
    (dump,) = read(conf(GOOD), version=version)
    assert added(dump) == [(NOTE, 0), (NOTE, 3)]
    assert "another version" in dump.problems[-1].message


def test_what_the_server_takes_and_the_importer_does_not_is_a_warning_at_its_line(conf, server):
    server()
    (dump,) = read(conf(f"{GOOD}foo = 1\n"))
    assert dump.has_errors
    assert added(dump) == [(NOTE, 0), (WARNING, 4)]


def test_nothing_is_said_to_be_taken_by_a_server_that_was_not_heard_to_the_end(conf, server):
    server("it is too dark here\n", 1, again="it is too dark here\n")
    (dump,) = read(conf(f"{GOOD}foo = 1\n"))
    assert [each for each in added(dump) if each[0] is WARNING] == []


def test_what_this_machine_lacks_is_no_fault_of_the_file(conf, server):
    server('LOG:  invalid value for parameter "lc_messages": "it_IT"\n', 1)
    (dump,) = read(conf(f"{GOOD}lc_messages = 'it_IT'\n"))
    assert added(dump) == [(NOTE, 0), (NOTE, 4)]
    assert "this machine" in dump.problems[-1].message


def test_a_word_about_an_included_file_stands_with_that_file(conf, server):
    server(refusal("jit", 2, "conf.d/a.conf"), 1)
    path = conf(f"{GOOD}include_dir 'conf.d'\n")
    conf("fsync = on\njit = on\n", "conf.d/a.conf")
    main, part = read(path)
    assert added(main) == [(NOTE, 0)]
    assert added(part) == [(WARNING, 2)]


def test_no_secret_comes_back_from_the_server(conf, server):
    server('LOG:  invalid value for parameter "primary_conninfo": "password=hunter2"\n', 1)
    (dump,) = read(conf(f"{GOOD}primary_conninfo = 'password=hunter2'\n"))
    assert added(dump) == [(NOTE, 0), (WARNING, 4)]
    assert "hunter2" not in repr(dump)


def test_a_machine_without_that_engine_says_so(conf, monkeypatch):
    monkeypatch.setattr(programs, "programs", lambda _: ())
    (dump,) = read(conf(GOOD))
    (note,) = dump.problems
    assert note.severity is NOTE
    assert "no server of postgresql" in note.message


def test_a_program_that_cannot_be_run_is_told(conf, monkeypatch):
    found = (Program("PostgreSQL 16.4", (16, 4), lambda _: ["/no/such/program"]),)
    monkeypatch.setattr(programs, "programs", lambda _: found)
    (dump,) = read(conf(GOOD))
    assert "could not be asked" in dump.problems[0].message


def test_only_files_that_configure_a_server_are_asked_about(conf, server):
    server("it must not be asked\n", 1)
    files = [
        conf("name,setting,unit\nwork_mem,4096,kB\n", "a.csv"),
        conf("*.sga_target=2G\n*.processes=5\n*.db_name='x'\n", "init.ora"),
        conf("Dear all\n", "letter"),
    ]
    dumps = read(*files, version="")
    assert not any("asked" in problem.message for dump in dumps for problem in dump.problems)


def build(*version):
    return Program(".".join(map(str, version)), version, lambda _: [])


@pytest.mark.parametrize(
    ("engine", "version", "expected"),
    [
        ("postgresql", "16.1", "16.9"),
        ("postgresql", "14", "15.2"),
        ("postgresql", "19", "18.1"),
        ("postgresql", None, "18.1"),
        ("mariadb", "16.9.1", "16.9"),
    ],
)
def test_the_program_of_the_files_own_version_comes_first(engine, version, expected):
    found = [build(18, 1), build(15, 2), build(16, 4), build(16, 9)]
    assert programs.nearest(found, engine, version).name == expected


def test_of_no_programs_none_is_chosen():
    assert programs.nearest([], "postgresql", "16") is None


def test_an_engine_whose_files_no_program_reads_has_none():
    assert programs.programs("oracle") == ()


def test_where_nothing_can_be_run_safely_there_are_no_programs(monkeypatch):
    def refuse():
        raise LabError("nobody is here")

    programs.everything.cache_clear()
    monkeypatch.setattr(programs, "choose_privileges", refuse)
    try:
        assert programs.programs("postgresql") == ()
    finally:
        programs.everything.cache_clear()
