"""The port that every controller answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from setpoint.control.context import Context


class Controller(Protocol):
    """Acts on what is due by the rows, whenever it is asked.

    Level-triggered and idempotent: several workers may run the same one at once, and any of them may die at
    any point. What only one may do is claimed by a lease.
    """

    @property
    def name(self) -> str:
        """What its heartbeat and its faults are told under."""
        ...

    def poll(self, context: Context) -> float:
        """Do what is due; answer the seconds after which it wants to be asked again at the latest."""
        ...
