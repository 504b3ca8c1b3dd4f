"""The demonstration's cast for MariaDB: private servers, sysbench for the load, its client for plain SQL.

MariaDB keeps nothing itself: what is set runs until a restart, and a line in an option file, written by an
agent program, makes it stay. The servers begin with one option of ours: the event scheduler runs, so that
the server itself can end an override.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from setpoint.errors import LabError
from setpoint.faces.demo.cast import CarefulChange, Cast, Emergency, Meddling, Player, Script
from setpoint.faces.demo.figure import blocks_read, log_bytes, spilled_tables
from setpoint.lab.counters import MYSQL_COUNTERS
from setpoint.lab.mysql_binaries import find_mysql
from setpoint.lab.mysql_client import ask_with_mysql
from setpoint.lab.mysql_data import copy_mysql_data
from setpoint.lab.mysql_server import PrivateMysql
from setpoint.lab.sysbench import Sysbench, find_sysbench
from setpoint.policy.starters import starter_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from setpoint.lab.mysql_binaries import MysqlBinaries
    from setpoint.lab.sysbench import SysbenchBinary

SERIES = (10, 11)
"""The series that is taken where it is here; else the newest one is."""

NEXT_STEP = (
    "python tools/engines.py fetch mariadb-10.11 sysbench, "
    "or apt install mariadb-server-core mariadb-client-core sysbench"
)
TABLES = 4
_ROWS_PER_SCALE = 70_000
_POLICY = "mysql-safety"
_GROUP = "[mysqld]"
_DIRECT = ("O_DIRECT", "O_DIRECT_NO_FSYNC")

SCRIPT = Script(
    engine="mariadb",
    product="MariaDB",
    target="host=... user=...",
    program="sysbench",
    load="sysbench's oltp_read_write, which takes all rows alike,",
    rows=f"rows in {TABLES} tables",
    rows_per_scale=_ROWS_PER_SCALE,
    scale_bytes=18 * 2**20,
    log_bytes=2**30,
    pool="innodb_buffer_pool_size",
    counters=(
        blocks_read("pages read / trans."),
        log_bytes("redo bytes / trans."),
        spilled_tables("tables on disk / trans."),
    ),
    source=MYSQL_COUNTERS["mariadb"],
    before_trial="",
    trials_come="one right after the other",
    is_as_before="sets what it set before: nothing",
    meddling=Meddling(
        client="the mariadb client",
        shown="MariaDB [(none)]> set global sort_buffer_size = 268435456;",
        statements=("set global sort_buffer_size = 268435456",),
        parameter="sort_buffer_size",
        runs="268435456",
    ),
    # Smaller buffers for each session: what helps at once when memory runs out.
    emergency=Emergency(
        asked=MappingProxyType({"join_buffer_size": "128K", "read_rnd_buffer_size": "64K"}),
        runs=MappingProxyType({"join_buffer_size": "131072", "read_rnd_buffer_size": "65536"}),
        because="the host swaps, and large joins are why",
    ),
    careful=CarefulChange(
        policy=_POLICY,
        document=partial(starter_text, _POLICY),
        rule="careful",
        parameter="innodb_flush_log_at_trx_commit",
        value="2",
    ),
    seconds_beside=90,
)


def choose_cast() -> MariadbCast:
    """Answer the cast.

    Raises:
        LabError: MariaDB, its client or sysbench is not on this machine; says what to run.
    """
    discovery = find_mysql()
    binaries = discovery.newest("mariadb", SERIES) or discovery.newest("mariadb")
    sysbench = find_sysbench()
    if binaries is None or sysbench is None:
        absent = [
            name for name, found in (("MariaDB server", binaries), ("sysbench", sysbench)) if found is None
        ]
        tried = "; ".join(f"{place}: {reason}" for place, reason in discovery.faults)
        message = f"no {' and no '.join(absent)} on this machine" + (f" ({tried})" if tried else "")
        raise LabError(message, next_step=NEXT_STEP)
    try:
        binaries.client  # noqa: B018 - it is asked for here, before anything is started
    except LabError as fault:
        raise LabError(fault.what, where=fault.where, next_step=NEXT_STEP) from fault
    return MariadbCast(binaries, sysbench)


class MariadbCast(Cast):
    """MariaDB's programs and sysbench."""

    script = SCRIPT
    privileges = "caller"

    def __init__(self, binaries: MysqlBinaries, sysbench: SysbenchBinary) -> None:
        self.version = binaries.version
        self.programs = binaries.tree
        self._binaries = binaries
        self._sysbench = sysbench

    @property
    def manner(self) -> str:
        """How its servers run, and the one option they begin with."""
        return (
            "as the calling user, as its makers deliver it but for one option: event_scheduler is on, so "
            "that the server itself can end an override"
        )

    def launch(self, data_dir: Path, *, scale: int) -> Player:
        """Make a player."""
        server = PrivateMysql(self._binaries, conf={"event_scheduler": True}, data_dir=data_dir)
        return MariadbPlayer(self._binaries, self._sysbench, server, scale)

    def copy_data(self, source: Path, data_dir: Path) -> None:
        """Copy the data of a server that is stopped."""
        copy_mysql_data(source, data_dir)


class MariadbPlayer(Player):
    """A private MariaDB with sysbench's tables."""

    def __init__(
        self, binaries: MysqlBinaries, sysbench: SysbenchBinary, server: PrivateMysql, scale: int
    ) -> None:
        super().__init__(server, server.fragment_path)
        self._server = server
        self._binaries = binaries
        self._sysbench = sysbench
        self._rows = scale * _ROWS_PER_SCALE // TABLES

    def ask(self, statement: str) -> str:
        """Run the command-line client."""
        return ask_with_mysql(self._binaries, self._server.connection)(statement)

    def load(self, clients: int) -> Sysbench:
        """Answer sysbench's read-write script; all rows alike, so that all of the data is worked on."""
        return Sysbench(
            self._sysbench,
            self._binaries,
            self._server.connection,
            tables=TABLES,
            rows=self._rows,
            threads=clients,
            choice="uniform",
        )

    def fill(self, progress: Callable[[float], None]) -> None:
        """Make sysbench's tables, all at once."""
        self.load(TABLES).fill(progress)

    def fill_buffers(self) -> None:
        """Read every table and its index."""
        for number in range(1, TABLES + 1):
            table = f"sbtest.sbtest{number}"
            self.ask(f"select sum(length(c)) from {table} force index (primary)")  # noqa: S608 - our own names
            self.ask(f"select sum(k) from {table} force index (k_{number})")  # noqa: S608 - our own names

    def measure_data(self) -> tuple[int, int]:
        """Ask for the bytes of all tables and of the buffer pool."""
        data = self.ask("select sum(data_length + index_length) from information_schema.tables")
        return int(data), int(self.running(SCRIPT.pool))

    def running(self, parameter: str) -> str:
        """Ask for the global value."""
        return self.ask(f"select @@global.{parameter}")

    def kept(self) -> bytes:
        """Answer the entries of the option file that the agent writes, without its comments."""
        try:
            lines = self.keeps_in.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return b""
        entries = [line for line in lines if line.strip() and not line.startswith(("#", "["))]
        return "".join(f"{line}\n" for line in entries).encode()

    def put_kept(self, kept: bytes) -> None:
        """Write an option file with these entries; none where there are none."""
        if kept:
            self.keeps_in.parent.mkdir(parents=True, exist_ok=True)
            self.keeps_in.write_bytes(f"{_GROUP}\n".encode() + kept)

    @property
    def agent_command(self) -> list[str]:
        """The command that writes the option file."""
        return self._server.agent_command

    @property
    def remark(self) -> str:
        """Say whether the operating system's page cache stands between the pool and the disk."""
        method = self.running("innodb_flush_method")
        if method.upper() in _DIRECT:
            return (
                f"innodb_flush_method is {method} on both, so no page that is read comes from the operating "
                "system's page cache. All rows are taken alike: with a few hot ones there is less to gain."
            )
        return (
            f"innodb_flush_method is {method}, so a page that is read may come from the operating system's "
            "page cache: sparing it gains less than sparing the disk. All rows are taken alike."
        )
