"""The spool's keeper: ends what the reconciler did not, whether or not the store can be asked."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from setpoint.config.override import LinkKind
from setpoint.control.clock import boot_moment, elapsed_seconds
from setpoint.control.overrides.reverting import Reverting
from setpoint.control.overrides.spool import Spool
from setpoint.control.structs import work_out_structs
from setpoint.errors import SetpointError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from setpoint.control.context import Context

GRACE_SECONDS = 2.0
"""How long after a deadline an override is left to the reconciler, which can tell the store."""

_POLL_SECONDS = 0.5


class Spooler:
    """Ends what the orders of this host's spool say, a moment after their deadlines.

    It asks nobody whether the store is there: what the reconciler ended is found done.
    """

    name = "spool"

    def __init__(self, folder: Path, read_secret: Callable[[str], str | None]) -> None:
        self._spool = Spool(folder)
        self._read_secret = read_secret
        self._began_at = 0.0
        self._reverting = Reverting(self._spool, LinkKind.SPOOL, grace_seconds=GRACE_SECONDS)

    @property
    def has_orders(self) -> bool:
        """Whether anything is left to end."""
        return bool(self._spool.orders())

    def poll(self, context: Context) -> float:
        """Begin to end what is due; answer the seconds until something is.

        What was due already when this worker came is the reconciler's first, too.
        """
        self._began_at = self._began_at or elapsed_seconds()
        left = self._began_at + GRACE_SECONDS - elapsed_seconds()
        if left > 0:
            return min(left, _POLL_SECONDS)
        now = None
        with suppress(SetpointError):  # before the store first answered nobody knows its time
            now = context.now()
        return self._poll(context.holder("spool"), now)

    def poll_alone(self) -> float:
        """Do the same before there is a store."""
        if not self._began_at:
            self._began_at = elapsed_seconds()
            work_out_structs()
        return self._poll("spool", None)

    def stop(self) -> None:
        """Finish what is in hand."""
        self._reverting.close()

    def _poll(self, holder: str, now: datetime | None) -> float:
        wait = self._reverting.poll(boot_moment(), read_secret=self._read_secret, holder=holder, now=now)
        return min(wait, _POLL_SECONDS)
