"""What the live tests of MySQL and MariaDB share: targets, plain SQL behind our back, and the file agent."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Any

import pymysql

from setpoint.engines.mysql import file_agent
from setpoint.engines.port import Target
from setpoint.lab.mysql_server import PrivateMysql


def agent_command(server: PrivateMysql) -> str:
    """Answer the command that reads a private server's option files and writes its fragment."""
    options = ["--fragment", str(server.fragment_path), "--defaults-file", str(server.option_file)]
    return shlex.join([sys.executable, "-I", "-S", str(file_agent.__file__), *options])


def target_of(server: PrivateMysql, *, has_agent: bool = True, user: str = "root") -> Target:
    return Target(
        instance="db",
        address=server.dsn_for(user=user),
        secret=lambda: None,
        agent=agent_command(server) if has_agent else "",
    )


def by_hand(server: PrivateMysql, *statements: str, user: str = "root") -> Sequence[Sequence[Any]]:
    """Run statements as a person with a client would; answer the rows of the last."""
    connection = pymysql.connect(host="127.0.0.1", port=server.port, user=user, autocommit=True)
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


def running(server: PrivateMysql, name: str) -> str:
    return str(by_hand(server, f"SELECT @@GLOBAL.{name}")[0][0])
