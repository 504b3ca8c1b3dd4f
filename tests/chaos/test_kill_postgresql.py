"""The same deaths on real servers: a few points in every run, all of them among the slow tests."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Iterator, Mapping

import psycopg
import pytest
from tests.chaos.scene import (
    NAME,
    Mortals,
    Scene,
    demand_record,
    demand_truth,
    finish,
    is_finished,
    mortals,
    naming,
    remove_all,
    take_back,
)
from tests.fix_postgresql import MAJORS

from setpoint.lab.launch import PrivatePostgres

FEW, ALL = range(4, 1000, 9), range(1, 1000)
POINTS = [pytest.param(FEW, id="few"), pytest.param(ALL, id="all", marks=pytest.mark.slow)]


class PostgresServer:
    engine = "postgresql"
    agent_command = ""
    first: Mapping[str, str] = {"work_mem": "16384", "jit": "off"}
    second: Mapping[str, str] = {
        "work_mem": "32768",
        "checkpoint_timeout": "60",
        "max_connections": "77",
        "random_page_cost": "2",
    }

    def __init__(self, server: PrivatePostgres) -> None:
        self.server = server
        self.target = server.dsn
        self.restart_command = shlex.join(server.restart_command)
        self.persist("checkpoint_timeout", "600")

    def persisted(self) -> dict[str, str]:
        lines = (self.server.data_dir / "postgresql.auto.conf").read_text().splitlines()
        pairs = [line.split(" = ", 1) for line in lines if line and not line.startswith("#")]
        return {name: text.strip("'") for name, text in pairs}

    def running(self) -> dict[str, str]:
        names = sorted({*self.first, *self.second})
        with psycopg.connect(self.server.dsn) as connection:
            rows = connection.execute(
                "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [names]
            ).fetchall()
        return dict(rows)

    def persist(self, name: str, text: str) -> None:
        with psycopg.connect(self.server.dsn, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET {name} = '{text}'".encode())
            connection.execute("SELECT pg_reload_conf()")
            while connection.execute(f"SHOW {name}".encode()).fetchone() == ("5min",):
                time.sleep(0.01)


@pytest.fixture(scope="module")
def killers() -> Iterator[Mortals]:
    with mortals() as found:
        yield found


@pytest.fixture(scope="module", params=MAJORS, ids=lambda major: f"pg{major}")
def scene(request, tmp_path_factory, _launch) -> Iterator[Scene]:
    with _launch(request.param) as server:
        scene = Scene(PostgresServer(server), tmp_path_factory.mktemp("scene"))
        yield scene
        scene.back_to("ready")
        remove_all(scene)


@pytest.mark.parametrize("points", POINTS)
def test_a_killed_apply_is_finished_or_undone(scene, killers, points):
    for number, death in enumerate(points):
        scene.back_to("ready")
        ended = killers.carry_out(scene.order("apply", death, may_restart=True))
        if ended != -signal.SIGKILL:
            break
        with naming(scene, death):
            is_begun = "after intend" in scene.trail
            with scene.open() as setpoint:
                demand_truth(scene, setpoint.plan(NAME))
            demand_record(scene)
            if number % 2 or not is_begun:
                finish(scene, may_restart=True)
            take_back(scene, may_restart=True)
    assert ended == 0
    take_back(scene, may_restart=True)


@pytest.mark.parametrize("points", POINTS)
def test_a_killed_undo_is_finished_or_applied_again(scene, killers, points):
    for number, death in enumerate(points):
        scene.back_to("ready")
        finish(scene, may_restart=True)
        ended = killers.carry_out(scene.order("undo", death, may_restart=True))
        if ended != -signal.SIGKILL:
            break
        with naming(scene, death):
            with scene.open() as setpoint:
                demand_truth(scene, setpoint.plan(NAME))
            demand_record(scene)
            if number % 2 or is_finished(scene.trail):
                finish(scene, may_restart=True)
            take_back(scene, may_restart=True)
    assert ended == 0
    assert scene.state() == scene.first
