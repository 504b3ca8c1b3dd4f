"""An apply, or its undo, that is killed at any point leaves a true record, a way on and a way back."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import msgspec
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

from setpoint.control import execution
from setpoint.engines.plan import StepKind
from setpoint.engines.simulated.driver import keep, restart, server_at
from setpoint.errors import RefusedError

WITH_AND_WITHOUT = [
    pytest.param(True, 3, id="restart"),
    pytest.param(True, 1, id="restart-every-point", marks=pytest.mark.slow),
    pytest.param(False, 1, id="no-restart-every-point", marks=pytest.mark.slow),
]
"""Whether the server is restarted, and every which point the process is killed at."""
RESTART = "import sys; from setpoint.engines.simulated.driver import restart; restart(sys.argv[1])"


class SimulatedServer:
    engine = "simulated"
    agent_command = ""
    first: Mapping[str, str] = {"sort_memory": "16384", "durable": "off"}
    second: Mapping[str, str] = {
        "sort_memory": "32768",
        "checkpoint_interval": "60",
        "cache_size": "262144",
        "page_cost": "2.0",
    }

    def __init__(self, folder: Path) -> None:
        self.target = f"file:{folder / 'server.json'}"
        self.restart_command = shlex.join([sys.executable, "-c", RESTART, self.target])
        server = server_at(self.target)
        server.persisted["checkpoint_interval"] = server.running["checkpoint_interval"] = "600"
        keep(self.target, server)

    def persisted(self) -> dict[str, str]:
        return server_at(self.target).persisted

    def running(self) -> dict[str, str]:
        return server_at(self.target).running


@pytest.fixture
def simulated(tmp_path, monkeypatch) -> Scene:
    """Answer a scene whose restart costs no interpreter; the real command has its own test."""
    monkeypatch.setattr(execution, "run_restart_command", lambda command: restart(shlex.split(command)[-1]))
    return Scene(SimulatedServer(tmp_path), tmp_path)


@pytest.fixture(scope="module")
def killers() -> Iterator[Mortals]:
    with mortals() as found:
        yield found


@pytest.mark.parametrize(("may_restart", "stride"), WITH_AND_WITHOUT)
def test_a_killed_apply_is_finished_or_undone(simulated, killers, may_restart, stride):
    scene = simulated
    for death in count(1, stride):
        scene.back_to("ready")
        ended = killers.carry_out(scene.order("apply", death, may_restart=may_restart))
        if ended != -signal.SIGKILL:
            break
        with naming(scene, death):
            is_begun = "after intend" in scene.trail
            with scene.open() as setpoint:
                demand_truth(scene, setpoint.plan(NAME))
            demand_record(scene)
            scene.keep("killed")
            finish(scene, may_restart=may_restart)
            if is_begun:
                take_back(scene, may_restart=may_restart)
            scene.back_to("killed")
            take_back(scene, may_restart=may_restart, state=None if is_begun else scene.beginning)
            remove_all(scene)
            if not death // stride % 3:
                scene.back_to("killed")
                remove_all(scene)
    assert ended == 0
    assert death > 30


@pytest.mark.parametrize(("may_restart", "stride"), WITH_AND_WITHOUT)
def test_a_killed_undo_is_finished_or_applied_again(simulated, killers, may_restart, stride):
    scene = simulated
    finish(scene, may_restart=may_restart)
    scene.keep("applied")
    for death in count(1, stride):
        scene.back_to("applied")
        ended = killers.carry_out(scene.order("undo", death, may_restart=may_restart))
        if ended != -signal.SIGKILL:
            break
        with naming(scene, death):
            with scene.open() as setpoint:
                planned = setpoint.plan(NAME)
                demand_truth(scene, planned)
                assert planned.is_undo == bool(planned.unfinished)
            demand_record(scene)
            is_done = is_finished(scene.trail)
            scene.keep("killed")
            finish(scene, may_restart=may_restart)
            take_back(scene, may_restart=may_restart)
            scene.back_to("killed")
            if is_done:
                assert scene.state() == scene.first
                with scene.open() as setpoint, pytest.raises(RefusedError, match="no apply to take back"):
                    setpoint.undo(NAME)
            else:
                take_back(scene, may_restart=may_restart)
            remove_all(scene)
            if not death // stride % 3:
                scene.back_to("killed")
                remove_all(scene)
    assert ended == 0
    assert death > 25


def test_a_killed_command_is_finished_or_undone(simulated, killers):
    scene = simulated
    words = ("apply", NAME, "--restart", "--yes", "--store", scene.store)
    for death in range(2, 1000, 5):
        scene.back_to("ready")
        ended = killers.carry_out(scene.order("cli", death, may_restart=True, words=words))
        if ended != -signal.SIGKILL:
            break
        with naming(scene, death):
            with scene.open() as setpoint:
                demand_truth(scene, setpoint.plan(NAME))
            demand_record(scene)
            is_begun = "after intend" in scene.trail
            scene.keep("killed")
            take_back(scene, may_restart=True, state=None if is_begun else scene.beginning)
            scene.back_to("killed")
            finish(scene, may_restart=True)
            remove_all(scene)
    assert ended == 0
    assert death > 30


def test_a_restart_command_that_outlives_us_is_no_riddle(simulated, tmp_path, killers):
    """The process dies while its restart command runs; the server comes back all the same."""
    scene = simulated
    command = shlex.join([sys.executable, "-c", f"import os; os.kill(os.getppid(), 9); {RESTART}", "TARGET"])
    with scene.open() as setpoint:
        instance = setpoint.configuration().instance(NAME)
        own = msgspec.structs.replace(instance, restart_command=command.replace("TARGET", instance.target))
        setpoint.change_instance(NAME, own, reason="a deadly command")
    order = scene.order("apply", 0, may_restart=True) | {"is_simulated": False}
    assert killers.carry_out(order) == -signal.SIGKILL
    while scene.server.running()["cache_size"] != "262144":
        threading.Event().wait(0.01)
    with scene.open() as setpoint:
        assert setpoint.plan(NAME).unfinished_steps[-1].kind is StepKind.RESTART
    finish(scene, may_restart=True)
    remove_all(scene)
