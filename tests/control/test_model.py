"""Any order of edits, applies, undos, human changes and restarts, against a small model of who set what.

The model knows three things for each parameter: the text that stood there before we came, the text that is
ours, and the text that is asked for.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from uuid import uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.control.conftest import NAME, PART, Simulated

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.control import execution
from setpoint.errors import ConflictError, RefusedError

ASKED = {
    "sort_memory": ["8192", "16384"],
    "page_cost": ["1.0", "2.0"],
    "cache_size": ["262144", "524288"],
}
UNMANAGED = {"durable": ["on", "off"], "max_connections": ["50", "60"]}
NAMES = st.sampled_from(sorted(ASKED))


class Fleet(RuleBasedStateMachine):
    """One instance, its people and us."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.server = Simulated(f"memory:{uuid4()}")
        self.setpoint = Setpoint.create(str(self.folder / "store.db"), actor="model")
        self.theirs: dict[str, str | None] = dict.fromkeys(ASKED)
        self.ours: dict[str, str] = {}
        self.asked: dict[str, str] = {}
        self.unmanaged: dict[str, str] = {}
        self.before: tuple[dict[str, str], dict[str, str | None], dict[str, str]] | None = None
        """What was persisted, theirs and ours when the last apply began; None when it cannot be undone."""

    def teardown(self) -> None:
        self.setpoint.close()
        shutil.rmtree(self.folder)

    @initialize()
    def register(self) -> None:
        instance = Instance(engine="simulated", target=self.server.address, restart_command="restart it")
        self.setpoint.add_instance(NAME, instance, reason="registered")

    @rule(name=NAMES, index=st.integers(0, 1))
    def ask(self, name: str, index: int) -> None:
        self.asked[name] = ASKED[name][index]
        self.setpoint.change_settings(PART, {name: self.asked[name]}, reason="ask")

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def ask_no_more(self, data) -> None:
        name = data.draw(st.sampled_from(sorted(self.asked)))
        del self.asked[name]
        self.setpoint.change_settings(PART, {}, removed=[name], reason="leave it")

    @rule(name=NAMES, text=st.sampled_from(["32768", "65536", None]))
    def meddle(self, name: str, text: str | None) -> None:
        if name == "page_cost" and text is not None:
            text = {"32768": "7.0", "65536": "8.0"}[text]
        self.persist_by_hand(name, text)

    @rule(data=st.data(), name=st.sampled_from(sorted(UNMANAGED)))
    def change_the_unmanaged(self, data, name: str) -> None:
        self.unmanaged[name] = data.draw(st.sampled_from(UNMANAGED[name]))
        self.persist_by_hand(name, self.unmanaged[name])

    @rule()
    def restart(self) -> None:
        self.server.restart()

    @rule(may_restart=st.booleans())
    def apply(self, may_restart: bool) -> None:
        planned = self.setpoint.plan(NAME)
        touched = {step.parameter for step in planned.plan.steps if step.parameter}
        standing, theirs, ours = self.server.persisted, dict(self.theirs), dict(self.ours)
        verified = self.setpoint.apply(planned.plan, may_restart=may_restart)
        assert not [each for each in verified.drifts if each.drift_class.value == "drifted"]
        for name in touched & self.asked.keys():
            if name not in self.ours:
                self.theirs[name] = standing.get(name)
            self.ours[name] = self.asked[name]
        for name in self.ours.keys() - self.asked.keys():
            stands = standing.get(name)
            wanted = self.theirs[name] if stands == self.ours[name] else stands
            assert self.server.persisted.get(name) == wanted
            del self.ours[name]
        if touched:
            is_new = any(standing.get(name) != self.server.persisted.get(name) for name in touched)
            self.before = (standing, theirs, ours) if is_new else None
            self.touched = touched
        for name, text in self.asked.items():
            assert self.server.persisted.get(name, self.server.running[name]) == text

    @precondition(lambda self: self.before)
    @rule(may_restart=st.booleans())
    def undo(self, may_restart: bool) -> None:
        assert self.before
        standing, theirs, ours = self.before
        now = self.server.persisted
        try:
            self.setpoint.undo(NAME, may_restart=may_restart)
        except ConflictError:
            assert self.server.persisted == now
            return
        for name in ASKED:
            if name in self.touched:
                assert self.server.persisted.get(name) == standing.get(name)
                self.theirs[name] = theirs[name]
                self.ours.pop(name, None)
                if name in ours and ours[name] == standing.get(name):
                    self.ours[name] = ours[name]
            else:
                assert self.server.persisted.get(name) == now.get(name)
        self.before = None

    @rule()
    def undo_twice(self) -> None:
        if self.before is None:
            return
        try:
            self.setpoint.undo(NAME)
        except ConflictError:
            return
        now = self.server.persisted
        try:
            self.setpoint.undo(NAME)
        except RefusedError:
            assert self.server.persisted == now
        else:
            raise AssertionError("undone twice")
        for name in self.touched:
            standing, theirs, ours = self.before
            self.theirs[name] = theirs[name]
            self.ours.pop(name, None)
            if name in ours and ours[name] == standing.get(name):
                self.ours[name] = ours[name]
        self.before = None

    @invariant()
    def the_unmanaged_never_move(self) -> None:
        persisted = self.server.persisted
        assert {name: persisted.get(name) for name in self.unmanaged} == self.unmanaged
        assert not (UNMANAGED.keys() - self.unmanaged.keys()) & persisted.keys()

    @invariant()
    def nothing_is_left_open(self) -> None:
        assert self.setpoint._context.store.journal.unfinished(NAME) is None

    def persist_by_hand(self, name: str, text: str | None) -> None:
        self.server.set_by_hand(name, text)


def test_nobodys_change_is_lost_in_any_order(monkeypatch) -> None:
    machine = []

    class Watched(Fleet):
        def __init__(self) -> None:
            super().__init__()
            machine[:] = [self]

    monkeypatch.setattr(execution, "run_restart_command", lambda _: machine[0].server.restart())
    run_state_machine_as_test(
        Watched, settings=settings(max_examples=30, stateful_step_count=25, deadline=None)
    )
