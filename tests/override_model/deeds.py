"""What the machine's rules are made of: one deed through the product under a fate, and what is known then."""

from __future__ import annotations

from collections import Counter
from copy import copy
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine
from tests.override_model import world
from tests.override_model.law import CHOICES, Cell, Claim, Hold, Law, is_same
from tests.override_model.world import GUARD_GRACE_SECONDS, NAMES, Killed, Process, Stage

from setpoint.config.override import LinkKind, OverrideState
from setpoint.control.overrides import ending, extending, starting
from setpoint.control.overrides.ending import END_LEASE_SECONDS
from setpoint.control.overrides.starting import START_LEASE_SECONDS
from setpoint.control.overrides.wish import Wish
from setpoint.engines.simulated import server as simulated
from setpoint.errors import SetpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEASE_SECONDS = {True: START_LEASE_SECONDS, False: END_LEASE_SECONDS}
"""How long a process is waited for whose start of an override was struck by fate, or was not."""
PAUSE_SECONDS = 5.0 + 1.0
"""How long after a failure an override is tried again at the latest, and one look of the worker's."""


class Deeds(RuleBasedStateMachine):
    """Three instances in emergencies. `outcomes` and `steps` count over all runs."""

    outcomes: ClassVar[Counter[str]] = Counter()
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.law = Law(self.outcomes)
        self.stage = Stage(told=self.told, seen=self.law.seen)
        self.clocks, self.fate = self.stage.clocks, self.stage.fate
        self.is_up = dict.fromkeys(NAMES, True)
        self.up_since = dict.fromkeys(NAMES, 0.0)
        self.workers: list[Process] = []
        self.worked_since = 0.0
        self._number = 0
        self.known_ids: set[str] = set()
        self.hire()

    def teardown(self) -> None:
        self.stage.close()

    def begin(self, n: int) -> Random:
        type(self).steps += 1
        return Random(n)  # noqa: S311 - dice of a test

    def count(self, what: str) -> None:
        self.outcomes[what] += 1

    # Doing something

    def attempt(self, kind: str, deed: Callable[[], Any]) -> Any:
        """Do it in a process of its own and answer what came of it: the error, or that it was killed."""
        self.law.begin(kind)
        try:
            return deed()
        except SetpointError as fault:
            return fault
        except Killed as death:
            self.count(f"killed in {kind}")
            return death
        finally:
            if self.fate.has_struck:
                self.worked_since = self.clocks.seconds
            self.fate.left, self.fate.strike, self.fate.is_dead = 0, None, False
            self.fate.is_store_away = False
            self.law.end()
            if kind != "start":  # which has to tell first what it began
                self.close_what_is_over()

    def tempt_fate(self, dice: Random, name: str, share: float = 0.4, longest: int = 60) -> None:
        """Have something happen at some later call to the store or to an instance, or nothing."""
        if dice.random() >= share:
            return
        strikes: Sequence[Callable[[], None]] = (
            self.fate.kill,
            self.fate.kill,
            lambda: self.take_down(name),
            lambda: self.restart(name),
            self.go_away,
            lambda: self.meddle(dice, name),
            lambda: self.be_stopped(dice),
        )
        self.fate.left, self.fate.strike = dice.randint(1, longest), dice.choice(strikes)

    def go_away(self) -> None:
        """The store, until the deed is over."""
        self.fate.is_store_away = True

    def be_stopped(self, dice: Random) -> None:
        """Whoever is at work is stopped, time passes, another worker comes, and then the first goes on."""
        if self.stage.store._database._here.connection is not None:
            return
        self.clocks.seconds += dice.choice((0.0, 11.0, 31.0, 700.0))
        self.law.begin("work")
        other = Process(self.stage, 99)
        for _ in range(2):
            other.poll()
            self.clocks.seconds += dice.choice((0.3, 6.0))
        self.law.end()
        self.worked_since = self.clocks.seconds
        self.count("went on after another")

    # Servers

    def meddle(self, dice: Random, name: str) -> None:
        """What a person does to an instance by hand."""
        held_ones = [key for hold in self.law.holds.values() if hold.instance == name for key in hold.ours]
        parameter = dice.choice(held_ones if held_ones and dice.random() < 0.6 else sorted(CHOICES))
        text = dice.choice((*CHOICES[parameter], None))
        held = self.law.holder(name, parameter)
        if held is not None and dice.random() < 0.2:
            text = dice.choice((held.ours[parameter], held.before[parameter].text))
        server = self.stage.peek(name)
        if text is None:
            server.persisted.pop(parameter, None)
        else:
            server.persisted[parameter] = text
        if server.is_up and dice.random() < 0.7:
            simulated.reload(server, simulated.shipped())
        self.law.by_person(name, parameter, text)
        self.count("meddled")

    def take_down(self, name: str) -> None:
        self.stage.peek(name).is_up = False
        self.is_up[name] = False

    def restart(self, name: str) -> None:
        simulated.restart(world.address(name))
        self.is_up[name] = True
        self.up_since[name] = self.clocks.seconds

    # Overrides

    def start(self, dice: Random, names: Sequence[str], seconds: float) -> None:
        parameters = dice.sample(sorted(CHOICES), dice.choice((1, 1, 2)))
        texts = {name: dice.choice(CHOICES[name]) for name in parameters}
        guards = ("lock_waiters < 50",) if dice.random() < 0.3 else ()
        wish = Wish(settings=texts, seconds=seconds, because="the queue is full", guards=guards)
        before = {key: copy(cell) for key, cell in self.law.cells.items()}
        since, at = self.law.serial, self.clocks.seconds
        for name in names:
            if guards and self.stage.peek(name).metrics.get("lock.waiters", 0.0) < 50:
                self.law.broken.discard(name)
        self.law.touched, self.fate.has_struck = {}, False
        context, is_whole = self.stage.process(), dice.random() < 0.3
        self.tempt_fate(dice, dice.choice(names), longest=110)
        done = self.attempt("start", lambda: starting.start(context, names, wish, is_all_or_none=is_whole))
        self.close_what_is_over(is_starting=True)
        rows = {id_: kept.value for id_, kept in self.stage.store.overrides.all().items()}
        fresh = [row for id_, row in rows.items() if id_ not in self.known_ids]
        for row in fresh:
            due = row.deadline_moment.seconds
            assert at + seconds <= due <= self.clocks.seconds + seconds, f"{row.id}: {due}"
            held = {parameter: texts[parameter] for parameter in (each.parameter for each in row.held)}
            assert row.settings == held
            hold = Hold(
                id=row.id,
                instance=row.instance,
                ours=held,
                before={name: self.stood(row.instance, name) for name in held},
                since=min(
                    (cell.since for key, cell in self.law.touched.items() if key[0] == row.instance),
                    default=since,
                ),
                due=due,
                has_guards=bool(guards),
                written=frozenset(name for name in held if (row.instance, name) in self.law.touched),
                lease_seconds=LEASE_SECONDS[self.fate.has_struck],
                is_cut_short=row.state is not OverrideState.ACTIVE,
                is_ended_by_hand=is_whole,
            )
            self.law.holds[row.id] = hold
            self.known_ids.add(row.id)
        self.law.note_layers()
        silent = self.law.touched.keys() - {(row.instance, name) for row in fresh for name in row.settings}
        assert not silent, f"touched without a word: {silent}"
        self.untouch(before, since)
        if isinstance(done, tuple):
            for each in done:
                self.check_started(each, texts, wish)

    def stood(self, name: str, parameter: str) -> Cell:
        """How an entry stood before the last start wrote it; as it stands where it was not written."""
        key = name, parameter
        return copy(self.law.touched.get(key, self.law.cells[key]))

    def check_started(self, each: Any, texts: dict[str, str], wish: Wish) -> None:
        if each.fault is not None:
            self.count(f"start refused: {type(each.fault).__name__}")
            return
        self.count("started")
        running = self.stage.peek(each.instance).running
        if not self.fate.has_struck and wish.seconds:
            assert each.override.state is OverrideState.ACTIVE
            for held in each.override.held:
                assert is_same(held.parameter, self.law.cells[each.instance, held.parameter].text, held.ours)
                assert running[held.parameter]

    def untouch(self, before: dict[tuple[str, str], Cell], since: int) -> None:
        """What a deed wrote and took back again is whose it was."""
        for key, cell in self.law.cells.items():
            if cell.by == "us" and cell.since > since and cell.text == before[key].text:
                is_held = self.law.holder(*key) is not None
                if not is_held:
                    self.law.cells[key] = before[key]

    def extend(self, dice: Random, hold: Hold) -> None:
        seconds, context = dice.choice((5.0, 60.0, 1800.0)), self.stage.process()
        at, self.fate.has_struck = self.clocks.seconds, False
        self.tempt_fate(dice, hold.instance)
        done = self.attempt(
            "extend", lambda: extending.extend(context, hold.id, seconds=seconds, because="longer")
        )
        row = self.stage.store.overrides.get(hold.id).value
        due = row.deadline_moment.seconds
        assert due in (hold.due, hold.due + seconds), f"{row.id} is due at {due}, not {hold.due}"
        if due != hold.due:
            assert at < hold.due, "what was over was extended"
            self.count("extended")
        if not isinstance(done, SetpointError | Killed):
            assert due == hold.due + seconds
        hold.due = due

    def end(self, dice: Random, hold: Hold) -> None:
        context, self.fate.has_struck = self.stage.process(), False
        self.tempt_fate(dice, hold.instance)
        hold.is_ended_by_hand = True
        self.attempt("end", lambda: ending.end(context, hold.id, because="it is over"))

    # Layers and plans

    def plan_and_apply(
        self, dice: Random, name: str, *, is_fated: bool = True, between: Callable[[], None] | None = None
    ) -> Any:
        """Plan and apply, with something done in between, or nothing."""
        front = self.stage.front()
        made = self.attempt("plan", lambda: front.plan(name).plan) if between is not None else None
        if isinstance(made, SetpointError):
            return made
        if between is not None:
            between()
        before, since = {key: copy(cell) for key, cell in self.law.cells.items()}, self.law.serial
        if is_fated:
            self.tempt_fate(dice, name, share=0.25)

        def deed() -> Any:
            plan = made or front.plan(name).plan
            return plan, front.apply(plan)

        done = self.attempt("apply", deed)
        self.untouch(before, since)
        if isinstance(done, tuple):
            self.settle(name, done[0], before)
            self.count("applied")
            return done[0]
        for key, cell in self.law.cells.items():
            if key[0] == name and ((cell.by == "us" and cell.since > since) or isinstance(done, Killed)):
                cell.is_unsure = True
        return done

    def settle(self, name: str, plan: Any, before: dict[tuple[str, str], Cell]) -> None:
        released = set(plan.released)
        for step in plan.steps:
            if step.parameter in CHOICES:
                held = self.law.holder(name, step.parameter)
                if held is not None:
                    self.check_not_broken_into(held)
                    held.is_fired = True
                    self.law.cells[name, step.parameter].is_unsure = True
                    held.before[step.parameter].is_unsure = True
                    continue
                cell, old = self.law.cells[name, step.parameter], before[name, step.parameter]
                is_claimed = step.parameter not in released
                cell.claim = (old.claim or Claim(old.text)) if is_claimed else None
                cell.is_unsure = old.is_unsure and is_claimed
        for parameter in CHOICES:
            cell = self.law.cells[name, parameter]
            if self.law.wanted(name, parameter) is None and self.law.holder(name, parameter) is None:
                cell.claim, cell.is_unsure = None, False

    def check_not_broken_into(self, hold: Hold) -> None:
        """What is over may be put back by whoever plans; what is in force may not."""
        row = self.stage.store.overrides.get(hold.id).value
        if row.is_desired and self.clocks.seconds < hold.due:
            self.law.fault("broken into", f"{hold.id}: {row}")

    # Workers and time

    def hire(self) -> None:
        self._number += 1
        self.workers.append(Process(self.stage, self._number))
        self.worked_since = self.clocks.seconds

    def poll(self, worker: Process) -> None:
        done = self.attempt("work", worker.poll)
        if isinstance(done, Killed):
            self.workers.remove(worker)
        elif isinstance(done, SetpointError):
            self.count(f"worker: {type(done).__name__}")

    def pass_idly(self, seconds: float) -> None:
        self.clocks.seconds += seconds
        self.worked_since = self.clocks.seconds
        self.law.begin("nothing")
        for name in NAMES:
            self.stage.server(name)
        self.law.end()

    def work(self, dice: Random, seconds: float, *, is_fated: bool = False) -> None:
        """Let time pass with the workers at work, and check that nothing is overdue at any moment of it."""
        until = self.clocks.seconds + seconds
        while True:
            self.fate.has_struck = False
            for worker in list(self.workers):
                if is_fated and dice.random() < 0.3:
                    self.tempt_fate(dice, dice.choice(NAMES))
                self.poll(worker)
            self.look_around()
            if self.workers:
                self.check_none_overdue()
            if self.clocks.seconds >= until:
                return
            if not self.workers:
                self.pass_idly(until - self.clocks.seconds)
            now = self.clocks.seconds
            dues = [hold.due for hold in self.law.holds.values() if hold.due > now]
            soon = [now + 1.0] if len(dues) < len(self.law.holds) else [now + max(seconds / 6, 5.0)]
            self.clocks.seconds = min(*dues, *soon, until) if dues else min(*soon, until)
            for name in dice.sample(NAMES, dice.choice((0, 1, 3))):
                self.law.begin("nothing")
                self.stage.server(name)
                self.law.end()

    def act_beside(self, folder: str) -> None:
        """Have the spool, or the guard process, do what is due by its own orders."""
        link = LinkKind.SPOOL if folder == "spool" else LinkKind.GUARD_PROCESS
        grace = 2.0 if folder == "spool" else GUARD_GRACE_SECONDS
        done = self.attempt(folder, lambda: self.stage.spooled(folder, link, grace))
        if isinstance(done, list) and done:
            self.count(f"{folder} acted")

    # What holds

    def told(self, name: str, parameter: str, text: str | None, is_switch: bool) -> None:
        """Take note of an entry that we wrote; what a start ended before it wrote is over by then."""
        if self.law.deed[1] == "start" and not is_switch and not self.fate.is_store_away:
            self.close_what_is_over(is_starting=True)
        self.law.by_us(name, parameter, text, is_switch)

    def look_around(self) -> None:
        """Find what is over, and check it; and that nothing stands that nobody knows of."""
        self.close_what_is_over()
        for (name, parameter), cell in self.law.cells.items():
            stands = self.stage.peek(name).persisted.get(parameter)
            assert stands == cell.text, f"{name} {parameter}: {stands!r} stands, not {cell.text!r}"

    def close_what_is_over(self, *, is_starting: bool = False) -> None:
        rows = self.stage.store.overrides.all()
        for id_ in list(self.law.holds):
            hold, row = self.law.holds[id_], rows[id_].value
            if row.state is OverrideState.STARTING:
                hold.is_cut_short = True
            if row.state is OverrideState.ENDING and self.fate.has_struck:
                hold.is_fired = True
            if not row.is_open:
                self.law.check_over(row, self.clocks.seconds)
                if not is_starting:  # what is ours may be the new override's by then
                    self.law.check_ownership(hold, self.stage.store.journal.owned(hold.instance))

    def check_none_overdue(self) -> None:
        now = self.clocks.seconds
        for hold in self.law.holds.values():
            since = max(hold.due, self.up_since[hold.instance], self.worked_since)
            patience = hold.lease_seconds + PAUSE_SECONDS
            if self.is_up[hold.instance] and now - since > patience:
                row = self.stage.store.overrides.get(hold.id).value
                self.law.fault("overdue", f"{hold.id} by {now - since} s: {row}")
