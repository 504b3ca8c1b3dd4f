"""The agent for option files: what it answers, what it refuses, and what is left when it is killed."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from setpoint.engines.mysql import file_agent
from setpoint.engines.mysql.dialect.option_files import resolve

PROGRAM = file_agent.__file__


@pytest.fixture
def host(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "my.cnf").write_text(f"[mysqld]\nmax_connections=7\n!includedir {tmp_path}/d\n")
    return tmp_path


def run(host, question, *, fragment="d/zz-setpoint.cnf"):
    said = question if isinstance(question, bytes) else json.dumps(question).encode()
    words = ["--fragment", str(host / fragment), "--defaults-file", str(host / "my.cnf")]
    return subprocess.run(
        [sys.executable, "-I", PROGRAM, *words], input=said, capture_output=True, timeout=60, check=False
    )


def ask(host, question, **more):
    ended = run(host, question, **more)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def write(host, digest=None, put=(), drop=()):
    return ask(host, {"do": "write", "sha256": digest, "set": dict(put), "unset": list(drop)})["fragment"]


def test_it_tells_when_each_file_was_changed(host):
    os.utime(host / "my.cnf", (1_700_000_000, 1_700_000_000))
    (host / "d" / "a.cnf").symlink_to(host / "gone.cnf")
    told = {Path(file["path"]).name: file["changed_at"] for file in ask(host, {"do": "read"})["files"]}
    assert told == {"my.cnf": 1_700_000_000, "a.cnf": None}


def refusal(host, question, **more):
    ended = run(host, question, **more)
    assert (ended.returncode, ended.stdout) == (4, b"")
    return ended.stderr.decode()


def test_what_was_written_is_read_back_and_wins(host):
    first = write(host, put={"max-connections": "9", "init_connect": "SET @a='#'"})
    assert first["fault"] == ""
    answer = ask(host, {"do": "read"})
    assert answer["fragment"] == first
    assert first["sha256"] == hashlib.sha256(first["text"].encode()).hexdigest()
    files = {file["path"]: file["text"] for file in answer["files"]}
    resolution = resolve(files, "mariadb", (10, 11), answer["roots"])
    assert resolution.winning("max_connections")[0].value == "9"
    assert resolution.winning("init_connect")[0].value == "SET @a='#'"
    second = write(host, first["sha256"], put={"port": "1"}, drop=["max_connections"])
    assert "max_connections" not in second["text"]
    assert "init_connect" in second["text"]


def test_an_absent_fragment_is_no_fault(host):
    fragment = ask(host, {"do": "read"})["fragment"]
    assert (fragment["text"], fragment["sha256"], fragment["fault"]) == (None, None, "")


def test_faults_of_files_are_told(host):
    for name, text in {"a.cnf": "[mysqld]\na=1\n", "b.cnf": "[mysqld]\n!includedir /gone\n"}.items():
        (host / "d" / name).write_text(text)
    (host / "d" / "a.cnf").chmod(0o666)
    (host / "d" / "c.cnf").mkdir()
    (host / "d" / "e.cnf").symlink_to("/nonexistent")
    (host / "d" / "n.cnf.bak").write_text("[mysqld]\n")
    answer = ask(host, {"do": "read"})
    found = {Path(file["path"]).name: file["fault"] for file in answer["files"]}
    assert "everybody may write it" in found["a.cnf"]
    assert found["c.cnf"] == "Is a directory"
    assert found["gone"] == found["e.cnf"] == "No such file or directory"
    assert found["b.cnf"] == found["my.cnf"] == ""
    assert "n.cnf.bak" not in found


@pytest.mark.parametrize(
    "line",
    [
        "password=hunter2",
        "  #master-password = 'hunter2'",
        "wsrep_sst_auth=root:hunter2",
        "loose_keyring_secret_id = hunter2",
        "wsrep_provider_options='a=1;socket.ssl_password=hunter2;b=2'",
        "x=http://me:hunter2@host/",
        "admin_passw = hunter2",
    ],
)
def test_secrets_are_masked_and_lines_stay(host, line):
    (host / "d" / "a.cnf").write_text(f"[client]\n{line}\n[mysqld]\nvalidate_password.policy=MEDIUM\n")
    ended = run(host, {"do": "read"})
    assert b"hunter2" not in ended.stdout
    (text,) = [file["text"] for file in json.loads(ended.stdout)["files"] if "a.cnf" in file["path"]]
    assert text.split("\n")[3] == "validate_password.policy=MEDIUM"
    assert "********" in text.split("\n")[1]


def test_a_secret_in_the_fragment_survives_other_changes(host):
    first = write(host, put={"report_password": "hunter2"})
    assert "hunter2" not in first["text"]
    assert first["fault"] == ""
    write(host, first["sha256"], put={"port": "1"})
    assert "hunter2" in (host / "d/zz-setpoint.cnf").read_text()


def test_a_fragment_that_changed_in_between_is_left_alone(host):
    first = write(host, put={"a": "1"})
    write(host, first["sha256"], put={"a": "2"})
    for digest in (first["sha256"], None):
        words = refusal(host, {"do": "write", "sha256": digest, "set": {"a": "3"}})
        assert "read it again" in words
    assert "a = 2" in (host / "d/zz-setpoint.cnf").read_text()


def test_a_fragment_edited_by_hand_is_left_alone(host):
    write(host, put={"a": "1"})
    path = host / "d/zz-setpoint.cnf"
    path.write_text(path.read_text() + "b=1\n")
    fragment = ask(host, {"do": "read"})["fragment"]
    assert "edited by hand" in fragment["fault"]
    assert "edited by hand" in refusal(host, {"do": "write", "sha256": fragment["sha256"], "set": {}})
    assert path.read_text().endswith("b=1\n")


@pytest.mark.parametrize("fragment", ["other/zz.cnf", "d/zz.txt", "zz.cnf"])
def test_a_fragment_that_no_file_includes_is_refused(host, fragment):
    (host / "other").mkdir()
    assert "no effect" in ask(host, {"do": "read"}, fragment=fragment)["fragment"]["fault"]
    question = {"do": "write", "sha256": None, "set": {"a": "1"}}
    assert "no effect" in refusal(host, question, fragment=fragment)
    assert not (host / fragment).exists()


def test_a_file_of_somebody_else_and_a_symbolic_link_are_refused(host):
    (host / "theirs.cnf").write_text("[mysqld]\na=1\n")
    (host / "d/zz-setpoint.cnf").symlink_to(host / "theirs.cnf")
    assert "symbolic link" in refusal(host, {"do": "write", "sha256": None, "set": {"a": "2"}})
    (host / "d/zz-setpoint.cnf").unlink()
    (host / "theirs.cnf").rename(host / "d/zz-setpoint.cnf")
    assert "not written by Setpoint" in refusal(host, {"do": "write", "sha256": None, "set": {"a": "2"}})


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (b"{", "no JSON object"),
        (b"[1]", "no JSON object"),
        (b"\xff", "no JSON object"),
        (b" " * ((1 << 20) + 1), "larger"),
        ({"do": "drop"}, "neither"),
        ({"do": "write", "set": {"a": "1"}}, "read it again"),
        ({"do": "write", "sha256": None, "set": {"a b": "1"}}, "not the name"),
        ({"do": "write", "sha256": None, "set": {"a": "1\n[client]"}}, "one line"),
        ({"do": "write", "sha256": None, "set": {"a": "\0"}}, "one line"),
        ({"do": "write", "sha256": None, "set": {"a": "\ud800"}}, "one line"),
        ({"do": "write", "sha256": None, "set": {"a": 1}}, "texts"),
        ({"do": "write", "sha256": None, "set": []}, "maps names"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_words(host, question, words):
    assert words in refusal(host, question)
    assert list((host / "d").iterdir()) == []


def test_owner_and_mode_stay(host):
    first = write(host, put={"a": "1"})
    path = host / "d/zz-setpoint.cnf"
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    owner = path.stat().st_uid
    write(host, first["sha256"], put={"a": "2"})
    assert (path.stat().st_mode & 0o777, path.stat().st_uid) == (0o640, owner)
    assert [file.name for file in (host / "d").iterdir()] == ["zz-setpoint.cnf"]


def test_an_absent_folder_is_a_failure_and_not_a_refusal(host):
    ended = run(host, {"do": "write", "sha256": None, "set": {}}, fragment="gone/zz.cnf")
    assert ended.returncode == 1
    assert b"No such file" in ended.stderr


KILLED_AT = """
import os, signal, sys
from pathlib import Path
program, name, *arguments = sys.argv[1:]
def die(*arguments, **more):
    os.kill(os.getpid(), signal.SIGKILL)
space = {"__name__": "agent"}
exec(compile(Path(program).read_text(), program, "exec"), space)
if name == "replace":
    Path.replace = die
else:
    setattr(os, name, die)
space["main"](arguments)
"""


@pytest.mark.parametrize("call", ["fchmod", "fsync", "replace"])
def test_a_kill_before_the_swap_leaves_the_old_file_whole_and_the_next_write_works(host, call):
    first = write(host, put={"a": "1"})
    before = (host / "d/zz-setpoint.cnf").read_bytes()
    question = {"do": "write", "sha256": first["sha256"], "set": {"a": "2"}}
    words = ["--fragment", str(host / "d/zz-setpoint.cnf"), "--defaults-file", str(host / "my.cnf")]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED_AT, PROGRAM, call, *words],
        input=json.dumps(question).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert (host / "d/zz-setpoint.cnf").read_bytes() == before
    assert "a = 2" in write(host, first["sha256"], put={"a": "2"})["text"]


def test_of_two_writers_who_read_the_same_one_is_refused(host):
    words = ["--fragment", str(host / "d/zz-setpoint.cnf"), "--defaults-file", str(host / "my.cnf")]
    writers = [
        subprocess.Popen(
            [sys.executable, "-I", PROGRAM, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for number, writer in enumerate(writers):
        question = {"do": "write", "sha256": None, "set": {f"a{number}": "1"}}
        writer.stdin.write(json.dumps(question).encode())
        writer.stdin.close()
        writer.stdin = None
    codes = sorted((writer.communicate(timeout=60), writer.returncode)[1] for writer in writers)
    assert codes == [0, 4, 4, 4]
    assert file_agent.fragment_fault((host / "d/zz-setpoint.cnf").read_text()) == ""


def test_the_program_stands_alone_and_is_read_by_old_interpreters():
    source = Path(PROGRAM).read_text()
    tree = ast.parse(source, feature_version=(3, 6))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    assert "__future__" not in imported
