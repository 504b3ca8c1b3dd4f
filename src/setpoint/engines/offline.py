"""Offline instances: a driver whose network is a file.

What a connected driver sends, this one writes into a script for the engine's own client; whoever carries it
brings back what the client printed.
"""

from __future__ import annotations

from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING

from setpoint.engines.frames import is_result, read_frames
from setpoint.engines.native import Job
from setpoint.engines.port import Reply
from setpoint.errors import (
    HeldError,
    NotPermittedError,
    RefusedError,
    SetpointError,
    StalePlanError,
    UnavailableError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from setpoint.catalog import Version
    from setpoint.engines.frames import Told
    from setpoint.engines.native import Native
    from setpoint.engines.plan import Request

    Carry = Callable[[str], str]
    """Takes a script over to the instance's client, and brings back what it printed."""

_LASTS = timedelta(hours=1)
_FAULTS: Mapping[str, type[SetpointError]] = {"right": NotPermittedError, "base": StalePlanError}
"""What a refusal of a script means here; any other word is the server's own."""


class Desk:
    """Where scripts for one instance are handed in: all its drivers here share one, and one holds it."""

    def __init__(self) -> None:
        """Begin with nobody at it."""
        self.owner: OfflineDriver | None = None
        self.holder = ""


class OfflineDriver:
    """One instance behind files: each request is a script of its own."""

    def __init__(
        self,
        instance: str,
        native: Native,
        version: Version,
        carry: Carry,
        now: Callable[[], datetime],
        desk: Desk | None = None,
    ) -> None:
        """Bind to an instance whose version is known, to who carries files, and to the instance's desk."""
        self._instance = instance
        self._native = native
        self._carry = carry
        self._now = now
        self._desk = desk if desk is not None else Desk()
        self._is_at_desk = False
        self.version = version

    def run(self, request: Request) -> Reply:
        """Have one request run over there.

        Raise `NotPermittedError` where this login may not, `StalePlanError` where a guard found another
        entry, `RefusedError` with the server's own words where it will not, `UnreachableError` where nothing
        came back or another driver took the instance over.
        """
        job = self._job()
        told = self._told(job, self._native.asking(job, 1, request))
        if told.refused:
            fault = _FAULTS.get(told.refused, RefusedError)
            raise fault(str(told.refusal.get("why", told.refused)), where=self._instance)
        if not told.end:
            raise UnavailableError("the script did not come to its end", where=self._instance)
        rows = self._native.rows(told.answer(1, job.seal))
        return Reply(rows=rows, fallback=told.fallbacks.get(1, 0))

    def lock(self, holder: str, *, is_preempting: bool = False) -> None:
        """Take the instance's desk, the one place for its scripts; raise `HeldError` naming who has it."""
        desk = self._desk
        if desk.owner not in (None, self) and not is_preempting:
            raise HeldError(
                f"{self._instance} is being changed by {desk.holder}",
                next_step="wait until it is done, then plan again",
            )
        desk.owner, desk.holder = self, holder
        self._is_at_desk = True

    def reconnect(self, timeout_seconds: float) -> None:
        """Have an empty script run; raise `UnreachableError` where it did not come to its end.

        Nothing is waited for: its operator restarts an instance, and hands the next script in after that.
        """
        del timeout_seconds
        self.close()
        if not self._told(self._job(), "").end:
            raise UnreachableError("the script did not come to its end", where=self._instance)

    def close(self) -> None:
        """Leave the desk."""
        if self._desk.owner is self:
            self._desk.owner = None
        self._is_at_desk = False

    def _job(self) -> Job:
        return Job(
            bundle=token_hex(8),
            seal=token_hex(16),
            instance=self._instance,
            identity="",
            expires_at=self._now() + _LASTS,
        )

    def _told(self, job: Job, part: str) -> Told:
        if self._is_at_desk and self._desk.owner is not self:
            raise UnreachableError("another took this instance over", where=self._instance)
        text = self._carry(self._native.opening(job) + part + self._native.closing(job))
        if not is_result(text):
            raise UnreachableError("no result came back", where=self._instance)
        return read_frames(text, self._instance)
