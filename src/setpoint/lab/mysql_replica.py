"""A private server that replicates from another one, by global transaction identifiers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.errors import LabError
from setpoint.lab.mysql_client import ask_with_mysql

if TYPE_CHECKING:
    from setpoint.lab.mysql_binaries import Kind
    from setpoint.lab.mysql_server import PrivateMysql

_LIMIT_S = 30.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class _Dialect:
    """One product's statements: begin to follow a port, is it following (ON), position, wait for one.

    The wait answers 0 once the position is reached.
    """

    follow: str
    is_following: str
    position: str
    wait: str


_DIALECTS: dict[Kind, _Dialect] = {
    "mariadb": _Dialect(
        follow="change master to master_host = '{host}', master_port = {port}, master_user = '{user}', "
        "master_use_gtid = slave_pos; start slave",
        is_following="select variable_value from information_schema.global_status "
        "where variable_name = 'SLAVE_RUNNING'",
        position="select @@gtid_binlog_pos",
        wait="select master_gtid_wait('{position}', {limit_s})",
    ),
    "mysql": _Dialect(
        follow="change replication source to source_host = '{host}', source_port = {port}, "
        "source_user = '{user}', source_auto_position = 1, get_source_public_key = 1; start replica",
        is_following="select if(count(*) = 2, 'ON', 'OFF') from (select service_state from "
        "performance_schema.replication_connection_status union all select service_state from "
        "performance_schema.replication_applier_status) both_threads where service_state = 'ON'",
        position="select @@global.gtid_executed",
        wait="select wait_for_executed_gtid_set('{position}', {limit_s})",
    ),
}
# What a server must be started with to lead or to follow.
_SETTINGS: dict[Kind, dict[str, object]] = {
    "mariadb": {"log_bin": "binlog"},
    "mysql": {"gtid_mode": "ON", "enforce_gtid_consistency": "ON"},
}


def replication_settings(kind: Kind, server_id: int) -> dict[str, object]:
    """Return the settings that let a server lead or follow, under an identifier of its own."""
    return {"server_id": server_id, **_SETTINGS[kind]}


def follow(replica: PrivateMysql, primary: PrivateMysql, *, limit_s: float = _LIMIT_S) -> None:
    """Let one running server replicate from another and wait until it does.

    Both were started with ``replication_settings`` and, where data was made before, from the same data.

    Raises:
        LabError: a statement is refused, or the replica does not run in time.
    """
    dialect = _DIALECTS[replica.binaries.kind]
    ask = ask_with_mysql(replica.binaries, replica.connection)
    ask(dialect.follow.format(host=primary.host, port=primary.port, user=primary.user))
    end = time.monotonic() + limit_s
    while ask(dialect.is_following) != "ON":
        if time.monotonic() > end:
            raise LabError(
                f"the replica did not begin to follow within {limit_s:g} s\n{replica.log_tail()}",
                where=str(replica.data_dir),
            )
        time.sleep(_POLL_S)
    catch_up(replica, primary, limit_s=limit_s)


def catch_up(replica: PrivateMysql, primary: PrivateMysql, *, limit_s: float = _LIMIT_S) -> None:
    """Wait until a replica has applied everything its primary has committed by now.

    Raises:
        LabError: it has not in time.
    """
    dialect = _DIALECTS[replica.binaries.kind]
    position = ask_with_mysql(primary.binaries, primary.connection)(dialect.position).replace("\\n", "")
    wait = dialect.wait.format(position=position, limit_s=limit_s)
    if ask_with_mysql(replica.binaries, replica.connection)(wait) != "0":
        raise LabError(
            f"the replica did not reach {position or 'the start'} within {limit_s:g} s\n{replica.log_tail()}",
            where=str(replica.data_dir),
        )
