"""Scripts for the simulated engine's client: one order a line, as JSON. See `client` for who reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.engines.order import Order
from setpoint.engines.plan import Request, Step, StepKind
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.native import Job


class Opening(msgspec.Struct, frozen=True, kw_only=True, tag="open"):
    """Who the script is for, and until when it runs."""

    bundle: str
    identity: str
    expires_at: float


class Asking(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    """One request, and the word its answer is sealed with."""

    number: int
    seal: str
    request: Request


class Applying(msgspec.Struct, frozen=True, kw_only=True, tag="apply"):
    """A plan's steps, and what puts them back where they are to end."""

    steps: tuple[Step, ...]
    order: Order | None = None


class Closing(msgspec.Struct, frozen=True, kw_only=True, tag="close"):
    """The end."""


Part = Opening | Asking | Applying | Closing


class SimulatedNative:
    """The `Native` port for the simulated engine."""

    client = "simulated"
    comment = "# "

    def usage(self, script: str, output: str) -> str:
        """Answer the command that would be typed."""
        return f"python -m setpoint.engines.simulated.client ADDRESS < {script} > {output}"

    def opening(self, job: Job) -> str:
        """Bind the script to its bundle, instance and time."""
        return _line(Opening(bundle=job.bundle, identity=job.identity, expires_at=job.expires_at.timestamp()))

    def asking(self, job: Job, number: int, request: Request) -> str:
        """Ask one thing."""
        return _line(Asking(number=number, seal=job.seal, request=request))

    def applying(self, job: Job, steps: Sequence[Step], order: Order | None) -> str:
        """Carry out steps; restarts are the operator's."""
        del job
        kept = tuple(step for step in steps if step.kind is not StepKind.RESTART)
        return _line(Applying(steps=kept, order=order))

    def fragment(self, steps: Sequence[Step]) -> str:
        """Answer nothing: the server writes its own settings."""
        del steps
        return ""

    def closing(self, job: Job) -> str:
        """End."""
        del job
        return _line(Closing())

    def rows(self, answer: str) -> tuple[tuple[Any, ...], ...]:
        """Read an answer's rows; raise `InputError` where it is none."""
        try:
            return msgspec.json.decode(answer, type=tuple[tuple[Any, ...], ...])
        except msgspec.DecodeError:
            raise InputError("the answer holds no rows") from None


def read_script(script: str) -> tuple[Part, ...]:
    """Read a script's orders; comments are left out."""
    lines = (line for line in script.splitlines() if line and not line.startswith("#"))
    return tuple(msgspec.json.decode(line, type=Part) for line in lines)


def _line(part: Part) -> str:
    return msgspec.json.encode(part).decode() + "\n"
