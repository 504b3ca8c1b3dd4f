"""Our reading of option files beside that of the servers' own programs."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from tests.fix_mysql import FAMILY

from setpoint.engines.mysql.dialect.option_files import resolve
from setpoint.engines.mysql.dialect.option_fragment import render_fragment
from setpoint.engines.mysql.dialect.option_groups import read_groups
from setpoint.lab.mysql_binaries import find_mysql

pytestmark = pytest.mark.live
FILES = 60
PIECES = [
    *(
        "a",
        "max-con_x",
        "=",
        "=",
        " = ",
        " ",
        "1",
        "'",
        '"',
        "#",
        ";",
        "\\",
        "\\\\",
        "\\n",
        "\\t",
        "\\s",
        "\\q",
    ),
    *("x y", "ä", "à", "\r", "\t", "\xa0", "\x85", "\x0b", "[", "]", "-", "0", "\\'", '\\"', "\\b", "\\r"),
]
HEADS = [
    "[mysqld]",
    "[MySQLd]",
    "[server] # c",
    "[mysqld ]",
    "[ mysqld]",
    "[client]",
    "[mysqld-0.1]",
    "[mysqld]x",
]


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


def run(build, words):
    done = subprocess.run(words, capture_output=True, timeout=60, check=False, env=build.environment())
    return done.returncode, done.stdout.decode(errors="replace")


def start(build, *arguments):
    return run(build, build.server(*arguments))[1]


def our_arguments(texts, root, kind, version):
    """Answer the command line that the server would make of the files, as we read them."""
    resolution = resolve(texts, kind, version, [str(root)])
    places = [place for found in resolution.places.values() for place in found if place.is_read]
    return resolution, sorted("--" + p.written + ("" if p.text is None else "=" + p.text) for p in places)


def lines_of(random_, count):
    # Each begins with a letter: a line without a name makes the servers read what is before it in memory.
    return ["n" + "".join(random_.choices(PIECES, k=random_.randint(1, 9))) for _ in range(count)]


@pytest.mark.parametrize("build", FOUND)
def test_random_files_are_read_as_my_print_defaults_reads_them(build, tmp_path):
    if not build.has_program("my_print_defaults"):
        pytest.skip("this build has no my_print_defaults")
    printer = build.program("my_print_defaults")
    random_ = random.Random(7)  # noqa: S311 - no secrets
    folder = tmp_path / "d"
    folder.mkdir()
    for _ in range(FILES):
        texts = {}
        for name in ("B.cnf", "a-1.cnf", "a.cnf", "a.b.cnf", "10.cnf", "9.cnf", "no.txt"):
            body = [
                f"[mysqld]\nfile={name}",
                *lines_of(random_, 5),
                random_.choice(HEADS),
                *lines_of(random_, 3),
            ]
            texts[str(folder / name)] = "\n".join(body)
        root = tmp_path / "my.cnf"
        texts[str(root)] = f"[mysqld]\nz=1\n!includedir {folder}\n{random_.choice(HEADS)}\ny=1\n"
        for path, text in texts.items():
            Path(path).write_bytes(text.encode())
        groups = sorted(read_groups(build.kind, build.series))
        shown = ["--show"] if build.kind == "mysql" else []
        code, said = run(build, [*printer, f"--defaults-file={root}", *shown, *groups])
        resolution, ours = our_arguments(texts, root, build.kind, build.series)
        assert code == 0
        # A value may hold line ends, so lines are compared and not arguments.
        assert sorted(said.removesuffix("\n").split("\n")) == sorted("\n".join(ours).split("\n"))
        assert not resolution.faults


@pytest.mark.parametrize("build", FOUND)
def test_a_fragment_reaches_the_server_unchanged(build, tmp_path):
    random_ = random.Random(11)  # noqa: S311 - no secrets
    path = tmp_path / "zz.cnf"
    for _ in range(FILES // 2):
        value = "".join(random_.choices([*PIECES, "€", "\x08", "`", "$(x)", "%"], k=12)).replace("\r", "")
        path.write_bytes(render_fragment({"init_connect": value}).encode())
        program = build.program("mariadbd", "mysqld")
        said = run(build, [*program, f"--defaults-file={path}", "--print-defaults"])[1]
        assert said.partition("\n")[2].rstrip("\n") == f"--init_connect={value} "


@pytest.mark.parametrize("build", FOUND)
def test_the_server_reads_the_groups_we_say(build):
    said = start(build, "--no-defaults", "--help", "--verbose")
    (line,) = [line for line in said.splitlines() if line.startswith("The following groups are read:")]
    said_groups = set(line.partition(":")[2].split())
    assert said_groups | {"mysql_cluster"} == read_groups(build.kind, build.series) | {"mysql_cluster"}


@pytest.mark.parametrize("build", FOUND)
@pytest.mark.parametrize(
    "lines",
    [
        "max_connections=70\n[server]\nmax_connections=80\n[mysqld-{version}]\nmax_connections=90",
        "[mysqld-{version}]\nmax_connections=90\n[mysqld]\nmax-connections=70",
        "[mysqld-0.1]\nmax_connections=90\n[mysqld]\nloose_max-connections=70\n[client]\nmax_connections=80",
        "slow_query_log\nskip-slow-query-log=0",
        "slow_query_log\nskip-slow-query-log=OFF",
        "slow_query_log\nenable-slow-query-log=0",
        "skip-enable-slow_query_log=0",
        "skip-loose-slow_query_log",
        "skip_name_resolve=0",
        "skip-skip-name-resolve",
    ],
)
def test_the_line_that_wins_here_wins_there(build, lines, tmp_path):
    root = tmp_path / "my.cnf"
    text = "[mysqld]\n" + lines.replace("{version}", ".".join(map(str, build.series))) + "\n"
    root.write_text(text)
    said = start(build, f"--defaults-file={root}", f"--datadir={tmp_path}", "--help", "--verbose")
    rows = [line.split(None, 1) for line in said.rpartition("Variables (--")[2].splitlines()]
    shown = {row[0].replace("-", "_"): row[1].strip() for row in rows if len(row) > 1}
    resolution = resolve({str(root): text}, build.kind, build.series, [str(root)])
    for name in resolution.places:
        (winner,) = resolution.winning(name)
        spelled = {"1": "TRUE", "ON": "TRUE", "0": "FALSE", "OFF": "FALSE"}.get(winner.value, winner.value)
        assert shown[name] == spelled
