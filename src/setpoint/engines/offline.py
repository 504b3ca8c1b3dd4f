"""Offline instances: a driver whose network is a file.

What a connected driver sends, this one writes into a script for the engine's own client; whoever carries it
brings back what the client printed.
"""

from __future__ import annotations

from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING

from setpoint.engines.frames import read_frames
from setpoint.engines.native import Job
from setpoint.engines.port import Reply
from setpoint.errors import NotPermittedError, UnavailableError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from setpoint.catalog import Version
    from setpoint.engines.native import Native
    from setpoint.engines.plan import Request

    Carry = Callable[[str], str]
    """Takes a script over to the instance's client, and brings back what it printed."""

_LASTS = timedelta(hours=1)


class OfflineDriver:
    """One instance behind files: each request is a script of its own."""

    def __init__(
        self, instance: str, native: Native, version: Version, carry: Carry, now: Callable[[], datetime]
    ) -> None:
        """Bind to an instance whose version is known, and to who carries files."""
        self._instance = instance
        self._native = native
        self._carry = carry
        self._now = now
        self.version = version

    def run(self, request: Request) -> Reply:
        """Have one request run over there; raise `NotPermittedError` where it was refused."""
        job = Job(
            bundle=token_hex(8),
            seal=token_hex(16),
            instance=self._instance,
            identity="",
            expires_at=self._now() + _LASTS,
        )
        native = self._native
        script = native.opening(job) + native.asking(job, 1, request) + native.closing(job)
        told = read_frames(self._carry(script), self._instance)
        if told.refused:
            raise NotPermittedError(str(told.refusal.get("why", told.refused)), where=self._instance)
        if not told.end:
            raise UnavailableError("the script did not come to its end", where=self._instance)
        return Reply(rows=native.rows(told.answer(1, job.seal)))

    def lock(self, holder: str, *, is_preempting: bool = False) -> None:
        """Take nothing: who carries files is the only one."""

    def reconnect(self, timeout_seconds: float) -> None:
        """Raise `UnreachableError`: a file cannot wait for a restart."""
        del timeout_seconds
        raise UnreachableError("an offline instance is restarted by its operator", where=self._instance)

    def close(self) -> None:
        """End nothing."""
