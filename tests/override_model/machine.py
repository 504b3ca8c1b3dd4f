"""The machine: overrides among changes, drift and people, with everything that can die dying now and then."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import hypothesis.strategies as st
from hypothesis.stateful import invariant, rule
from tests.override_model import world
from tests.override_model.deeds import Deeds
from tests.override_model.law import CHOICES, PARTS
from tests.override_model.world import NAMES

from setpoint.config.override import OverrideState
from setpoint.engines.simulated import server as simulated
from setpoint.errors import ConflictError, SetpointError

if TYPE_CHECKING:
    from random import Random

DICE = st.integers(0, 2**32 - 1)
LENGTHS = (1.0, 20.0, 60.0, 1800.0, 1800.0, 7200.0)
LOCK = "policy: house\nlocks:\n  - {{id: still, parameters: [{parameter}]}}\n"
PATHS = {
    OverrideState.STARTING: {OverrideState.ACTIVE, OverrideState.ENDING, OverrideState.ENDED},
    OverrideState.ACTIVE: {OverrideState.ENDING},
    OverrideState.ENDING: {OverrideState.ENDED, OverrideState.CONFLICT},
}


class Emergencies(Deeds):
    """The rules."""

    # What is desired

    @rule(n=DICE)
    def edit(self, n: int) -> None:
        self.change_layers(self.begin(n))

    def change_layers(self, dice: Random) -> None:
        part, parameter = dice.choice(PARTS), dice.choice(sorted(CHOICES))
        texts = self.law.layers[part]
        is_removed = parameter in texts and dice.random() < 0.5
        text = dice.choice(CHOICES[parameter])
        front = self.stage.front()
        done = self.attempt(
            "edit",
            lambda: front.change_settings(
                part,
                {} if is_removed else {parameter: text},
                removed=(parameter,) if is_removed else (),
                reason="a reason",
            ),
        )
        if isinstance(done, SetpointError):
            self.count(f"edit refused: {type(done).__name__}")
            return
        if is_removed:
            del texts[parameter]
        else:
            texts[parameter] = text
        self.law.note_layers()

    @rule(n=DICE)
    def apply(self, n: int) -> None:
        dice = self.begin(n)
        self.plan_and_apply(dice, dice.choice(NAMES))

    @rule(n=DICE)
    def apply_what_was_planned_before(self, n: int) -> None:
        """A plan that was made before an override began leaves alone what the override holds."""
        dice = self.begin(n)
        name = dice.choice(NAMES)

        def override() -> None:
            self.start(dice, [name], dice.choice(LENGTHS))
            self.look_around()

        self.plan_and_apply(dice, name, is_fated=False, between=override)

    @rule(n=DICE)
    def take_back(self, n: int) -> None:
        dice = self.begin(n)
        name, since = dice.choice(NAMES), self.law.serial
        front = self.stage.front()
        done = self.attempt("undo", lambda: front.undo(name))
        if isinstance(done, SetpointError):
            self.count(f"undo refused: {type(done).__name__}")
        for key, cell in self.law.cells.items():
            if key[0] == name and cell.since > since:
                cell.is_unsure = True

    @rule(n=DICE)
    def lock(self, n: int) -> None:
        dice = self.begin(n)
        front, parameter = self.stage.front().governance, dice.choice(sorted(CHOICES))
        if self.law.locked:
            done = self.attempt("policy", lambda: front.remove_policy("house", reason="no more"))
            locked: frozenset[str] = frozenset()
        else:
            text = LOCK.format(parameter=parameter)
            done = self.attempt("policy", lambda: front.put_policy("house", text, reason="from now on"))
            locked = frozenset({parameter})
        if isinstance(done, SetpointError):
            self.count(f"policy refused: {type(done).__name__}")
        else:
            self.law.locked = locked

    @rule(n=DICE)
    def take_out(self, n: int) -> None:
        """An instance leaves the configuration, which may not be while it is overridden, and comes back."""
        dice = self.begin(n)
        name, front = dice.choice(NAMES), self.stage.front()
        is_held = any(hold.instance == name for hold in self.law.holds.values())
        done = self.attempt("take out", lambda: front.remove_instance(name, reason="gone"))
        if is_held:
            assert isinstance(done, ConflictError), f"{name} was taken out of reach: {done}"
            self.count("taking out refused")
            return
        assert not isinstance(done, SetpointError), done
        made = world.instance(name)
        self.attempt("put back", lambda: front.add_instance(name, made, reason="back"))
        self.law.layers[f"instance:{name}"].clear()
        self.law.note_layers()

    # Overrides

    @rule(n=DICE)
    def begin_override(self, n: int) -> None:
        dice = self.begin(n)
        self.start(dice, dice.sample(NAMES, dice.choice((1, 1, 2, 3))), dice.choice(LENGTHS))
        self.look_around()

    @rule(n=DICE)
    def begin_another(self, n: int) -> None:
        dice = self.begin(n)
        self.start(dice, [dice.choice(NAMES)], dice.choice(LENGTHS))
        self.look_around()

    @rule(n=DICE)
    def extend_one(self, n: int) -> None:
        dice = self.begin(n)
        if self.law.holds:
            self.extend(dice, self.law.holds[dice.choice(list(self.law.holds))])

    @rule(n=DICE)
    def end_one(self, n: int) -> None:
        dice = self.begin(n)
        if self.law.holds:
            self.end(dice, self.law.holds[dice.choice(list(self.law.holds))])
            self.look_around()

    @rule(n=DICE)
    def see_one_through(self, n: int) -> None:
        """From the start past the deadline, with what comes between."""
        dice = self.begin(n)
        name, seconds = dice.choice(NAMES), dice.choice((20.0, 60.0, 1800.0))
        self.start(dice, [name], seconds)
        for _ in range(dice.choice((0, 1, 2))):
            self.disturb(dice, name)
        self.work(dice, seconds + dice.choice((0.0, 1.0, 15.0)), is_fated=dice.random() < 0.5)

    def disturb(self, dice: Random, name: str) -> None:
        what = dice.choice(("meddle", "edit", "apply", "down", "restart", "kill", "jump"))
        if what == "meddle":
            self.meddle(dice, name)
        elif what == "edit":
            self.change_layers(dice)
        elif what == "apply":
            self.plan_and_apply(dice, name)
        elif what == "down":
            self.take_down(name)
        elif what == "restart":
            self.restart(name)
        elif what == "kill" and self.workers:
            self.workers.pop()
        elif what == "jump":
            self.clocks.offset += dice.choice((-3600.0, 3600.0))

    # What happens to the world

    @rule(n=DICE)
    def a_person_meddles(self, n: int) -> None:
        dice = self.begin(n)
        held = [hold.instance for hold in self.law.holds.values()]
        self.meddle(dice, dice.choice(held or NAMES))

    @rule(n=DICE)
    def a_server_changes(self, n: int) -> None:
        dice = self.begin(n)
        name = dice.choice(NAMES)
        server = self.stage.peek(name)
        what = dice.choice(("down", "up", "up", "reload", "scheduler", "clock", "waiters"))
        if what == "down":
            self.take_down(name)
        elif what == "up":
            self.restart(name)
        elif what == "reload" and server.is_up:
            simulated.reload(server, simulated.shipped())
        elif what == "scheduler":
            server.scheduler = dice.choice(("on", "off", "none"))
        elif what == "clock":
            away, clocks = dice.choice((-3600, 0, 3600)), self.clocks
            simulated.set_clock(
                world.address(name), lambda: world.START + world.timedelta(seconds=clocks.seconds + away)
            )
        else:
            waiters = dice.choice((10.0, 80.0))
            server.metrics["lock.waiters"] = waiters
            if waiters > 50:
                self.law.broken.add(name)

    @rule(n=DICE)
    def the_clock_jumps(self, n: int) -> None:
        dice = self.begin(n)
        self.clocks.offset += dice.choice((-3600.0, -60.0, 60.0, 3600.0))

    @rule(n=DICE)
    def time_passes_unattended(self, n: int) -> None:
        dice = self.begin(n)
        self.pass_idly(dice.choice((1.0, 12.0, 35.0, 1800.0, 7200.0)))

    @rule(n=DICE)
    def time_passes(self, n: int) -> None:
        dice = self.begin(n)
        self.work(dice, dice.choice((1.0, 20.0, 60.0, 1800.0)), is_fated=dice.random() < 0.5)

    @rule(n=DICE)
    def a_worker_comes_or_goes(self, n: int) -> None:
        dice = self.begin(n)
        if self.workers and dice.random() < 0.5:
            self.workers.pop(dice.randrange(len(self.workers)))
            self.count("worker killed")
        elif len(self.workers) < 2:
            self.hire()

    @rule(n=DICE)
    def the_spool_acts(self, n: int) -> None:
        self.begin(n)
        self.act_beside("spool")

    @rule(n=DICE)
    def the_guard_process_acts(self, n: int) -> None:
        dice = self.begin(n)
        if self.stage.guardians.is_alive:
            self.act_beside("guardian")
        self.stage.guardians.is_alive = dice.random() < 0.8

    # What holds

    @invariant()
    def no_two_hold_one_parameter(self) -> None:
        held: set[tuple[str, str]] = set()
        for kept in self.stage.store.overrides.all().values():
            for each in kept.value.held if kept.value.is_open else ():
                key = kept.value.instance, each.parameter
                assert key not in held, f"two overrides hold {key}"
                held.add(key)

    def teardown(self) -> None:
        try:
            self.come_to_rest()
        finally:
            super().teardown()

    def come_to_rest(self) -> None:
        """In the end everything is up and a worker is there: then all is over and in its place."""
        dice = self.begin(0)
        for name in NAMES:
            self.restart(name)
        if not self.workers:
            self.hire()
        self.work(dice, 60.0)
        if self.law.holds:
            self.work(dice, max(hold.due for hold in self.law.holds.values()) - self.clocks.seconds + 45.0)
        if self.law.holds:
            self.law.fault("stuck", f"{self.law.holds}")
            return
        self.check_records()
        if self.law.locked:
            self.stage.front().governance.remove_policy("house", reason="the end")
            self.law.locked = frozenset()
        for name in NAMES:
            self.check_plans(dice, name)
        proof = self.stage.front().verify_audit()
        assert proof.is_intact, proof

    def check_records(self) -> None:
        """Each state that an override was ever in has its audit row, and follows the one before it."""
        audit = self.stage.store.audit
        actions: dict[str, int] = {}
        for row in audit.rows(action="override."):
            if "override" in row.detail:
                actions[row.detail["override"]] = actions.get(row.detail["override"], 0) + 1
        for id_ in self.stage.store.overrides.all():
            states = [kept.value.state for kept in self.stage.store.overrides.history(id_)]
            assert actions[id_] == len(states), f"{id_}: {actions[id_]} rows, {len(states)} versions"
            for before, after in pairwise(states):
                assert before is after or after in PATHS[before], f"{id_}: {states}"

    def check_plans(self, dice: Random, name: str) -> None:
        """What was applied stands, and nothing else is ours."""
        if self.stage.store.journal.unfinished(name) is not None:
            self.law.outcomes["left unfinished"] += 1
        made = self.plan_and_apply(dice, name, is_fated=False)
        assert not isinstance(made, SetpointError), made
        again = self.stage.front().plan(name).plan
        if not again.is_empty:
            self.law.fault("plan not empty", f"{name}: {again}")
        for parameter in CHOICES:
            self.check_cell(name, parameter)

    def check_cell(self, name: str, parameter: str) -> None:
        from tests.override_model.law import is_same

        cell, wanted = self.law.cells[name, parameter], self.law.wanted(name, parameter)
        owned = {each.parameter: each for each in self.stage.store.journal.owned(name)}
        if wanted is not None and cell.text is not None:
            assert is_same(parameter, cell.text, wanted), f"{name} {parameter}: {cell}, not {wanted}"
        if wanted is None and parameter in owned:
            self.law.fault("owned for ever", f"{name} {parameter}: {owned[parameter]}")
