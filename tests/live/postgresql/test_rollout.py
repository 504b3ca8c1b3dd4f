"""Rollouts over real servers, carried out by a real `setpoint run`, on a store of each kind."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from tests.chaos.site import await_that
from tests.fix_postgresql import MAJORS

from setpoint import Setpoint
from setpoint.config.configuration import Group, Instance
from setpoint.control.rollouts.drafting import RolloutWish
from setpoint.errors import RefusedError
from setpoint.faces.rollouts import RolloutView
from setpoint.lab.cluster import run as run_program
from setpoint.lab.launch import PrivatePostgres
from setpoint.lab.privileges import give_away, guard
from setpoint.policy.rollout import Amount, RolloutRules, RolloutState, TargetState
from setpoint.policy.selector import ALL

PATIENCE_SECONDS = 150.0
PROGRAM = [sys.executable, "-c", "from setpoint.faces.cli import main; main()"]
GUARDED = """
policy: careful
guardrails:
  - {id: failures, holds: txn_rollback <= before_txn_rollback + 2, watch: 60s, why: work fails}
"""
SPILLING = "SELECT count(*) FROM (SELECT g FROM generate_series(1, 20000) g ORDER BY random()) AS shuffled"


@dataclass
class Stage:
    """A store, servers registered in it, and a worker process."""

    where: str
    folder: Path
    servers: dict[str, PrivatePostgres]
    group: str = ""
    setpoint: Setpoint = field(init=False)

    def __post_init__(self) -> None:
        self.setpoint = Setpoint.create(self.where, actor="ada")
        if self.group:
            self.setpoint.put_group(self.group, Group(engine="postgresql"), reason="registered")
        for name, server in self.servers.items():
            instance = Instance(
                engine="postgresql",
                target=server.dsn,
                group=self.group,
                restart_command=shlex.join(server.restart_command),
            )
            self.setpoint.add_instance(name, instance, reason="registered")

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Have a worker in a process of its own: on PostgreSQL two, under their supervisor."""
        log = self.folder / "worker.log"
        environment = {**os.environ, "SETPOINT_STORE": self.where, "SETPOINT_ACTOR": "ada"}
        with log.open("w") as said:
            process = subprocess.Popen(
                [*PROGRAM, "run", "--workers", "2", "--interval", "5s"],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment,
            )  # fmt: skip
        try:
            yield
        except BaseException as fault:
            fault.add_note(log.read_text()[-4000:])
            raise
        finally:
            process.terminate()
            process.wait(60)

    def start(self, settings: dict[str, str], **rules: object) -> str:
        fields = {
            "baseline_seconds": 3.0,
            "soak_seconds": 3.0,
            "sample_seconds": 1.0,
            "tolerance": 10.0,
            **rules,
        }
        fields = {"canary": Amount(count=1), "waves": (Amount(share=1.0),), **fields}
        wish = RolloutWish(
            selector=ALL, because="it is time", settings=settings, rules=RolloutRules(**fields)
        )
        return self.setpoint.rollouts.start(wish).id

    def await_end(self, id_: str) -> RolloutView:
        def is_over() -> bool:
            return not self.setpoint.rollouts.get(id_).rollout.is_open

        with suppress(AssertionError):
            await_that(is_over, "the rollout is over", seconds=PATIENCE_SECONDS)
        found = self.setpoint.rollouts.get(id_)
        assert not found.rollout.is_open, found
        return found

    def applied(self) -> list[str]:
        """Answer the instances that were applied to, in the order in which that was written down."""
        return [row.subject for row in self.rows("apply.begin")]

    def rows(self, action: str):
        return self.setpoint._context.store.audit.rows(action=action)

    def ask(self, statement: str) -> dict[str, object]:
        return {name: ask(server, statement) for name, server in self.servers.items()}


def ask(server: PrivatePostgres, statement: str):
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        (row,) = connection.execute(statement.encode()).fetchall()
        return row[0]


def write(server: PrivatePostgres, *statements: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture(scope="module")
def servers(_launch) -> Iterator[dict[str, PrivatePostgres]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(_launch(MAJORS[-1])) for name in ("amber", "birch", "cedar")}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def where(request, tmp_path, postgresql) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    name = f"store_{os.getpid()}_{tmp_path.name.replace('-', '_').lower()}"
    write(postgresql, f'CREATE DATABASE "{name}"')
    return f"postgresql://{postgresql.user}@{postgresql.host}:{postgresql.port}/{name}"


@pytest.fixture
def stage(where, tmp_path, servers) -> Iterator[Stage]:
    for server in servers.values():
        write(server, "ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")
    made = Stage(where, tmp_path, servers)
    yield made
    made.setpoint.close()


def test_it_goes_over_all_servers_wave_by_wave(stage):
    with stage.worker():
        id_ = stage.start({"checkpoint_timeout": "10min"})
        found = stage.await_end(id_)
    assert found.rollout.state is RolloutState.DONE, found
    assert {each.state for each in found.targets} == {TargetState.KEPT}
    assert set(stage.ask("SHOW checkpoint_timeout").values()) == {"10min"}
    canary = next(each.instance for each in found.targets if each.wave == 0)
    assert stage.applied()[0] == canary
    assert sorted(stage.applied()) == sorted(stage.servers)
    # The canary was kept before the second wave was opened.
    told = [(row.action, row.subject) for row in stage.rows("rollout.")]
    second = [n for n, (action, _) in enumerate(told) if action == "rollout.wave"][1]
    assert told.index(("rollout.kept", canary)) < second
    assert stage.setpoint.verify_audit().is_intact


def test_what_breaks_a_guardrail_in_the_canary_goes_back_there_and_nowhere_else(stage):
    stage.setpoint.governance.put_policy("careful", GUARDED, reason="agreed")
    before = stage.ask("SHOW temp_file_limit")
    with stage.worker(), at_work(stage.servers):
        id_ = stage.start({"temp_file_limit": "64kB"}, soak_seconds=60.0)
        found = stage.await_end(id_)
    (canary,) = (each.instance for each in found.targets if each.wave == 0)
    assert found.rollout.state is RolloutState.HALTED
    assert "failures" in found.rollout.why
    assert canary in found.rollout.why
    assert {each.instance: each.state for each in found.targets} == {
        name: TargetState.TAKEN_BACK if name == canary else TargetState.SKIPPED for name in stage.servers
    }
    assert set(stage.applied()) == {canary}
    assert stage.ask("SHOW temp_file_limit") == before
    entries = "SELECT count(*) FROM pg_file_settings WHERE name = 'temp_file_limit'"
    assert set(stage.ask(entries).values()) == {0}
    assert not any(each.settings for each in stage.setpoint.configuration().instances.values())


@contextmanager
def at_work(servers: dict[str, PrivatePostgres]) -> Iterator[None]:
    """Have people at work on each server, whose sorts need files."""
    is_over = threading.Event()

    def work(server: PrivatePostgres) -> None:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("SET work_mem = '64kB'")
            while not is_over.wait(0.1):
                with suppress(psycopg.errors.ConfigurationLimitExceeded):
                    connection.execute(SPILLING)

    threads = [threading.Thread(target=work, args=[server]) for server in servers.values()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def pair(_launch) -> Iterator[dict[str, PrivatePostgres]]:
    """A primary and a standby that streams from it."""
    with ExitStack() as stack:
        primary = stack.enter_context(_launch(MAJORS[-1]))
        home = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        data = home / "data"
        data.mkdir(mode=0o700)
        if primary.privileges.owner is not None:
            home.chmod(0o711)
            give_away(data, primary.privileges.owner)
        words = [
            str(primary.binaries.tool("pg_basebackup")),
            "-D",
            str(data),
            "-R",
            "-c",
            "fast",
            "-N",
            "-X",
            "stream",
        ]
        words += ["-d", primary.dsn]
        run_program(
            [*primary.privileges.prefix, *guard(words)], primary.binaries.environment("pg_basebackup")
        )
        standby = stack.enter_context(_launch(MAJORS[-1], data_dir=data))
        yield {"alpha": primary, "beta": standby}


@pytest.fixture
def core(where, tmp_path, pair) -> Iterator[Stage]:
    made = Stage(where, tmp_path, pair, group="core")
    yield made
    made.setpoint.close()


@pytest.mark.slow
def test_a_group_is_taken_in_the_order_that_replication_asks_for(core, pair):
    """Raised on the standby first, kept there before the primary's turn; the standby streams on."""
    primary, standby = pair["alpha"], pair["beta"]
    with core.worker():
        found = core.await_end(core.start({"max_connections": "120"}, may_restart=True))
    assert found.rollout.state is RolloutState.DONE, found
    assert core.applied() == ["beta", "alpha"]
    told = [(row.action, row.subject) for row in core.rows("")]
    assert told.index(("rollout.kept", "beta")) < told.index(("apply.begin", "alpha"))
    assert core.ask("SHOW max_connections") == {"alpha": "120", "beta": "120"}
    assert core.ask("SELECT pg_is_in_recovery()") == {"alpha": False, "beta": True}
    write(primary, "CREATE TABLE proof AS SELECT 7 AS number")
    await_that(lambda: _has_replayed(standby), "the standby replays")
    # What it must not have less of than its primary is not lowered on a standby, and nothing is touched.
    with pytest.raises(RefusedError, match="beta max_connections"):
        core.start({"max_connections": "110"}, may_restart=True)
    assert core.applied() == ["beta", "alpha"]


def _has_replayed(standby: PrivatePostgres) -> bool:
    with suppress(psycopg.errors.UndefinedTable):
        return ask(standby, "SELECT number FROM proof") == 7
    return False
