from __future__ import annotations

import os
import subprocess

from setpoint.lab.launch import PrivatePostgres


def ask(server: PrivatePostgres, query: str) -> str:
    binaries = server.binaries
    command = [binaries.tool("psql"), "-XAtqc", query, server.dsn]
    environment = binaries.environment("psql")
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_it_answers_on_every_major(postgresql_each):
    version = ask(postgresql_each, "show server_version_num")
    assert int(version) // 10_000 == postgresql_each.binaries.major


def test_a_restart_brings_another_process_on_the_same_port(postgresql):
    before, port = postgresql.pid, postgresql.port
    postgresql.restart()
    assert postgresql.is_running
    assert postgresql.pid != before
    assert postgresql.port == port
