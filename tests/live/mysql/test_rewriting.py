"""Rewritten option files beside the servers: they read what was asked for, and all else as before."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from tests.faces.conftest import Cli
from tests.fix_mysql import FAMILY
from tests.live.air_gap import FAR, WHY
from tests.live.mysql.native_client import Client
from tests.live.mysql.scene import by_hand, running

from setpoint.catalog import Version
from setpoint.engines.mariadb import ENGINE as MARIADB
from setpoint.engines.mysql import ENGINE as MYSQL
from setpoint.lab.mysql_binaries import find_mysql

pytestmark = pytest.mark.live
FEW, MANY = 12, 300
ENGINES = {"mariadb": MARIADB, "mysql": MYSQL}


def build_of(kind, series):
    major, minor = map(int, series.split("."))
    return find_mysql().newest(kind, (major, minor))


BUILDS = {(kind, series): build_of(kind, series) for kind, series in FAMILY}
FOUND = [
    pytest.param(
        BUILDS[kind, series],
        id=f"{kind}-{series}",
        marks=() if BUILDS[kind, series] else pytest.mark.skip(f"no {kind} {series} here"),
    )
    for kind, series in FAMILY
]
VALUES = {
    "wait_timeout": ["70", "'80'", '"90"'],
    "net-read-timeout": ["31", "32"],
    "loose-max_connect_errors": ["500", "1K"],
    "init_connect": ["'set a'", "set # b", '"it\'s # c"', r"a\sb", "'Grüße'", '""'],
    "transaction-isolation": ["SERIALIZABLE", "READ-COMMITTED"],
    "slow_query_log": ["1", "OFF", "on"],
    "skip-slow-query-log": ["0", "1"],
    "enable_slow_query_log": ["0", "1"],
    "loose-no_such_option": ["5"],
}
FLAGS = ["slow-query-log", "skip-slow_query_log", "loose-slow_query_log"]
HEADS = ["[mysqld]", "[MySQLd ] # c", "[server]", "[mysqld-{version}]", "[client]", "[mysqld-0.1]", "[other]"]
WANTED = {
    "wait_timeout": ["60", "600"],
    "net_read_timeout": ["33"],
    "max_connect_errors": ["777"],
    "init_connect": ["", "set x = 'a'", 'say "no" # c', "back\\slash\\s", "tab\there", "€", ";", "[x]"],
    "tx_isolation": ["READ-UNCOMMITTED", "SERIALIZABLE"],
    "slow_query_log": ["ON", "OFF"],
    "lock_wait_timeout": ["55"],
}
SHOWN = {"tx_isolation": "transaction_isolation"}
FOLLOWING = {"log_slow_query", "version"}  # they tell of slow_query_log too


def start(build, root, folder):
    """Answer the values with which a server would start, by the names it prints; a bad file is its fault."""
    words = build.server(f"--defaults-file={root}", f"--datadir={folder}", "--help", "--verbose")
    done = subprocess.run(words, capture_output=True, timeout=60, check=False, env=build.environment())
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    said = done.stdout.decode(errors="replace").rpartition("Variables (--")[2].partition("\n\n")[0]
    rows = [line.split(" ", 1) for line in said.splitlines()[2:]]
    shown = {row[0].replace("-", "_"): row[1].strip() if len(row) > 1 else "" for row in rows}
    return {name: text for name, text in shown.items() if name not in FOLLOWING}


def section_of(rng, folder):
    for _ in range(rng.randint(0, 6)):
        name = rng.choice(list(VALUES))
        equals = rng.choice([" = ", "=", "\t=  "])
        entry = f"{name}{equals}{rng.choice(VALUES[name])}"
        line = rng.choice([entry] * 5 + FLAGS + ["", "# wait_timeout = 9", ";x", f"!includedir {folder}"])
        blank = rng.choice(["", " ", "\t"])
        yield line if line[:1] in {"", "!"} else blank + line + rng.choice(["", " ", " # why", "#it's"])


def file_of(rng, build, folder):
    lines = ["# ours"]
    for _ in range(rng.randint(0, 4)):
        lines.append(rng.choice(HEADS).replace("{version}", ".".join(map(str, build.series))))
        lines += section_of(rng, folder)
    text = "".join(line + rng.choice(["\n", "\n", "\r\n"]) for line in lines)
    # MariaDB takes the last character off the path of an include that has no end.
    return text.rstrip("\r\n") if rng.random() < 0.3 and not lines[-1].startswith("!") else text


def changes_of(rng):
    names = rng.sample(list(WANTED), rng.randint(1, 4))
    return {name: rng.choice([None, *WANTED[name], *WANTED[name]]) for name in names}


def compare(build, folder, count, seed):
    rng = random.Random(seed)  # noqa: S311 - no secrets
    engine = ENGINES[build.kind]
    rewriter = engine.rewriter(Version(build.version))
    included, root = folder / "d", folder / "my.cnf"
    included.mkdir()
    (included / "x.cnf").write_text("[mysqld]\nlock_wait_timeout = 99\n", encoding="utf-8")
    root.write_text("", encoding="utf-8")
    defaults = start(build, root, folder)
    for _ in range(count):
        text, changes = file_of(rng, build, included), changes_of(rng)
        root.write_bytes(text.encode())
        before = start(build, root, folder)
        rewritten = rewriter.rewrite(text, changes)
        root.write_bytes(rewritten.text.encode())
        after = start(build, root, folder)
        case = (text, changes, rewritten)
        for name, wanted in changes.items():
            shown = SHOWN.get(name, name)
            told = after.pop(shown)
            before.pop(shown)
            meant = defaults[shown] if wanted is None else {"ON": "TRUE", "OFF": "FALSE"}.get(wanted, wanted)
            if name == "lock_wait_timeout" and rewritten.notes and name in str(rewritten.notes):
                assert told in {meant, "99"}, case
            else:
                assert told == meant or (meant == "" and told == "(No default value)"), (name, told, case)
        assert after == before, case


@pytest.mark.parametrize("build", FOUND)
def test_the_server_reads_what_was_asked_for_and_all_else_as_before(build, tmp_path):
    compare(build, tmp_path, FEW, 3)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("build", FOUND)
def test_three_hundred_files_are_read_as_they_were_meant(build, tmp_path):
    compare(build, tmp_path, MANY, 5)


@pytest.mark.parametrize("build", FOUND)
@pytest.mark.parametrize("option", ["tx_isolation", "tx_read_only", "time_zone", "have_symlink"])
def test_variables_that_a_file_sets_under_another_name_get_that(build, option, tmp_path):
    value = {"tx_isolation": "SERIALIZABLE", "time_zone": "+01:00"}.get(option, "0")
    written = ENGINES[build.kind].rewriter(Version(build.version)).rewrite("", {option: value})
    root = tmp_path / "my.cnf"
    root.write_text(written.text, encoding="utf-8")
    assert start(build, root, tmp_path)


class TestAirGap:
    """A bundle's plan, and the option file of an instance that only files reach."""

    @pytest.fixture(autouse=True)
    def over_there(self, mariadb, tmp_path):
        self.server, self.folder, self.cli = mariadb, tmp_path / "stick", Cli(tmp_path)
        self.client = Client(mariadb, tmp_path)
        self.folder.mkdir()
        version = ".".join(map(str, mariadb.binaries.version))
        self.cli.good("init")
        self.cli.good("instance", "add", FAR, "--engine", "mariadb", "--offline", *WHY)
        bundle = self.cli.json("bundle", "collect", FAR, "--version", version, "-o", str(self.folder))
        result = self.folder / "far.out"
        result.write_text(self.client.carry(Path(bundle["file"]).read_text("utf-8")), encoding="utf-8")
        self.cli.good("import", str(result))
        self.own = self.folder / "my.cnf"
        yield
        by_hand(mariadb, "SET GLOBAL wait_timeout = DEFAULT")

    def test_what_a_restart_is_to_keep_stands_in_a_copy_of_their_file(self):
        before = (
            b"[client]\npassword = s\xfcss\n\n[mysqld]\r\nwait-timeout = 100 # ours\r\n!includedir /none\r\n"
        )
        self.own.write_bytes(before)
        self.own.chmod(0o640)
        self.cli.good("settings", FAR, "wait_timeout=1234", *WHY)
        words = ("bundle", "export", FAR, "-o", str(self.folder), "--option-file", str(self.own))
        document = self.cli.json(*words)
        copy = Path(document["option_file"])
        assert copy.read_bytes() == before.replace(b"100", b"1234")
        assert copy.stem == Path(document["file"]).stem
        assert copy.stat().st_mode & 0o777 == 0o640
        assert document["notes"] == ["line 6 includes /none: what stands there may win for wait_timeout"]
        assert self.own.read_bytes() == before
        self.client.carry(Path(document["file"]).read_text("utf-8"))
        assert running(self.server, "wait_timeout") == "1234"

    def test_the_copy_and_its_notes_are_told_to_a_person(self):
        self.own.write_text("[mysqld]\n", encoding="utf-8")
        self.cli.good("settings", FAR, "wait_timeout=1234", *WHY)
        told = self.cli.good("bundle", "export", FAR, "-o", str(self.folder), "--option-file", str(self.own))
        assert "to be put in its place over there" in told

    def test_a_file_that_cannot_be_rewritten_is_refused_before_a_bundle_is_issued(self):
        self.own.write_text("wait_timeout = 5\n[mysqld\n", encoding="utf-8")
        self.cli.good("settings", FAR, "wait_timeout=1234", *WHY)
        refused = self.cli("bundle", "export", FAR, "-o", str(self.folder), "--option-file", str(self.own))
        assert refused.exit_code == 2
        assert f"{self.own}:1" in refused.output
        assert f"{self.own}:2" in refused.output
        assert [each["sheet"]["kind"] for each in self.cli.json("bundle", "list", FAR)["bundles"]] == [
            "collect"
        ]

    def test_the_copy_never_takes_the_place_of_their_file(self):
        self.own.write_text("[mysqld]\n", encoding="utf-8")
        self.cli.good("settings", FAR, "wait_timeout=1234", *WHY)
        output = str(self.own.with_suffix(".sql"))
        refused = self.cli("bundle", "export", FAR, "-o", output, "--option-file", str(self.own))
        assert refused.exit_code == 2
        assert "would take its place" in refused.output
