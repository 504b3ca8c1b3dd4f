"""Plain SQL for a private MariaDB or MySQL, through the command-line client that comes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.lab import cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.lab.counters import Ask
    from setpoint.lab.mysql_binaries import MysqlBinaries


def ask_with_mysql(binaries: MysqlBinaries, connection: Mapping[str, str], database: str = "") -> Ask:
    """Return a function that runs statements over the Unix socket of ``PrivateMysql.connection``.

    It answers the rows as text, one a line, with ``|`` between the fields; an SQL null is the word NULL.

    Raises:
        LabError: this build has no client; or, when called, a statement fails.
    """
    options = ["--no-defaults", "--batch", "--skip-column-names"]
    place = [f"--socket={connection['socket']}", f"--user={connection['user']}"]
    chosen = [f"--database={database}"] if database else []
    program = [*binaries.client, *options, *place, *chosen, "--execute"]

    def ask(statement: str) -> str:
        return cluster.run([*program, statement], binaries.environment()).rstrip("\n").replace("\t", "|")

    return ask
