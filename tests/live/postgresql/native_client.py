"""The real psql beside a server: a script goes in as a file, and a file comes out."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from setpoint.config.layers import Layer, LayerKind
from setpoint.config.resolve import resolve
from setpoint.engines.frames import Told, read_frames
from setpoint.engines.native import Job
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import Request, Step, StepKind
from setpoint.engines.planner import make_plan
from setpoint.engines.port import Release, Target
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.postgresql.native import PsqlClient
from setpoint.engines.session import observe
from setpoint.lab.binaries import PostgresBinaries
from setpoint.lab.launch import PrivatePostgres

NATIVE = PsqlClient()
SEAL = "ba5eba11ba5eba11"
PATIENCE_SECONDS = 120
NASTY = r"""%m it's "q" \a :x :'x' :{?x} $$ $do$ & @x $(x) \gset"""
"""Text in which every client's own marks stand."""
NONSENSE = Step(kind=StepKind.SET, do=(Request(text="this is no statement", is_read_only=False),))
_TOUCHED = ("work_mem", "maintenance_work_mem", "log_line_prefix", "search_path", "max_connections")


def job(identity: str = "", *, seconds: float = 3600) -> Job:
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    return Job(bundle="b1f3", seal=SEAL, instance="pg", identity=identity, expires_at=expires_at)


class Client:
    """Runs scripts the way `usage` says, in a folder of its own and with nothing else in it."""

    def __init__(
        self,
        server: PrivatePostgres,
        folder: Path,
        *,
        user: str = "postgres",
        build: PostgresBinaries | None = None,
    ) -> None:
        self.server, self.folder = server, folder
        self.build = build or server.binaries
        self.user, self.database = user, "postgres"
        self.said = ""
        self.variables: dict[str, str] = {}

    def start(self, script: str) -> subprocess.Popen[str]:
        (self.folder / "in.sql").write_text(script, encoding="utf-8")
        (self.folder / "out.txt").unlink(missing_ok=True)
        _, *arguments = shlex.split(NATIVE.usage("in.sql", "out.txt"))
        return subprocess.Popen(
            [
                self.build.tool("psql"),
                *arguments,
                self.server.dsn_for(user=self.user, database=self.database),
            ],
            env={**self.build.environment("psql"), **self.variables},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def carry(self, script: str) -> str:
        """Run a script; answer its output file. What it said to the terminal is in `said`."""
        with self.start(script) as process:
            stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
        self.said = stdout + stderr
        return self.output

    @property
    def output(self) -> str:
        place = self.folder / "out.txt"
        return place.read_text(encoding="utf-8") if place.exists() else ""

    def tell(self, *parts: str, given: Job | None = None) -> Told:
        """Run parts between an opening and a closing; answer what was told."""
        whole = given or job()
        return read_frames(
            self.carry(NATIVE.opening(whole) + "".join(parts) + NATIVE.closing(whole)), "out.txt"
        )


@contextmanager
def restored(server: PrivatePostgres) -> Iterator[None]:
    """Reset afterwards what tests touch."""
    yield
    write(server, *(f"ALTER SYSTEM RESET {name}" for name in _TOUCHED), "SELECT pg_reload_conf()")


def write(server, *statements: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def persisted(server) -> dict[str, str]:
    query = "SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%/postgresql.auto.conf'"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        return dict(connection.execute(query).fetchall())


def shown(server, name: str) -> str:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        return connection.execute(f"SHOW {name}".encode()).fetchone()[0]


def look(server, user: str = "postgres", database: str = "postgres"):
    address = server.dsn_for(user=user, database=database)
    target = Target(instance="pg", address=address, secret=lambda: None)
    driver = ENGINE.connect(target, is_read_only=True)
    try:
        return observe(ENGINE, driver, "pg", at=datetime.now(UTC))
    finally:
        driver.close()


def plan_steps(server, desired: dict, releases: tuple[Release, ...] = ()) -> tuple[Step, ...]:
    observation, catalog = look(server)
    resolved = resolve([Layer(LayerKind.INSTANCE, "pg", desired)], datetime.now(UTC))
    plan = make_plan(ENGINE, resolved, observation, catalog, revision="r", releases=releases)
    assert not plan.blocked
    return plan.steps


def apply(client: Client, steps, order: Order | None = None, *, given=None):
    whole = given or job()
    return client.tell(NATIVE.applying(whole, steps, order), given=whole)


def states(told) -> list[tuple[int, str]]:
    return [(each.number, each.state) for each in told.steps]


def order_of(seconds: float, *backs: Back) -> Order:
    now = datetime.now(UTC)
    return Order(
        override="o1",
        instance="pg",
        engine="postgresql",
        target="",
        backs=backs,
        deadline=now + timedelta(seconds=seconds),
        written_at=now,
    )
