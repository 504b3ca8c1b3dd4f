"""Dispatch: the port through which controllers hand out work that many threads or machines may do.

Every task is idempotent and looks at the rows for itself, so it may be done more than once. None may be
forgotten: a controller looks again by and by, and submits what is due still.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work: what `kind` of it, and the `key` under which one task at a time is done.

    `key` is what no two tasks may work on at once, whatever their kinds: `observe/NAME` for an observation,
    `NAME` for what changes an instance. `argument` is what its handler needs to know. Of the tasks that
    wait, the one with the highest `priority` goes first.
    """

    kind: str
    key: str
    argument: Mapping[str, str] = field(default_factory=dict[str, str])
    priority: int = 0


Handler = Callable[[Task], None]
"""Does one task. What it raises is told as the worker's fault, and ends nothing but the task."""

Fault = Callable[[Task, Exception], None]
"""Is told of a task that raised."""


class Dispatch(Protocol):
    """Where tasks wait, and who does them."""

    def submit(self, tasks: Iterable[Task]) -> int:
        """Let tasks wait for their turn; answer how many were taken.

        Of one kind and key one task waits at a time, and a second is dropped; so is what comes in when too
        many wait already. Raises `StoreUnavailableError` when tasks are kept in a store that does not answer.
        """
        ...

    def start(self, handlers: Mapping[str, Handler], on_fault: Fault | None = None) -> None:
        """Begin to do tasks, by kind; `on_fault` is told of each that raised.

        A task of a kind that has no handler here is left to others, where there are any.
        """
        ...

    def stop(self) -> None:
        """End in good order: what is being done is finished, what waits is left. Harmless when ended."""
        ...

    def depth(self) -> dict[str, int]:
        """Answer by kind how many tasks wait."""
        ...
