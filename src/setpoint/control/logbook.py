"""The logbook: the session's journal kept in the store, under one apply or one taking back.

Each step and what of it will be ours is on disk, with its audit row, before the step's effect. What is kept
here outlives a killed process and says what it had begun.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from setpoint.engines.plan import Plan, Step, StepKind
from setpoint.errors import ApplyError, HeldError, SetpointError, StoreUnavailableError
from setpoint.store.records import Apply, Outcome, Owned, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from setpoint.config.configuration import SettingText
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.engines.session import Verified

Work = Literal["apply", "undo", "override", "ending"]
"""What a record is of: a plan, a taking back, the start of an override, or its end."""

_MARKS: Mapping[Work, str] = {"apply": "", "undo": "undo-", "override": "override-", "ending": "ending-"}
"""What the id of a record begins with, so that no row says of one work that it was another."""


class Logbook:
    """The journal of one plan.

    `before_step` is called with each step's number (from 0) before it is taken. `is_taking_over` tells that
    whoever was at work on the instance lost its lock to us, so that their record is closed.
    """

    def __init__(
        self,
        context: Context,
        plan: Plan,
        *,
        work: Work = "apply",
        is_taking_over: bool = False,
        before_step: Callable[[int, Step], None] | None = None,
    ) -> None:
        self._context = context
        self._plan = plan
        self._work: Work = work
        self._is_taking_over = is_taking_over
        self._before_step = before_step
        self._id = f"{_MARKS[work]}{uuid4().hex}"
        self._standing: dict[str, SettingText] = {}

    def begin(self, permit: Permit) -> None:
        """Record that the plan is about to be applied, and close the record of a dead process.

        We hold the instance's lock, so nobody else is at work on it; but an apply that waits for a restart
        holds no lock. Raises `HeldError` when its process is seen to live.
        """
        context, plan, journal = self._context, self._plan, self._context.store.journal
        left = journal.unfinished(plan.instance)
        if left is not None and (self._is_taking_over or not is_at_work(left)):
            how = "lost the instance" if is_at_work(left) else "ended"
            message = f"its process {how} in step {left.step} of {left.steps}"
            journal.finish(left.id, "interrupted", "", message, at=context.now())
        journal.begin(
            Apply(
                id=self._id,
                instance=plan.instance,
                plan_hash=plan.hash,
                revision=plan.revision,
                actor=permit.actor,
                host=socket.gethostname(),
                pid=os.getpid(),
                started_at=context.now(),
                steps=len(plan.steps),
            )
        )
        self._standing = {owned.parameter: owned.ours for owned in journal.owned(plan.instance)}

    def intend(self, number: int, step: Step) -> None:
        """Record a step before it happens, and what of it will be ours."""
        if self._before_step is not None:
            self._before_step(number, step)
        detail = {"kind": step.kind.value, "is_undo": self._work == "undo"}
        is_ours = step.kind is StepKind.SET and step.parameter not in self._plan.released
        self._context.store.journal.intend(
            self._id,
            number + 1,
            self._owned(step) if is_ours else None,
            at=self._context.now(),
            detail=detail,
        )

    def done(self, number: int) -> None:
        """Record that the step happened."""
        self._context.store.journal.done(self._id, number + 1)

    def check(self) -> None:
        """Raise `HeldError` where somebody else ended this work meanwhile."""
        self._context.store.journal.check(self._id)

    def ended(self, work: Callable[[], Verified], *, let_go: Iterable[str]) -> Verified:
        """Do the work and record how it ended; what is let go after it is ours no more."""
        try:
            verified = work()
        except ApplyError as fault:
            self._note("failed", "old" if fault.state == "old" else "mixed", fault.what)
            raise
        except SetpointError as fault:
            self._note("interrupted", "", fault.what)
            raise
        outcome: Outcome = "undone" if self._work == "undo" else "applied"
        now, journal = self._context.now(), self._context.store.journal
        journal.finish(self._id, outcome, "new", at=now, let_go=let_go)
        return verified

    def _note(self, outcome: Outcome, state: State, message: str) -> None:
        """Record a failure.

        A store that is gone too keeps the record of work under way, which is as true. Whoever took the work
        over has told how it ended.
        """
        with suppress(StoreUnavailableError, HeldError):
            self._context.store.journal.finish(self._id, outcome, state, message, at=self._context.now())

    def _owned(self, step: Step) -> Owned:
        return Owned(
            instance=self._plan.instance,
            parameter=step.parameter,
            ours=step.text,
            restore=self._as_we_wrote_it(step.parameter, step.prior.persisted if step.prior else None),
            running_before=step.prior.running if step.prior is not None else None,
            apply_id=self._id,
            at=self._context.now(),
        )

    def _as_we_wrote_it(self, parameter: str, found: SettingText) -> SettingText:
        """Answer our own text where the parameter is ours already, so that the first prior is kept.

        Putting drift right must not make the drift what a later release goes back to.
        """
        ours = self._standing.get(parameter)
        return found if ours is None else ours


def is_undo(record: Apply) -> bool:
    """Tell whether a record is of taking something back."""
    return record.id.startswith(_MARKS["undo"])


def is_start(apply_id: str) -> bool:
    """Tell whether a record's id is that of the start of an override."""
    return apply_id.startswith(_MARKS["override"])


def is_end(apply_id: str) -> bool:
    """Tell whether a record's id is that of the end of an override."""
    return apply_id.startswith(_MARKS["ending"])


def is_of_override(record: Apply) -> bool:
    """Tell whether a record is of the start or the end of an override."""
    return record.id.startswith((_MARKS["override"], _MARKS["ending"]))


def is_at_work(record: Apply) -> bool:
    """Tell whether another process that runs on this host is at work on a record."""
    if record.outcome != "running" or record.host != socket.gethostname() or record.pid == os.getpid():
        return False
    try:
        fields = Path(f"/proc/{record.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        boot = Path("/proc/stat").read_text(encoding="utf-8").partition("btime ")[2].split()[0]
    except OSError:
        return False
    state, ticks = fields[0], int(fields[19])
    # A process that began after the record bears a number that was given again.
    began_at = int(boot) + ticks / os.sysconf("SC_CLK_TCK")
    # A process that was stopped (T) does nothing, and finds its work taken over when it goes on.
    return state not in "ZTt" and began_at <= record.started_at.timestamp() + 1
