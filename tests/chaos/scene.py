"""The scene of every kill: an instance with a history of people and of ours, and a store that knows it.

A person had persisted `h`. We applied `first` over nothing, and that stands. Now the configuration asks for
`second`: one parameter of ours again, one over the person's value, one that needs a restart.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.control.change import Planned

NAME = "victim"
PART = f"instance:{NAME}"


class Server(Protocol):
    """The instance under test, looked at without Setpoint."""

    engine: str
    target: str
    restart_command: str
    agent_command: str
    first: Mapping[str, str]
    second: Mapping[str, str]

    def persisted(self) -> dict[str, str]: ...

    def running(self) -> dict[str, str]: ...


@dataclass
class Scene:
    """A server, a store, and the states the instance was wholly in."""

    server: Server
    folder: Path
    beginning: tuple[dict[str, str], dict[str, str]] = field(init=False)
    first: tuple[dict[str, str], dict[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.beginning = self.state()
        with Setpoint.create(self.store, actor="ada") as setpoint:
            instance = Instance(
                engine=self.server.engine,
                target=self.server.target,
                restart_command=self.server.restart_command,
                agent_command=self.server.agent_command,
            )
            setpoint.add_instance(NAME, instance, reason="registered")
            setpoint.change_settings(PART, self.server.first, reason="first")
            setpoint.apply(setpoint.plan(NAME).plan, may_restart=True)
            setpoint.change_settings(PART, self.server.second, reason="second")
        self.first = self.state()
        self.keep("ready")

    @property
    def store(self) -> str:
        return str(self.folder / "store.db")

    @property
    def trail(self) -> list[str]:
        path = self.folder / "trail"
        return path.read_text().splitlines() if path.exists() else []

    def state(self) -> tuple[dict[str, str], dict[str, str]]:
        return self.server.persisted(), self.server.running()

    def open(self) -> Setpoint:
        return Setpoint.open(self.store, actor="ada")

    def keep(self, name: str) -> None:
        """Keep the files of the store, and of a server that is one, under a name."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / name).mkdir()
        for path in self._files():
            shutil.copy(path, self.folder / name)

    def back_to(self, name: str) -> None:
        """Put the files back as they were kept."""
        for path in self._files():
            path.unlink()
        for path in (self.folder / name).iterdir():
            shutil.copy(path, self.folder)
        (self.folder / "trail").unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.name.startswith(("store.db", "server."))]

    def order(self, do: str, death: int, *, may_restart: bool, words: tuple[str, ...] = ()) -> dict:
        return {
            "do": do,
            "store": self.store,
            "instance": NAME,
            "trail": str(self.folder / "trail"),
            "death": death,
            "may_restart": may_restart,
            "is_simulated": self.server.engine == "simulated",
            "words": words,
        }


class Mortals:
    """Ways to have somebody die."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def carry_out(self, order: dict) -> int:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return int(stdout.readline())


@contextmanager
def mortals() -> Iterator[Mortals]:
    script = Path(__file__).with_name("mortal.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Mortals(process)
        assert process.stdin
        process.stdin.close()
        process.wait(30)


@contextmanager
def naming(scene: Scene, death: int) -> Iterator[None]:
    """Say at which point it was when something does not hold."""
    trail = scene.trail
    try:
        yield
    except Exception as fault:
        fault.add_note(f"killed at point {death}: {trail[-3:]}")
        raise


def is_finished(trail: list[str]) -> bool:
    """Tell whether the record of the work itself was closed, not only that of a dead process before."""
    return "before ended" in trail and "after finish" in trail[trail.index("before ended") :]


def demand_truth(scene: Scene, planned: Planned) -> None:
    """The plan names what was cut short, how far it came, and nothing that is done already."""
    trail = scene.trail
    is_left = "before ended" in trail and not is_finished(trail)
    assert (planned.unfinished is not None) == is_left
    assert len(planned.unfinished_steps) == (trail.count("after intend") if is_left else 0)
    assert not planned.is_at_work
    wanted = {**scene.server.first, **scene.server.second}
    persisted, running = scene.state()
    left = {n for n, text in wanted.items() if not text == running[n] == persisted.get(n)}
    planned_for = {step.parameter for step in planned.plan.steps if step.parameter}
    assert planned_for == left, f"planned for {planned_for}, left are {left}: {persisted}, {running}"


def demand_record(scene: Scene) -> None:
    """Every step that was taken stands in the audit log, and the chain holds."""
    with scene.open() as setpoint:
        rows = setpoint._context.store.audit.rows(subject=NAME, newest_first=True)
        if "before ended" in scene.trail:
            last = next(n for n, row in enumerate(rows) if row.action == "apply.begin")
            rows = tuple(row for row in rows[:last] if row.action == "apply.step")
            assert len(rows) == scene.trail.count("after intend")
        assert setpoint.verify_audit().is_intact


def finish(scene: Scene, *, may_restart: bool) -> None:
    with scene.open() as setpoint:
        setpoint.apply(setpoint.plan(NAME).plan, may_restart=may_restart)
        wanted = {**scene.server.first, **scene.server.second}
        persisted, running = scene.state()
        assert {name: persisted[name] for name in wanted} == wanted
        if may_restart:
            assert {name: running[name] for name in wanted} == wanted
            assert setpoint.plan(NAME).plan.is_empty
        assert not setpoint.plan(NAME).unfinished


def take_back(
    scene: Scene, *, may_restart: bool, state: tuple[dict[str, str], dict[str, str]] | None = None
) -> None:
    with scene.open() as setpoint:
        setpoint.undo(NAME, may_restart=may_restart)
        wanted = state or scene.first
        assert scene.state() == wanted, f"{scene.state()}, not {wanted}"
        assert not setpoint.plan(NAME).unfinished


def remove_all(scene: Scene) -> None:
    """With nothing asked for any more the instance goes back to where it was before Setpoint came."""
    with scene.open() as setpoint:
        names = setpoint.configuration().instance(NAME).settings
        setpoint.change_settings(PART, {}, removed=names, reason="leave it")
        setpoint.apply(setpoint.plan(NAME).plan, may_restart=True)
        assert scene.state() == scene.beginning, f"{scene.state()}, not {scene.beginning}"
        assert not setpoint._context.store.journal.owned(NAME)
        after = setpoint.plan(NAME)
        assert after.plan.is_empty
        assert not after.plan.warnings
        assert setpoint.verify_audit().is_intact
