"""The demonstration's cast for PostgreSQL: private servers, pgbench for the load, psql for plain SQL."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from setpoint.faces.demo.cast import CarefulChange, Cast, Emergency, Meddling, Player, Script
from setpoint.faces.demo.figure import blocks_read, log_bytes, spilled_bytes
from setpoint.lab import cluster
from setpoint.lab.binaries import choose_binaries
from setpoint.lab.counters import POSTGRESQL_COUNTERS
from setpoint.lab.launch import PrivatePostgres
from setpoint.lab.pgbench import Pgbench
from setpoint.lab.privileges import choose_privileges
from setpoint.lab.trial import ask_with_psql
from setpoint.policy.starters import starter_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from setpoint.lab.binaries import PostgresBinaries
    from setpoint.lab.privileges import Privileges

MAJOR = 18

_POLICY = "postgresql-safety"
_LESS_MEMORY = MappingProxyType({"work_mem": "1MB", "max_parallel_workers_per_gather": "0"})
_PRIVILEGES = {
    "caller": "as the calling user",
    "namespace": "inside a user namespace, since PostgreSQL refuses root",
    "nobody": "as nobody, since PostgreSQL refuses root",
}
# An index scan in order reads table and index into shared buffers; a plain scan of a large table would
# pass them by.
_FILL_BUFFERS = """
set enable_seqscan = off; set enable_bitmapscan = off; set max_parallel_workers_per_gather = 0;
select sum(abalance) from pgbench_accounts where aid > 0
"""

SCRIPT = Script(
    engine="postgresql",
    product="PostgreSQL",
    target="host=... user=... dbname=postgres",
    program="pgbench",
    load="pgbench's TPC-B script",
    rows="accounts",
    rows_per_scale=100_000,
    scale_bytes=16 * 2**20,
    log_bytes=2 * 2**30,
    pool="shared_buffers",
    counters=(
        blocks_read("blocks read / trans."),
        log_bytes("WAL bytes / trans."),
        spilled_bytes("temp bytes / trans."),
    ),
    source=POSTGRESQL_COUNTERS,
    # The nearer the last checkpoint, the more whole pages go to the WAL: each trial begins with one.
    before_trial="checkpoint",
    trials_come="each after a checkpoint",
    is_as_before="is as before, byte for byte",
    meddling=Meddling(
        client="psql",
        shown="postgres=# alter system set work_mem = '256MB'; select pg_reload_conf();",
        statements=("alter system set work_mem = '256MB'", "select pg_reload_conf()"),
        parameter="work_mem",
        runs="256MB",
    ),
    # Less memory for each sort, and fewer processes that sort: what helps at once when memory runs out.
    emergency=Emergency(
        asked=_LESS_MEMORY, runs=_LESS_MEMORY, because="the host swaps, and large sorts are why"
    ),
    careful=CarefulChange(
        policy=_POLICY,
        document=partial(starter_text, _POLICY),
        rule="careful",
        parameter="synchronous_commit",
        value="off",
    ),
    seconds_beside=54,
)


def choose_cast() -> PostgresqlCast:
    """Answer the cast with the newest programs of `MAJOR`; raise `LabError` where they are not here."""
    tools = choose_binaries(MAJOR)
    for name in ("pgbench", "psql"):
        tools.tool(name)
    return PostgresqlCast(tools)


class PostgresqlCast(Cast):
    """PostgreSQL's programs; root's servers run as somebody else."""

    script = SCRIPT

    def __init__(self, tools: PostgresBinaries) -> None:
        self.tools = tools
        self.version = tools.version
        self.programs = tools.bindir
        self._as_whom: Privileges = choose_privileges()
        self.privileges = self._as_whom.kind
        # With dropped privileges the programs may first have to be brought within reach, which is done once.
        self._reached: PrivatePostgres | None = None

    @property
    def manner(self) -> str:
        """How its servers run: initdb's settings are all they begin with."""
        return f"{_PRIVILEGES[self.privileges]}, as initdb left it"

    def prepare(self, folder: Path) -> None:
        """Let the servers' user pass through."""
        if self._as_whom.owner is not None:
            folder.chmod(0o711)

    def launch(self, data_dir: Path, *, scale: int) -> Player:
        """Make a player; the second one runs the programs that the first one could reach."""
        server = PrivatePostgres(self._within_reach, data_dir=data_dir, privileges=self._as_whom)
        self._reached = self._reached or server
        return PostgresqlPlayer(self.tools, server, scale)

    def copy_data(self, source: Path, data_dir: Path) -> None:
        """Copy the data of a server that is stopped."""
        cluster.make_data(self._within_reach, data_dir, self._as_whom, template=source)

    @property
    def _within_reach(self) -> PostgresBinaries:
        return self._reached.binaries if self._reached else self.tools


class PostgresqlPlayer(Player):
    """A private PostgreSQL with pgbench's tables."""

    def __init__(self, tools: PostgresBinaries, server: PrivatePostgres, scale: int) -> None:
        super().__init__(server, server.data_dir / "postgresql.auto.conf")
        self._server = server
        self._tools = tools
        self._scale = scale

    def ask(self, statement: str) -> str:
        """Run psql."""
        return ask_with_psql(self._tools, self._server.client_variables)(statement)

    def load(self, clients: int) -> Pgbench:
        """Answer pgbench's TPC-B script."""
        return Pgbench(self._tools, self._server.client_variables, clients=clients)

    def fill(self, progress: Callable[[float], None]) -> None:
        """Make pgbench's tables."""
        self.load(1).fill(self._scale, progress)

    def fill_buffers(self) -> None:
        """Read all accounts by their index."""
        self.ask(_FILL_BUFFERS)

    def measure_data(self) -> tuple[int, int]:
        """Ask for the bytes of all databases and of shared buffers."""
        data = self.ask("select sum(pg_database_size(oid)) from pg_database")
        setting = "select setting::bigint * 8192 from pg_settings where name = 'shared_buffers'"
        return int(data), int(self.ask(setting))

    def running(self, parameter: str) -> str:
        """Ask with SHOW."""
        return self.ask(f"show {parameter}")

    def kept(self) -> bytes:
        """Answer the file that ALTER SYSTEM writes."""
        return self.keeps_in.read_bytes()

    def put_kept(self, kept: bytes) -> None:
        """Write that file."""
        self.keeps_in.write_bytes(kept)
