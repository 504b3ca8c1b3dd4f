"""Asking a server's own program: rounds, scratch folders, and what is withheld from it."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from setpoint.engines.document import Document
from setpoint.engines.inquiry import ask
from setpoint.engines.mysql.validation import OptionFileValidator
from setpoint.engines.postgresql.validation import VALIDATOR as POSTGRESQL
from setpoint.engines.validation import Finding, Inquiry, Program, Said, Validator, Verdict, is_inside
from setpoint.errors import UnavailableError

MARIADB = OptionFileValidator("mariadb")
MYSQL = OptionFileValidator("mysql")

PRINTS_FIRST_BAD = """
import pathlib, sys
for number, line in enumerate(pathlib.Path("main").read_text().split("\\n"), 1):
    if line.startswith("bad"):
        sys.stderr.write(f"{number}")
        sys.exit(1)
"""


class Lister:
    """Hears a line number, as the program above tells it."""

    kinds = frozenset({"list"})

    def inquiry(self, document, version):
        return Inquiry("main", {"main": document.text}, frozenset({"empty"}), frozenset(), {})

    def arguments(self, inquiry, folder, version):
        return ["-c", PRINTS_FIRST_BAD]

    def hear(self, inquiry, said):
        return [Verdict(Finding.REFUSED, "bad", "main", int(said.text))] if said.text else []


class Shelf:
    """Files in memory."""

    def __init__(self, **texts):
        self.texts = {name.replace("__", "/").replace("_", "."): text for name, text in texts.items()}

    def read(self, path):
        return self.texts.get(path)

    def names(self, folder):
        return tuple(sorted(p.partition("/")[2] for p in self.texts if p.startswith(f"{folder}/"))) or None


def python(code="", words=None):
    arguments = (lambda given: [sys.executable, *given]) if words is None else words
    return Program("Python", (1, 0), (lambda _: [sys.executable, "-c", code]) if code else arguments)


def inquiry_of(text, validator: Validator = POSTGRESQL, version=(16, 1), **texts):
    return validator.inquiry(Document("etc/main.conf", text, shelf=Shelf(**texts)), version)


def has_ended(pid):
    """Wait for the end of a process that was killed a moment ago."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 30)[0])
    finally:
        os.close(handle)


def lines(verdicts):
    return [(each.finding, each.path, each.line) for each in verdicts]


def test_a_program_that_stops_at_its_first_fault_is_asked_again():
    document = Document("main", "good\nbad\ngood\nbad\nbad\n")
    answer = ask(Lister(), Lister().inquiry(document, (1,)), python())
    assert [each.line for each in answer.verdicts] == [2, 4, 5]
    assert answer.is_whole


def test_a_program_that_never_comes_to_an_end_of_its_faults_is_left():
    document = Document("main", "bad\n" * 50)
    answer = ask(Lister(), Lister().inquiry(document, (1,)), python())
    assert len(answer.verdicts) == 20
    assert not answer.is_whole


def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path):
    note = tmp_path / "pid"
    code = f"import os, time; p = os.fork(); p and open({str(note)!r}, 'w').write(str(p)); time.sleep(100)"
    inquiry = Inquiry("main", {"main": ""}, frozenset(), frozenset(), {})
    with pytest.raises(UnavailableError, match="did not end within"):
        ask(Lister(), inquiry, python(code), timeout_seconds=2)
    assert has_ended(int(note.read_text()))


def test_a_program_that_is_not_there_cannot_be_asked():
    inquiry = Inquiry("main", {"main": ""}, frozenset(), frozenset(), {})
    with pytest.raises(UnavailableError, match="does not run"):
        ask(Lister(), inquiry, python(words=lambda _: ["/no/such/program"]))


def test_a_program_sees_a_copy_in_an_environment_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    note = tmp_path / "seen"
    code = (
        "import os, sys, pathlib; p = pathlib.Path('main'); "
        f"open({str(note)!r}, 'w').write("
        "f\"{os.getcwd()} {sorted(os.environ)} {oct(p.stat().st_mode)} {os.path.isdir('empty')}\")"
    )
    ask(Lister(), Lister().inquiry(Document("main", "x"), (1,)), python(code))
    seen = note.read_text()
    assert "PGPASSWORD" not in seen
    assert "0o100600 True" in seen
    assert not Path(seen.split(" ")[0]).exists()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        *(("a", True), ("a/../b", True), ("./a", True), ("..", False), ("a/../../b", False)),
        *(("/a", False), ("~/a", False), ("\\a", False), ("C:\\a", False), (" ", False), ("a\0", False)),
    ],
)
def test_only_paths_below_the_folder_are_inside(path, expected):
    assert is_inside(path) is expected


def test_what_a_file_includes_from_elsewhere_is_withheld_from_postgres():
    text = (
        "include '/etc/a.conf'\ninclude_dir 'd'\ninclude_if_exists '../x'\nwork_mem = 1MB\ninclude 'gone'\n"
    )
    inquiry = inquiry_of(text, d__a_conf="jit = on\ninclude '../../x'\n")
    assert inquiry.withheld == {("main.conf", 1), ("main.conf", 3), ("d/a.conf", 2)}
    assert inquiry.folders == {"d"}
    assert set(inquiry.files) == {"main.conf", "d/a.conf"}
    assert inquiry.names["main.conf", 4] == "work_mem"


def test_postgres_is_given_a_folder_of_its_own_above_what_the_file_says():
    words = POSTGRESQL.arguments(inquiry_of("data_directory = '/v'\n"), "/scratch", (16, 1))
    assert "data_directory=/scratch" in words
    assert "config_file=/scratch/main.conf" in words
    assert "log_destination=stderr" in words


def test_messages_of_postgres_are_placed_and_repeat_nothing_of_the_file():
    inquiry = inquiry_of(
        "work_mem = 4QB\nfoo = 'hunter2'\nx.y = 1\nlc_messages = 'xx'\ninclude 'gone.conf'\nport = 99999\n"
        "work_mem = 5QB\nmax_stack_depth = 90MB\n"
    )
    said = Said(
        'LOG:  skipping missing configuration file "/s/postgresql.auto.conf"\n'
        'LOG:  syntax error in file "/s/main.conf" line 2, near token "hunter2"\n'
        'LOG:  unrecognized configuration parameter "foo" in file "/s/main.conf" line 2\n'
        'LOG:  invalid value for parameter "work_mem": "hunter2"\n'
        'HINT:  Valid units for this parameter are "B" and "kB".\n'
        'LOG:  invalid value for parameter "lc_messages": "xx"\n'
        'LOG:  invalid value for parameter "max_stack_depth": 92160\n'
        'DETAIL:  "max_stack_depth" must not exceed 7680kB.\n'
        "HINT:  Increase the platform's stack depth limit.\n"
        'LOG:  99999 is outside the valid range for parameter "port" (1 .. 65535)\n'
        'LOG:  could not open configuration file "/s/gone.conf": No such file or directory\n'
        'FATAL:  configuration file "/s/main.conf" contains errors\n',
        1,
        "/s",
    )
    verdicts = POSTGRESQL.hear(inquiry, said)
    refused, local = Finding.REFUSED, Finding.LOCAL
    assert lines(verdicts) == [
        (refused, "main.conf", 2),
        (refused, "main.conf", 2),
        (refused, "main.conf", 7),
        (local, "main.conf", 4),
        (local, "main.conf", 8),
        (refused, "main.conf", 6),
        (refused, "main.conf", 5),
    ]
    assert "hunter2" not in repr(verdicts)
    assert 'Valid units for this parameter are "B" and "kB"' in verdicts[2].message


def test_a_postgres_that_runs_for_nobody_here_says_nothing_of_the_file():
    said = Said('"root" execution of the PostgreSQL server is not permitted.\n', 1, "/s")
    (verdict,) = POSTGRESQL.hear(inquiry_of("jit = on\n"), said)
    assert verdict.finding is Finding.LOCAL
    assert verdict.line == 0


@pytest.mark.parametrize("validator", [MYSQL, MARIADB])
def test_what_would_reach_this_machine_is_withheld_from_mysqld(validator):
    text = (
        "[client]\nport = 1\n[mysqld]\nuser = mysql\nlog_bin = /v/bin\nplugin-load-add = x.so\nchroot = d\n"
        "max_connections = 5\n!include /etc/a.cnf\n!include b.cnf\n!includedir d\nlog-error\n"
        "wsrep_provider = x\nplugin_loa = x.so\nlc-messages = en_US\n"
    )
    inquiry = inquiry_of(text, validator, (10, 11, 1), b_cnf="[mysqld]\ntmpdir = t\n", d__c_cnf="[mysqld]\n")
    assert {line for path, line in inquiry.withheld if path == "main.conf"} == {4, 5, 6, 7, 9, 12, 13, 14}
    assert ("b.cnf", 2) in inquiry.withheld
    assert inquiry.folders == {"d"}
    assert inquiry.names["main.conf", 8] == "max_connections"
    assert ("main.conf", 2) not in inquiry.names


def test_groups_of_other_versions_are_not_asked_about():
    text = "[mysqld-5.7]\nport = 1\n[mysqld-8.4]\nport = 2\n"
    assert list(inquiry_of(text, MYSQL, (8, 4, 1)).names) == [("main.conf", 4)]


@pytest.mark.parametrize(
    ("validator", "version", "word"),
    [(MYSQL, (8, 4, 1), "--validate-config"), (MYSQL, (5, 7, 44), "--help"), (MARIADB, (11, 8, 1), "--help")],
)
def test_each_server_is_asked_as_it_can_be(validator, version, word):
    words = validator.arguments(inquiry_of("[mysqld]\n", validator, version), "/s", version)
    assert words[0] == "--defaults-file=/s/main.conf"
    assert {"--datadir=/s", "--plugin-dir=/s", word} <= set(words)


SAID_BY_MARIADB = """\
2026-11-24  3:4:5 0 [ERROR] Buffered error: Unknown suffix 'x' used for variable 'max_connections'
2026-11-24  3:4:6 0 [Warning] option 'innodb-flush-log-at-trx-commit': unsigned value 9 adjusted to 3
2026-11-24  3:4:6 0 [ERROR] /s/bin/mariadbd: unknown variable 'foo=hunter2'
2026-11-24  3:4:6 0 [Warning] /s/bin/mariadbd: unknown variable 'loose-x=1'
2026-11-24  3:4:6 0 [Warning] Could not increase number of max_open_files to more than 20000
2026-11-24  3:4:6 0 [ERROR] Can't open the mysql.plugin table
/s/bin/mariadbd: Character set 'klingon' is not a compiled one and is not specified in the '/i.xml' file
"""
SAID_BY_MYSQL = """\
2026-11-24T03:4:36Z 0 [ERROR] [MY-000077] [Server] /mysqld: Error while setting value 'hunter2' to 'sql_mode'
2026-11-24T03:4:36Z 0 [Warning] [MY-011068] [Server] The syntax 'x' is deprecated and will be removed.
2026-11-24T03:4:36Z 0 [Warning] [MY-000076] [Server] option 'autocommit': boolean value 'x' was not recognized
2026-11-24T03:4:36Z 0 [ERROR] [MY-010095] [Server] Failed to access directory for --secure-file-priv.
2026-11-24T03:4:36Z 0 [ERROR] [MY-010119] [Server] Aborting
"""


def test_messages_of_mariadbd_are_placed_and_repeat_nothing_of_the_file():
    text = (
        "[mysqld]\nmax-connections = 0x20\ninnodb_flush_log_at_trx_commit = 9\nfoo = hunter2\nloose_x = 1\n"
        "character_set_server = klingon\n"
    )
    inquiry = inquiry_of(text, MARIADB, (10, 11, 1))
    verdicts = MARIADB.hear(inquiry, Said(SAID_BY_MARIADB, 0, "/s"))
    assert lines(verdicts) == [
        (Finding.REFUSED, "main.conf", 2),
        (Finding.ADJUSTED, "main.conf", 3),
        (Finding.REFUSED, "main.conf", 6),
    ]
    assert "hunter2" not in repr(verdicts)
    assert "klingon" not in repr(verdicts)


def test_names_are_held_to_be_unknown_only_where_nothing_else_was_refused():
    inquiry = inquiry_of("[mysqld]\nfoo = hunter2\nloose_x = 1\n", MARIADB, (10, 11, 1))
    said = "\n".join(line for line in SAID_BY_MARIADB.split("\n") if "unknown variable" in line)
    (verdict,) = MARIADB.hear(inquiry, Said(said, 7, "/s"))
    assert (verdict.finding, verdict.line) == (Finding.REFUSED, 2)
    assert "hunter2" not in verdict.message


def test_messages_of_mysqld_are_placed_and_repeat_nothing_of_the_file():
    inquiry = inquiry_of("[mysqld]\nsql_mode = hunter2\nautocommit = x\n", MYSQL, (9, 7, 4))
    verdicts = MYSQL.hear(inquiry, Said(SAID_BY_MYSQL, 1, "/s"))
    assert lines(verdicts) == [
        (Finding.REFUSED, "main.conf", 2),
        (Finding.ADJUSTED, "main.conf", 3),
        (Finding.LOCAL, "", 0),
    ]
    assert "hunter2" not in repr(verdicts)


def test_a_mysqld_that_ends_without_a_word_says_nothing_of_the_file():
    (verdict,) = MYSQL.hear(inquiry_of("[mysqld]\n", MYSQL, (9, 7, 4)), Said("", 1, "/s"))
    assert verdict.finding is Finding.LOCAL
