"""The ports that controllers answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

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


@runtime_checkable
class Stoppable(Protocol):
    """A controller that has threads of its own."""

    def stop(self) -> None:
        """Finish what is in hand; it is not polled any more."""
        ...
