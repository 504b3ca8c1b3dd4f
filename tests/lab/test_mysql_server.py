from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.lab.processes import DEADLINE_S, Launcher, is_alive, wait_until_gone

from setpoint.errors import LabError
from setpoint.lab import server as private_server
from setpoint.lab.mysql_client import ask_with_mysql
from setpoint.lab.mysql_server import PrivateMysql
from setpoint.lab.server import find_free_port

# Starts a server, tells its pid, its keeper's and its temporary folder, then does what the argument says.
CHILD = """
import signal, sys, threading
from pathlib import Path
from setpoint.lab.mysql_binaries import read_build
from setpoint.lab.mysql_server import PrivateMysql

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have it ignored
with PrivateMysql(read_build(Path(sys.argv[1]))) as server:
    print(server.pid, server._keeper.pid, server.socket_dir.parent, flush=True)
    if sys.argv[2] == "raise":
        raise SystemExit("on purpose")
    threading.Event().wait()
"""


KEPT = "create database kept; create table kept.t (n int); insert into kept.t values (1)"


def ask(server: PrivateMysql, statement: str) -> str:
    return ask_with_mysql(server.binaries, server.connection)(statement)


@pytest.fixture(params=["start_mariadb", "start_mysql"])
def start(request):
    return request.getfixturevalue(request.param)


def test_it_answers_on_every_version(mysql_family_each):
    version = ask(mysql_family_each, "select @@version")
    assert version.startswith(".".join(map(str, mysql_family_each.binaries.version)))
    assert ("MariaDB" in version) == (mysql_family_each.binaries.kind == "mariadb")


def test_root_may_log_in_by_tcp_too_with_or_without_name_resolution(mysql_family_each):
    server = mysql_family_each
    place = [f"--host={server.host}", f"--port={server.port}", "--protocol=tcp", f"--user={server.user}"]
    client = [*server.binaries.client, "--no-defaults", *place, "--batch", "--skip-column-names"]
    for name_resolution in ("", "skip_name_resolve\n"):
        server.fragment_path.write_text(f"[mysqld]\n{name_resolution}")
        server.restart()
        answer = subprocess.run(
            [*client, "--execute=show grants"],
            env=server.binaries.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert "WITH GRANT OPTION" in answer.stdout
    assert server.dsn == f"host=127.0.0.1 port={server.port} user=root"


def test_a_restart_brings_another_process_on_the_same_port(mysql_family_each):
    before, port = mysql_family_each.pid, mysql_family_each.port
    mysql_family_each.restart()
    assert mysql_family_each.is_running
    assert (mysql_family_each.pid != before, mysql_family_each.port) == (True, port)


def test_the_restart_command_works_from_any_process(mysql_family_each):
    before = mysql_family_each.pid
    mysql_family_each.fragment_path.write_text("[mysqld]\nmax_connections = 42\n")
    done = subprocess.run(mysql_family_each.restart_command, check=False, cwd="/", env={}, timeout=60)
    assert done.returncode == 0
    assert mysql_family_each.pid != before
    assert ask(mysql_family_each, "select @@global.max_connections") == "42"
    mysql_family_each.fragment_path.unlink()


def test_every_restart_tells_it_is_ready_anew(start):
    server = start()
    for _ in range(3):
        server.restart("immediate")
        assert ask(server, "select 1") == "1"


def test_a_server_whose_log_goes_elsewhere_is_noticed_by_its_greeting(start, tmp_path):
    server = start(conf={"log_error": tmp_path / "elsewhere.log"})
    assert ask(server, "select 1") == "1"
    assert "ready for connections" not in server.log_path.read_text()


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate"])
def test_it_stops_in_every_mode_and_starts_again(start_mariadb, mode):
    server = start_mariadb()
    ask(server, KEPT)
    server.stop(mode)
    assert not server.is_running
    server.start()
    assert ask(server, "select n from kept.t") == "1"


def test_settings_stand_in_an_option_file_the_server_names(start):
    conf = {
        "sql_mode": "ANSI,TRADITIONAL",
        "skip_name_resolve": None,
        "autocommit": False,
        "init_connect": "# \\s",
    }
    server = start(conf=conf)
    names = "@@global.skip_name_resolve, @@global.autocommit, @@global.init_connect"
    assert ask(server, f"select {names}") == "1|0|# \\\\s"
    assert "ANSI_QUOTES" in ask(server, "select @@global.sql_mode")
    table = (
        "information_schema.system_variables where variable_name = 'SQL_MODE'"
        if server.binaries.kind == "mariadb"
        else "performance_schema.variables_info where variable_name = 'sql_mode'"
    )
    column = "global_value_path" if server.binaries.kind == "mariadb" else "variable_path"
    assert ask(server, f"select {column} from {table}") == str(server.option_file)


def test_option_file_text_may_name_other_groups(start_mariadb):
    server = start_mariadb(
        conf="max_connections = 33\n[mariadb]\nmax_connections = 44\n[elsewhere]\nnonsense\n"
    )
    assert ask(server, "select @@global.max_connections") == "44"


def test_the_fragment_wins_over_other_included_files(start_mariadb):
    server = start_mariadb(conf={"max_connections": 33})
    (server.conf_dir / "50-theirs.cnf").write_text("[mysqld]\nmax_connections = 44\n")
    server.restart()
    assert ask(server, "select @@global.max_connections") == "44"
    server.fragment_path.write_text("[mysqld]\nmax_connections = 55\n")
    server.restart()
    assert ask(server, "select @@global.max_connections") == "55"


def test_a_setting_it_refuses_is_told_with_the_log(start):
    with pytest.raises(LabError, match=r"(?s)while starting.*max_conections"):
        start(conf={"max_conections": 10})


def test_the_restart_command_says_why_it_failed(start_mariadb):
    server = start_mariadb()
    server.fragment_path.write_text("[mysqld]\nnonsense = 1\n")
    done = subprocess.run(server.restart_command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "while starting" in done.stderr
    assert not server.is_running


def test_without_tcp_only_the_socket_listens(start_mariadb):
    server = start_mariadb(tcp=False)
    assert ask(server, "select @@skip_networking") == "1"
    assert server.dsn == f"socket={server.socket_path} user=root"


def test_a_folder_given_is_kept_and_used_again_with_its_option_files(start_mariadb, tmp_path):
    first = start_mariadb(data_dir=tmp_path / "data", conf={"max_connections": 33})
    ask(first, "create database kept")
    first.fragment_path.write_text("[mysqld]\nwait_timeout = 77\n")
    first.close()
    second = start_mariadb(data_dir=tmp_path / "data")
    assert ask(second, "show databases like 'kept'") == "kept"
    assert ask(second, "select @@global.max_connections, @@global.wait_timeout") == "33|77"


def test_a_folder_with_something_else_is_left_alone(start_mariadb, tmp_path):
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "letter").write_text("dear")
    with pytest.raises(LabError, match="not empty"):
        start_mariadb(data_dir=tmp_path / "desk")
    assert [path.name for path in (tmp_path / "desk").iterdir()] == ["letter"]


def test_copies_of_a_template_are_servers_of_their_own(start_mysql, tmp_path):
    copied = {ask(start_mysql(templates=tmp_path), "select @@server_uuid") for _ in range(2)}
    assert len(copied) == 2


def test_the_callers_own_connections_and_options_are_ignored(start_mariadb, monkeypatch, tmp_path):
    (tmp_path / ".my.cnf").write_text("[client]\nuser = nobody-there\n[mysqld]\nnonsense\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MYSQL_UNIX_PORT", "/nowhere")
    monkeypatch.setenv("MYSQL_PWD", "wrong")
    assert ask(start_mariadb(), "select current_user()") == "root@localhost"


def test_closing_leaves_neither_process_nor_folder(start):
    server = start()
    pid, home = server.pid, server.socket_dir.parent
    assert pid
    server.close()
    server.close()
    assert not is_alive(pid)
    assert not home.exists()


def test_an_exception_leaves_nothing_behind(mariadb):
    launcher = Launcher(CHILD, mariadb.binaries.tree, "raise")
    assert launcher.collect() == 1
    wait_until_gone([launcher.server, launcher.keeper], launcher.home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_signal_to_the_launching_process_leaves_anything_behind(mysql_family_each, number):
    launcher = Launcher(CHILD, mysql_family_each.binaries.tree, "wait")
    launcher.process.send_signal(number)
    launcher.collect()
    wait_until_gone([launcher.server, launcher.keeper], launcher.home)


def test_a_launching_process_killed_while_making_the_data_leaves_nothing_behind(tmp_path):
    (tmp_path / "bin").mkdir()
    program, told = tmp_path / "bin" / "mysqld", tmp_path / "told"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in *--version*) echo "mysqld  Ver 9.7.4 for Linux"; exit;; esac\n'
        f'echo $$ "$@" > {told}.new; mv {told}.new {told}; exec sleep 600\n'
    )
    program.chmod(0o755)
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), "wait"]) as launching:
        end = time.monotonic() + DEADLINE_S
        while not told.exists():
            assert time.monotonic() < end
            os.sched_yield()
        launching.kill()
    pid, *words = told.read_text().split()
    data = next(word.partition("=")[2] for word in words if word.startswith("--datadir="))
    wait_until_gone([int(pid)], Path(data).parent)


def test_the_server_ends_with_its_keeper(mariadb):
    launcher = Launcher(CHILD, mariadb.binaries.tree, "wait")
    os.kill(launcher.keeper, signal.SIGKILL)
    wait_until_gone([launcher.server, launcher.keeper])
    launcher.process.kill()
    launcher.collect()
    subprocess.run(["rm", "-rf", launcher.home], check=True)


def test_a_killed_server_is_seen_and_recovers(start):
    server = start()
    ask(server, KEPT)
    pid = server.pid
    os.kill(pid, signal.SIGKILL)
    wait_until_gone([pid])
    assert not server.is_running
    server.start()
    assert ask(server, "select n from kept.t") == "1"


def test_a_port_somebody_took_is_given_up_for_another(start, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1], find_free_port()]
        monkeypatch.setattr(private_server, "find_free_port", iter(ports).__next__)
        assert start().port == ports[1]


def test_a_statement_that_fails_is_told(mysql_family_each):
    with pytest.raises(LabError, match="nowhere"):
        ask(mysql_family_each, "select * from nowhere.at_all")


def test_rows_are_lines_and_fields_are_separated(mysql_family_each):
    assert ask(mysql_family_each, "select 1, 'a b' union all select 2, null") == "1|a b\n2|NULL"
