from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tests.lab.processes import DEADLINE_S, Launcher, is_alive, wait_until_gone

from setpoint.errors import LabError
from setpoint.lab import privileges, server
from setpoint.lab.launch import PrivatePostgres
from setpoint.lab.server import find_free_port
from setpoint.lab.trial import ask_with_psql

# Starts a server, tells its pid, its keeper's and its temporary folder, then does what the argument says.
CHILD = """
import os, signal, sys, threading
from pathlib import Path
from setpoint.lab.binaries import PostgresBinaries
from setpoint.lab.launch import PrivatePostgres

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have it ignored
with PrivatePostgres(PostgresBinaries(Path(sys.argv[1]), (18, 0))) as server:
    print(server.pid, server._keeper.pid, server.socket_dir.parent, flush=True)
    if sys.argv[2] == "raise":
        raise SystemExit("on purpose")
    threading.Event().wait()
"""


def ask(server: PrivatePostgres, statement: str) -> str:
    return ask_with_psql(server.binaries, server.client_variables)(statement)


@pytest.fixture
def newest(postgresql_binaries):
    if not postgresql_binaries:
        pytest.skip("no PostgreSQL here")
    return postgresql_binaries[max(postgresql_binaries)]


@pytest.fixture
def open_folder():
    """A folder that every user can enter, as pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def test_it_answers_on_every_major(postgresql_each):
    version = int(ask(postgresql_each, "show server_version_num"))
    assert (version // 10_000, version % 10_000) == postgresql_each.binaries.version


def test_it_answers_on_its_unix_socket_too(postgresql):
    variables = {**postgresql.client_variables, "PGHOST": str(postgresql.socket_dir)}
    assert ask_with_psql(postgresql.binaries, variables)("select inet_server_addr() is null") == "t"


def test_a_restart_brings_another_process_on_the_same_port(postgresql):
    before, port = postgresql.pid, postgresql.port
    postgresql.restart()
    assert postgresql.is_running
    assert (postgresql.pid != before, postgresql.port) == (True, port)


def test_the_restart_command_works_from_any_process(postgresql_each):
    before = postgresql_each.pid
    ask(postgresql_each, "alter system set max_connections = 42")
    done = subprocess.run(postgresql_each.restart_command, check=False, cwd="/", env={}, timeout=60)
    assert done.returncode == 0
    assert postgresql_each.pid != before
    assert ask(postgresql_each, "show max_connections") == "42"


def test_the_restart_command_says_why_it_failed(start_postgresql):
    server = start_postgresql()
    with (server.data_dir / "postgresql.auto.conf").open("a") as file:
        file.write("shared_buffers = 'nonsense'\n")
    done = subprocess.run(server.restart_command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "ended with code 1 while starting" in done.stderr
    assert not server.is_running
    assert "shared_buffers" in server.log_tail()


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate"])
def test_it_stops_in_every_mode_and_starts_again(start_postgresql, mode):
    server = start_postgresql()
    ask(server, "create table kept as select 1 as n; checkpoint")
    server.stop(mode)
    assert not server.is_running
    server.start()
    assert ask(server, "select n from kept") == "1"


def test_an_unknown_mode_is_refused(postgresql):
    with pytest.raises(LabError, match="unknown mode 'gently'"):
        postgresql.stop("gently")


@pytest.mark.parametrize(
    "conf", [{"work_mem": "7MB", "application_name": "it's"}, "work_mem = 7MB # by hand\n"]
)
def test_settings_reach_the_configuration_file(start_postgresql, conf):
    server = start_postgresql(conf=conf)
    source = ask(server, "select setting, source from pg_settings where name = 'work_mem'")
    assert source == "7168|configuration file"


def test_a_setting_it_refuses_is_told_with_the_log(start_postgresql):
    with pytest.raises(LabError, match=r"(?s)while starting.*shared_bufers"):
        start_postgresql(conf={"shared_bufers": "1GB"})


def test_without_tcp_only_the_socket_listens(start_postgresql):
    server = start_postgresql(tcp=False)
    assert ask(server, "show listen_addresses") == ""
    assert str(server.socket_dir) in server.dsn


def test_a_stopped_server_tells_what_a_parameter_would_be(start_postgresql):
    server = start_postgresql()
    assert server.query_config("work_mem", {"work_mem": "1GB"}) == "1048576"
    with pytest.raises(LabError, match="nonsense"):
        server.query_config("work_mem", {"work_mem": "nonsense"})


def test_a_folder_given_is_kept_and_used_again(start_postgresql, open_folder):
    first = start_postgresql(data_dir=open_folder / "data")
    ask(first, "create table kept as select 1 as n")
    first.close()
    second = start_postgresql(data_dir=open_folder / "data")
    assert ask(second, "select n from kept") == "1"


def test_a_folder_with_something_else_is_left_alone(start_postgresql, open_folder):
    (open_folder / "desk").mkdir()
    (open_folder / "desk" / "letter").write_text("dear")
    with pytest.raises(LabError, match="not empty"):
        start_postgresql(data_dir=open_folder / "desk")
    assert [path.name for path in (open_folder / "desk").iterdir()] == ["letter"]


def test_servers_made_without_a_template_differ_in_their_identifier(start_postgresql, tmp_path):
    query = "select system_identifier from pg_control_system()"
    alone = [ask(start_postgresql(templates=None), query) for _ in range(2)]
    copied = [ask(start_postgresql(templates=tmp_path), query) for _ in range(2)]
    assert (len(set(alone)), len(set(copied))) == (2, 1)


def test_closing_leaves_neither_process_nor_folder(start_postgresql):
    server = start_postgresql()
    pid, home = server.pid, server.socket_dir.parent
    assert pid
    server.close()
    server.close()
    assert not is_alive(pid)
    assert not home.exists()


def test_an_exception_leaves_nothing_behind(newest):
    launcher = Launcher(CHILD, newest.bindir, "raise")
    assert launcher.collect() == 1
    wait_until_gone([launcher.server, launcher.keeper], launcher.home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_signal_to_the_launching_process_leaves_anything_behind(newest, number):
    launcher = Launcher(CHILD, newest.bindir, "wait")
    launcher.process.send_signal(number)
    launcher.collect()
    wait_until_gone([launcher.server, launcher.keeper], launcher.home)


def test_a_launching_process_killed_while_making_the_data_leaves_nothing_behind(open_folder):
    bindir, told = open_folder / "bin", open_folder / "told"
    bindir.mkdir()
    initdb = bindir / "initdb"
    initdb.write_text(f'#!/bin/sh\necho $$ "$@" > {told}.new; mv {told}.new {told}; exec sleep 600\n')
    initdb.chmod(0o755)
    (bindir / "postgres").symlink_to("initdb")
    open_folder.chmod(0o777)
    with subprocess.Popen([sys.executable, "-c", CHILD, str(bindir), "wait"]) as launching:
        end = time.monotonic() + DEADLINE_S
        while not told.exists():
            assert time.monotonic() < end
            os.sched_yield()
        launching.kill()
    pid, *_, data = told.read_text().split()
    wait_until_gone([int(pid)], Path(data).parent)


def test_a_port_somebody_took_is_given_up_for_another(start_postgresql, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1], find_free_port()]
        monkeypatch.setattr(server, "find_free_port", iter(ports).__next__)
        assert start_postgresql().port == ports[1]


def test_the_server_ends_with_its_keeper(newest):
    launcher = Launcher(CHILD, newest.bindir, "wait")
    os.kill(launcher.keeper, signal.SIGKILL)
    wait_until_gone([launcher.server, launcher.keeper])
    launcher.process.kill()
    launcher.collect()
    subprocess.run(["rm", "-rf", launcher.home], check=True)


def test_a_keeper_that_is_asked_to_end_takes_its_server_along(newest):
    launcher = Launcher(CHILD, newest.bindir, "wait")
    os.kill(launcher.keeper, signal.SIGTERM)
    wait_until_gone([launcher.server, launcher.keeper], launcher.home)
    launcher.process.kill()
    launcher.collect()


def test_a_killed_server_is_seen_and_started_again(start_postgresql):
    server = start_postgresql()
    pid = server.pid
    os.kill(pid, signal.SIGKILL)
    wait_until_gone([pid])
    assert not server.is_running
    server.start()
    assert ask(server, "select 1") == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
class TestRoot:
    def test_it_becomes_nobody_where_namespaces_are_forbidden(self, start_postgresql):
        server = start_postgresql(privileges=privileges.drop_to_nobody())
        assert server.privileges.kind == "nobody"
        assert ask(server, "select 1") == "1"
        assert Path(f"/proc/{server.pid}").stat().st_uid == server.privileges.owner[0]
        server.restart()
        assert subprocess.run(server.restart_command, check=False).returncode == 0

    def test_a_folder_nobody_cannot_reach_is_named(self, start_postgresql, tmp_path):
        tmp_path.chmod(0o700)
        with pytest.raises(LabError, match="as nobody, who cannot reach"):
            start_postgresql(data_dir=tmp_path / "data", privileges=privileges.drop_to_nobody())

    def test_it_says_so_when_there_is_no_way(self, monkeypatch):
        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(
            LabError, match=r"neither enter a user namespace nor become nobody.*ordinary user"
        ):
            privileges.choose_privileges()

    def test_namespaces_come_first(self):
        if not privileges.can_enter_namespace():
            pytest.skip("user namespaces are forbidden here")
        assert privileges.choose_privileges().kind == "namespace"
