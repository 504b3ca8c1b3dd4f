"""Our reading of option files beside that of the servers' own programs."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from setpoint.engines.mysql.dialect.option_files import resolve
from setpoint.engines.mysql.dialect.option_fragment import render_fragment
from setpoint.engines.mysql.dialect.option_groups import read_groups
from setpoint.lab.binaries import cache_folder

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


def find_trees():
    named = os.environ.get("SETPOINT_TEST_TREES")
    folders = [Path(named)] if named else [cache_folder() / "engines"]
    return [tree for folder in folders if folder.is_dir() for tree in sorted(folder.iterdir())]


def programs():
    for tree in find_trees():
        for server in ("mariadbd", "mysqld"):
            program = tree / "usr/sbin" / server
            if program.is_file():
                yield pytest.param(tree, program, id=f"{tree.name}-{server}")
                break


FOUND = [*programs()] or [
    pytest.param(None, None, marks=pytest.mark.skip("no server of MySQL or MariaDB here"))
]


def start(tree, program, *arguments):
    command = [str(program)]
    libraries = [tree / "usr/lib/x86_64-linux-gnu", tree / "lib/x86_64-linux-gnu"]
    loaders = [folder / "ld-linux-x86-64.so.2" for folder in (*reversed(libraries), tree / "lib64")]
    loader = next((found for found in loaders if found.is_file()), None)
    if loader:
        command = [str(loader), "--library-path", ":".join(map(str, libraries)), *command]
    done = subprocess.run([*command, *arguments], capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def kind_and_version(tree, program):
    said = start(tree, program, "--version")[1]
    numbers = said.split("Ver ", 1)[1].split("-")[0].split()[0]
    return ("mariadb" if "MariaDB" in said else "mysql"), tuple(int(part) for part in numbers.split(".")[:2])


def our_arguments(texts, root, kind, version):
    """Answer the command line that the server would make of the files, as we read them."""
    resolution = resolve(texts, kind, version, [str(root)])
    places = [place for found in resolution.places.values() for place in found if place.is_read]
    return resolution, sorted("--" + p.written + ("" if p.text is None else "=" + p.text) for p in places)


def lines_of(random_, count):
    # Each begins with a letter: a line without a name makes the servers read what is before it in memory.
    return ["n" + "".join(random_.choices(PIECES, k=random_.randint(1, 9))) for _ in range(count)]


@pytest.mark.parametrize(("tree", "program"), FOUND)
def test_random_files_are_read_as_my_print_defaults_reads_them(tree, program, tmp_path):
    printer = tree / "usr/bin/my_print_defaults"
    if not printer.is_file():
        pytest.skip("this tree has no my_print_defaults")
    kind, version = kind_and_version(tree, program)
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
        groups = sorted(read_groups(kind, version))
        shown = ["--show"] if kind == "mysql" else []
        code, said, _ = start(tree, printer, f"--defaults-file={root}", *shown, *groups)
        resolution, ours = our_arguments(texts, root, kind, version)
        assert code == 0
        # A value may hold line ends, so lines are compared and not arguments.
        assert sorted(said.removesuffix("\n").split("\n")) == sorted("\n".join(ours).split("\n"))
        assert not resolution.faults


@pytest.mark.parametrize(("tree", "program"), FOUND)
def test_a_fragment_reaches_the_server_unchanged(tree, program, tmp_path):
    random_ = random.Random(11)  # noqa: S311 - no secrets
    path = tmp_path / "zz.cnf"
    for _ in range(FILES // 2):
        value = "".join(random_.choices([*PIECES, "€", "\x08", "`", "$(x)", "%"], k=12)).replace("\r", "")
        path.write_bytes(render_fragment({"init_connect": value}).encode())
        said = start(tree, program, f"--defaults-file={path}", "--print-defaults")[1]
        assert said.partition("\n")[2].rstrip("\n") == f"--init_connect={value} "


@pytest.mark.parametrize(("tree", "program"), FOUND)
def test_the_server_reads_the_groups_we_say(tree, program):
    said = start(tree, program, "--no-defaults", "--help", "--verbose")[1]
    (line,) = [line for line in said.splitlines() if line.startswith("The following groups are read:")]
    kind, version = kind_and_version(tree, program)
    assert set(line.partition(":")[2].split()) | {"mysql_cluster"} == read_groups(kind, version) | {
        "mysql_cluster"
    }


@pytest.mark.parametrize(("tree", "program"), FOUND)
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
def test_the_line_that_wins_here_wins_there(tree, program, lines, tmp_path):
    kind, version = kind_and_version(tree, program)
    root = tmp_path / "my.cnf"
    text = "[mysqld]\n" + lines.replace("{version}", ".".join(map(str, version))) + "\n"
    root.write_text(text)
    said = start(tree, program, f"--defaults-file={root}", f"--datadir={tmp_path}", "--help", "--verbose")[1]
    rows = [line.split(None, 1) for line in said.rpartition("Variables (--")[2].splitlines()]
    shown = {row[0].replace("-", "_"): row[1].strip() for row in rows if len(row) > 1}
    resolution = resolve({str(root): text}, kind, version, [str(root)])
    for name in resolution.places:
        (winner,) = resolution.winning(name)
        spelled = {"1": "TRUE", "ON": "TRUE", "0": "FALSE", "OFF": "FALSE"}.get(winner.value, winner.value)
        assert shown[name] == spelled
