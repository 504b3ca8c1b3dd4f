"""The same deaths on MariaDB and MySQL: a few points in every run, all of them among the slow tests."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator, Mapping

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
from tests.fix_mysql import FAMILY
from tests.live.mysql.scene import agent_command, by_hand

from setpoint.engines.mysql.file_agent import fragment_entries
from setpoint.lab.mysql_server import PrivateMysql

FEW, ALL = range(7, 1000, 23), range(1, 1000)
ALL_SECONDS = 3600
"""Each point costs several restarts, and MySQL takes seconds for one."""

EVERY = (pytest.mark.slow, pytest.mark.timeout(ALL_SECONDS))
POINTS = [pytest.param(FEW, id="few"), pytest.param(ALL, id="all", marks=EVERY)]


class MysqlServer:
    """A server with two values of ours, one of a person's, and one that only a restart takes.

    What stands for the next start lies where each engine has it: with MySQL, which keeps it itself, or in the
    file that MariaDB's agent writes.
    """

    first: Mapping[str, str] = {"sort_buffer_size": "524288", "innodb_print_all_deadlocks": "ON"}
    second: Mapping[str, str] = {
        "sort_buffer_size": "1048576",
        "max_connections": "173",
        "thread_stack": "524288",
        "wait_timeout": "1000",
    }

    def __init__(self, server: PrivateMysql) -> None:
        self.server = server
        self.engine = server.binaries.kind
        self.target = server.dsn
        self.restart_command = shlex.join(server.restart_command)
        self.agent_command = agent_command(server) if self.engine == "mariadb" else ""
        self.persist("max_connections", "161")

    def persisted(self) -> dict[str, str]:
        if self.engine == "mariadb":
            path = self.server.fragment_path
            return fragment_entries(path.read_text()) if path.exists() else {}
        rows = by_hand(self.server, "SELECT * FROM performance_schema.persisted_variables")
        return {name: text for name, text, *_ in rows}

    def running(self) -> dict[str, str]:
        names = ", ".join(f"'{name}'" for name in sorted({*self.first, *self.second}))
        rows = by_hand(self.server, f"SHOW GLOBAL VARIABLES WHERE variable_name IN ({names})")
        return {str(name): str(text) for name, text in rows}

    def persist(self, name: str, text: str) -> None:
        """Set a value as a person would who wants it to last."""
        if self.engine == "mysql":
            by_hand(self.server, f"SET PERSIST {name} = {text}")
            return
        (self.server.conf_dir / "theirs.cnf").write_text(f"[mysqld]\n{name} = {text}\n")
        by_hand(self.server, f"SET GLOBAL {name} = {text}")


@pytest.fixture(scope="module")
def killers() -> Iterator[Mortals]:
    with mortals() as found:
        yield found


@pytest.fixture(scope="module", params=FAMILY, ids="-".join)
def scene(request, tmp_path_factory, _launch_mysql) -> Iterator[Scene]:
    with _launch_mysql(*request.param) as server:
        scene = Scene(MysqlServer(server), tmp_path_factory.mktemp("scene"))
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
