"""Every exception Setpoint raises, in one tree.

::

    SetpointError                     exit code when it ends a command
     +-- InputError                   2  what the caller gave cannot be used
     |    +-- InputErrors             2  several of them, all at once
     |    +-- NotFoundError           2  a name that nothing answers to
     +-- RefusedError                 1  understood, and the answer is no
     |    +-- ConflictError           1  two edits, or an edit and a human, want different things
     |    +-- StalePlanError          1  the world moved after the plan was made
     |    +-- HeldError               1  somebody else is at work on it
     |    +-- NotPermittedError       1  the engine or the service does not let us
     |    +-- OverBudgetError         1  the host's memory could be exceeded
     |    +-- GuardrailError          1  a guardrail broke after an apply, which was ended
     |    +-- ApplyError              1  a step failed; says which state the instance is in
     |    +-- TamperedError           1  a chain, hash or signature does not hold
     +-- UnavailableError             3  unreachable, or for now not able
     |    +-- UnreachableError        3  an instance that does not answer
     |    +-- StoreUnavailableError   3  the store does not answer
     +-- LabError                     3  a private server or a load could not be run

Each error says what happened, where, and what to do next. Texts never hold a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a text: source, and line and column counted from 1 (0: not known)."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Write the place the way compilers do: ``file:line:column``."""
        parts = [self.source or "<input>"]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


NO_ROW: tuple[int, str] = (0, "")


class SetpointError(Exception):
    """Root of the tree. Catch this to catch everything Setpoint raises on purpose.

    `row` is the number and the hash of the audit row that tells of it, `NO_ROW` while none does.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: Place | str = "", next_step: str = "") -> None:
        """Keep the three parts apart, so that faces can lay them out."""
        super().__init__(what)
        self.what = what
        self.where = str(where)
        self.next_step = next_step
        self.row = NO_ROW

    def __str__(self) -> str:
        """Write one line: place, fault, and what to do next."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head} ({self.next_step})" if self.next_step else head


class InputError(SetpointError):
    """What the caller gave cannot be used: a fault in a file, an argument or a value."""

    exit_code = 2


class InputErrors(InputError):  # noqa: N818 - the plural is the point
    """All the faults of one input at once; ``faults`` holds them in the order of the text."""

    def __init__(self, faults: Sequence[InputError], *, where: Place | str = "") -> None:
        """Join the faults' own lines."""
        lines = "\n".join(str(fault) for fault in faults)
        count = len(faults)
        super().__init__(lines if count == 1 else f"{count} faults:\n{lines}", where=where)
        self.faults = tuple(faults)


class NotFoundError(InputError):
    """A name that nothing answers to: an instance, a parameter, a revision, a template."""


class RefusedError(SetpointError):
    """The request was understood and the answer is no."""


class ConflictError(RefusedError):
    """Two edits want different things; both are named and nothing was written."""


class StalePlanError(RefusedError):
    """The instance or the head moved after the plan was made; make a new plan."""


class HeldError(RefusedError):
    """Somebody else is applying to this instance; the text says who."""


class NotPermittedError(RefusedError):
    """The engine or the service does not let this login do it; says what an operator must do."""


class OverBudgetError(RefusedError):
    """The settings could use more memory than the host has for them."""


class ApplyError(RefusedError):
    """A step failed.

    ``state`` is ``old`` or ``new`` when the instance is wholly in that state, else ``mixed``.
    """

    def __init__(self, what: str, *, state: str, where: Place | str = "", next_step: str = "") -> None:
        """Remember which state the instance was left in."""
        super().__init__(what, where=where, next_step=next_step)
        self.state = state


class GuardrailError(RefusedError):
    """A guardrail broke while an applied change was watched; says whether the change was taken back."""


class TamperedError(RefusedError):
    """A hash chain, a content hash or a signature does not hold."""


class UnavailableError(SetpointError):
    """Unreachable, or for now not able; trying again later can help."""

    exit_code = 3


class UnreachableError(UnavailableError):
    """An instance does not answer within its timeout, or refuses the login."""


class StoreUnavailableError(UnavailableError):
    """The store cannot be opened, is locked by another process, or is not initialised."""


class LabError(UnavailableError):
    """A private server could not be launched, or a load generator could not be run."""
