"""The law: who wrote what stands on an instance, and where a parameter must stand once its override is over.

It knows only what was done to the servers and what was asked of the product, never why the product did it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from tests.override_model.world import NAMES

from setpoint.config.override import EndReason, Override, OverrideState
from setpoint.engines.simulated.driver import shipped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.store.records import Owned

CATALOG = shipped()
CHOICES = {
    "checkpoint_interval": ("600", "10min", "900"),
    "compression": ("fast", "small", "off"),
    "page_cost": ("2.0", "2", "3.5"),
    "pool_pages": ("64", "128", "100"),
    "sort_memory": ("8MB", "8192", "65536"),
}
ENDING = frozenset({"end", "work", "spool", "guardian"})
"""Deeds that may only put back."""
PARTS = (*(f"instance:{name}" for name in NAMES), "group:core", "fleet:simulated")


@dataclass(frozen=True)
class Claim:
    """That a parameter is ours since an apply, and what stood before."""

    restore: str | None


@dataclass
class Cell:
    """One persisted entry: its text (None: there is none), who wrote it, and which deeds saw it since."""

    text: str | None = None
    by: str = "nobody"
    since: int = 0
    seen_by: set[int] = field(default_factory=set)
    claim: Claim | None = None
    is_unsure: bool = False
    """Whether what of it is ours cannot be told: an apply was cut short."""


@dataclass
class Hold:
    """An override as it was asked for."""

    id: str
    instance: str
    ours: dict[str, str]
    before: dict[str, Cell]
    since: int
    due: float
    has_guards: bool
    written: frozenset[str]
    """What of it was ever written to the instance."""
    lease_seconds: float = 10.0
    """How long whoever died with it in hand is waited for."""
    is_cut_short: bool = False
    is_ended_by_hand: bool = False
    is_fired: bool = False
    """Whether anything but one whole ending put it back: a switch, the spool, or one that was cut short."""
    wanted: dict[str, set[str]] = field(default_factory=dict)
    """What the layers asked for since it was started."""


class Law:
    """What stands, what is held, and what must be so."""

    known: ClassVar[frozenset[str]] = frozenset()
    """Faults of the product that are counted and not raised, so that the search goes on behind them."""

    def __init__(self, outcomes: Counter[str]) -> None:
        self.outcomes = outcomes
        self.cells = {(name, parameter): Cell() for name in NAMES for parameter in CHOICES}
        self.layers: dict[str, dict[str, str]] = {part: {} for part in PARTS}
        self.holds: dict[str, Hold] = {}
        self.locked: frozenset[str] = frozenset()
        self.serial = 0
        self.deeds: list[tuple[int, str]] = []
        self._count = 0
        self.touched: dict[tuple[str, str], Cell] = {}
        """What the last start wrote, each as it stood before."""
        self.broken: set[str] = set()
        """Instances whose guard metric is bad, or was since their overrides began."""

    # Deeds

    def begin(self, kind: str) -> None:
        self._count += 1
        self.deeds.append((self._count, kind))

    def end(self) -> None:
        self.deeds.pop()

    @property
    def deed(self) -> tuple[int, str]:
        return self.deeds[-1] if self.deeds else (0, "nothing")

    # What is written and seen

    def by_us(self, name: str, parameter: str, text: str | None, is_switch: bool) -> None:
        if parameter not in CHOICES:
            return
        cell, (number, kind) = self.cells[name, parameter], self.deed
        hold = self.holder(name, parameter)
        # A start first ends what should be over on its instance.
        is_ending = is_switch or kind in ENDING or (kind == "start" and hold is not None)
        if not is_ending and kind == "start":
            self.touched.setdefault((name, parameter), replace(cell, since=self.serial))
        if kind == "undo" and hold is not None and not is_switch:
            self.fault("undo broke into", f"{hold.id} {parameter}: {text!r}")
        if is_ending:
            if hold is not None and (is_switch or kind in ("spool", "guardian")):
                hold.is_fired = True
            is_theirs = cell.by == "person" and (hold is None or cell.since > hold.since)
            if is_theirs and (is_switch or number in cell.seen_by):
                # What means what we wrote, or were just about to, cannot be told from it.
                ours = {hold.ours[parameter], *hold.wanted.get(parameter, ())} if hold is not None else ()
                if not any(is_same(parameter, cell.text, each) for each in ours):
                    self.fault("overwrote a person", f"{name} {parameter}: {cell.text!r} became {text!r}")
                elif hold is not None:
                    hold.before[parameter].is_unsure = True
        self.serial += 1
        self.cells[name, parameter] = replace(cell, text=text, by="us", since=self.serial, seen_by=set())

    def by_person(self, name: str, parameter: str, text: str | None) -> None:
        self.serial += 1
        cell = self.cells[name, parameter]
        self.cells[name, parameter] = replace(cell, text=text, by="person", since=self.serial, seen_by=set())

    def seen(self, name: str) -> None:
        for parameter in CHOICES:
            self.cells[name, parameter].seen_by.add(self.deed[0])

    # What is asked for

    def holder(self, name: str, parameter: str) -> Hold | None:
        found = [each for each in self.holds.values() if each.instance == name and parameter in each.ours]
        if len(found) > 1:
            self.fault("two holders", f"{name} {parameter}: {[each.id for each in found]}")
        return found[0] if found else None

    def wanted(self, name: str, parameter: str) -> str | None:
        """What the layers ask for, overrides apart."""
        parts = (f"instance:{name}", *(["group:core"] if name != "blog" else []), "fleet:simulated")
        return next((self.layers[part][parameter] for part in parts if parameter in self.layers[part]), None)

    def note_layers(self) -> None:
        for hold in self.holds.values():
            for parameter in hold.ours:
                text = self.wanted(hold.instance, parameter)
                if text is not None:
                    hold.wanted.setdefault(parameter, set()).add(text)

    # What an override must leave

    def check_over(self, override: Override, seconds: float) -> None:
        """Check an override that the store calls over, and let go of it."""
        hold = self.holds.pop(override.id)
        theirs = [name for name in hold.ours if self._is_theirs(hold, name)]
        cells = [self.cells[hold.instance, name] for name in hold.ours]
        is_touched = any(cell.by == "person" and cell.since > hold.since for cell in cells)
        if override.state is OverrideState.CONFLICT and not is_touched:
            self.fault("false conflict", f"{override.id}: {[c.parameter for c in override.clashes]}")
        if override.state is OverrideState.ENDED and theirs:
            self.fault("conflict not told", f"{override.id}: {theirs}")
        if {clash.parameter for clash in override.clashes} < set(theirs):
            self.fault("clash not told", f"{override.id}: {theirs}, not {override.clashes}")
        for parameter in hold.ours:
            self._check_place(hold, parameter)
        self._check_reason(hold, override, seconds)
        self.outcomes[f"override {override.state.value}"] += 1
        why = override.ending_why.value if override.ending_why is not None else "no reason"
        self.outcomes[f"override over: {why}"] += 1
        by = override.ended_by.value if override.ended_by is not None else "nobody"
        self.outcomes[f"override put back by {by}"] += 1

    def _is_theirs(self, hold: Hold, parameter: str) -> bool:
        cell = self.cells[hold.instance, parameter]
        is_seen = bool(cell.seen_by) and parameter in hold.written
        if cell.by != "person" or cell.since <= hold.since or not is_seen:
            return False
        return not any(
            is_same(parameter, cell.text, text)
            for text in (hold.ours[parameter], *self._places(hold, parameter, is_strict=False))
        )

    def _places(self, hold: Hold, parameter: str, *, is_strict: bool) -> Iterable[str | None]:
        """Where a parameter may stand after an override; strictly where a worker put it."""
        before, text = hold.before[parameter], self.wanted(hold.instance, parameter)
        loose = [before.text, *hold.wanted.get(parameter, ())]
        loose += [before.claim.restore] if before.claim is not None else []
        was_written = self.cells[hold.instance, parameter].since > hold.since
        is_loose = hold.is_fired or hold.is_cut_short or not was_written or before.is_unsure
        if is_loose or not is_strict:
            return loose
        if text is not None:
            is_nothing = is_same(parameter, before.text, hold.ours[parameter])
            is_back = is_nothing or is_same(parameter, before.text, text) or parameter in self.locked
            return [before.text if is_back else text]
        return [before.claim.restore if before.claim is not None else before.text]

    def _check_place(self, hold: Hold, parameter: str) -> None:
        key = hold.instance, parameter
        cell, before = self.cells[key], hold.before[parameter]
        if cell.by == "person" and cell.since > hold.since:
            self.cells[key] = replace(cell, claim=None, is_unsure=True)
            return
        places = self._places(hold, parameter, is_strict=True)
        if not any(is_same(parameter, cell.text, place) for place in places):
            said = f"{hold.id} {parameter}: {cell.text!r} stands, not one of {places!r}"
            self.fault("wrong place", said)
        text = self.wanted(hold.instance, parameter)
        if is_same(parameter, cell.text, before.text):
            is_kept = text is not None or (before.claim is not None and before.claim.restore == cell.text)
            claim = before.claim if is_kept else None
            is_unsure = before.is_unsure or before.claim is not None
            self.cells[key] = replace(cell, by=before.by, claim=claim, is_unsure=is_unsure)
        elif before.claim is None:
            self.cells[key] = replace(cell, claim=Claim(before.text), is_unsure=before.is_unsure)
        elif text is None:
            self.cells[key] = replace(cell, claim=None, is_unsure=before.is_unsure)

    def _check_reason(self, hold: Hold, override: Override, seconds: float) -> None:
        why = override.ending_why
        is_right = {
            EndReason.DEADLINE: seconds >= hold.due,
            EndReason.BY_HAND: hold.is_ended_by_hand,
            EndReason.GUARDRAIL: hold.has_guards and hold.instance in self.broken,
            EndReason.CUT_SHORT: hold.is_cut_short,
        }
        if why is None or not is_right[why]:
            self.fault("wrong reason", f"{override.id}: {why}, {hold}")

    def check_ownership(self, hold: Hold, found: Iterable[Owned]) -> None:
        """What the journal calls ours is what stands, and goes back to what stood before us."""
        owned = {each.parameter: each for each in found}
        for parameter in hold.ours:
            cell, own = self.cells[hold.instance, parameter], owned.get(parameter)
            said = f"{hold.id} {parameter}: {own}, {cell}"
            if cell.is_unsure:
                continue
            if own is not None and cell.claim is None:
                self.fault("owned for nothing", said)
            if own is None and cell.claim is not None:
                self.fault("owned no more", said)
            if own is not None and cell.claim is not None and cell.by == "us":
                if not is_same(parameter, own.ours, cell.text):
                    self.fault("owned otherwise", said)
                if own.restore != cell.claim.restore:
                    self.fault("restore lost", said)

    def fault(self, name: str, said: str) -> None:
        if name not in self.known:
            message = f"{name}: {said}"
            raise AssertionError(message)
        self.outcomes[f"known fault: {name}"] += 1


def is_same(parameter: str, left: Any, right: Any) -> bool:
    """Whether two entries mean the same."""
    if left is None or right is None:
        return left is right
    return CATALOG.is_same(parameter, left, right)
