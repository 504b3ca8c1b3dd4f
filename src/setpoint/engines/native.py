"""Native scripts: what an engine writes for its own client, where nothing else can be installed.

A script is put together of parts, in this order: opening, then asking or applying, then closing. What it
prints is framed: lines that begin with `MARK` are ours, what stands between them is an answer. Frames are::

    @setpoint begin {"bundle": "b1f3", "identity": "...", "at": 1767225600.0, "version": "16.4"}
    @setpoint refused KIND {"why": "...", "parameter": "..."}
    @setpoint answer 1          followed by the answer's own lines; `answer 1 2` where the request's second
                                lesser text brought it
    @setpoint seal 1 SHA256     of the seal's word and the answer, in hexadecimal
    @setpoint step 3 begun      number of the plan's step, from 1
    @setpoint step 3 done
    @setpoint step 3 failed
    @setpoint step 3 left       a restart, or an option file's line: the operator's
    @setpoint back 3 done       taken back: after a failure, or at a temporary change's end (failed, left)
    @setpoint armed {"state": "armed|absent|failed", "detail": "..."}   absent: the client itself stays
    @setpoint end done|failed

The kinds of a refusal are ``expired``, ``identity``, ``base`` (the instance moved), ``right`` (the login may
not), ``held`` (somebody is at work on it), ``unarmed``, ``statement`` and ``server``: nothing was written.

Pure: texts out, texts in. Names and values are quoted by the engine's dialect, whatever is in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from setpoint.engines.order import Order
    from setpoint.engines.plan import Request, Step

MARK = "@setpoint "


@dataclass(frozen=True, slots=True)
class Job:
    """What every script is bound to.

    `seal` is the word that answers are sealed with, `identity` what the instance calls itself (empty before
    it was first heard: then nothing is compared), `expires_at` when the script refuses to run any more.
    """

    bundle: str
    seal: str
    instance: str
    identity: str
    expires_at: datetime


class Native(Protocol):
    """One engine's native client."""

    @property
    def client(self) -> str:
        """The client's name: ``psql``."""
        ...

    @property
    def comment(self) -> str:
        """What begins a line that the client does not read."""
        ...

    def usage(self, script: str, output: str) -> str:
        """Answer the command a person types over there to run a script file into an output file."""
        ...

    def opening(self, job: Job) -> str:
        """Make the client print bare text; print the begin frame; refuse where expired or elsewhere."""
        ...

    def asking(self, job: Job, number: int, request: Request) -> str:
        """Run a request that only reads and print its rows as an answer, sealed.

        Where the login may not, the request's lesser texts are tried as far as the client can do that.
        """
        ...

    def applying(self, job: Job, steps: Sequence[Step], order: Order | None) -> str:
        """Carry out a plan's steps; restart steps are left to the operator.

        First every step's prior entry is compared with what stands there, and where one differs nothing is
        written (``refused base``). Each step is told before and after. A step that fails has everything that
        was begun taken back, the last one first. Of a temporary change (`order`) the way back is armed before
        the first step, as the engine can: a switch on the target, else this client itself stays and takes it
        back at its deadline, and says so; where neither is possible nothing is written.
        """
        ...

    def fragment(self, steps: Sequence[Step]) -> str:
        """Answer the lines for an option file over there, which no client writes; empty where none."""
        ...

    def closing(self, job: Job) -> str:
        """Print the end frame."""
        ...

    def rows(self, answer: str) -> tuple[tuple[Any, ...], ...]:
        """Read an answer's own lines back into the rows a driver would have brought.

        Raise `InputError` where it is none.
        """
        ...
