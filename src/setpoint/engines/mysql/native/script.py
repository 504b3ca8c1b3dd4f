"""The client's scripts, put together."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, ClassVar

from setpoint.catalog import Version
from setpoint.engines.mysql.dialect.option_fragment import render_fragment
from setpoint.engines.mysql.dialect.statements import quote_literal
from setpoint.engines.mysql.native.arming import arm, disarm, stay
from setpoint.engines.mysql.native.ask import ask, read_rows
from setpoint.engines.mysql.native.message import (
    DELIMITER,
    MAY,
    NOW,
    WELL,
    WROTE,
    as_words,
    comment,
    frame,
    is_equal,
    message,
    refuse,
    say,
)
from setpoint.engines.mysql.native.taking import BACK, Tongue, guards, take, take_back

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from setpoint.engines.native import Job
    from setpoint.engines.order import Order
    from setpoint.engines.plan import Request, Step
    from setpoint.engines.port import Switch

_OPTIONS = (
    "--batch --raw --skip-column-names --force --binary-mode --skip-reconnect --skip-show-warnings "
    "--skip-table --skip-vertical --skip-html --skip-xml --default-character-set=utf8mb4"
)
"""Bare cells, whatever the person's own option file asks for; on after errors; no commands in the text."""

_IDENTITY = "@setpoint_identity"


class MysqlNative:
    """The `Native` port for the client ``mysql``. Implements `setpoint.engines.native.Native`."""

    client: str = "mysql"
    comment: str = "-- "
    engine: ClassVar[str] = "mysql"
    identity: ClassVar[str] = "@@server_uuid"
    session: ClassVar[tuple[str, ...]] = ("SET NAMES utf8mb4",)
    """What sets the session up: no more, as MySQL shows a session's own values for everybody's origins."""
    role: ClassVar[str] = "CONCAT('''', role_name, '''@''', role_host, '''')"
    oldest: ClassVar[Version] = Version((8, 0))

    def __init__(self, entry: Callable[[str], str], switch: Switch) -> None:
        """Take how the engine asks for a variable's entry, and what it arms on the server."""
        self._tongue = Tongue(self.engine, entry, self.role, self.oldest)
        self._switch = switch

    def usage(self, script: str, output: str) -> str:
        """Answer the command; whoever runs it adds how to log in."""
        return f"{self.client} {_OPTIONS} < {shlex.quote(script)} > {shlex.quote(output)}"

    def opening(self, job: Job) -> str:
        """Set the session up, print the begin frame, and refuse where expired or elsewhere."""
        begin = {
            "bundle": quote_literal(job.bundle),
            "identity": _IDENTITY,
            "at": NOW,
            "version": "VERSION()",
            "user": "CURRENT_USER()",
        }
        parts = [
            f"DELIMITER {DELIMITER}\n",
            *(message(statement) for statement in self.session),
            message(f"SET {MAY} = 1, {WELL} = 1, {WROTE} = 0, {BACK} = 0, {_IDENTITY} = NULL"),
            message(f"SET {_IDENTITY} = {as_words(self.identity)}"),
            message(say(frame("begin", told=begin))),
            refuse(
                "expired",
                f"{NOW} > {job.expires_at.timestamp():.3f}",
                {"why": quote_literal(f"it was to be run until {job.expires_at.isoformat()}")},
            ),
        ]
        if job.identity:
            wanted = quote_literal(job.identity)
            same = is_equal(_IDENTITY, wanted)
            why = f"CONCAT('this is ', COALESCE({_IDENTITY}, 'unknown'), ', not ', {wanted})"
            parts.append(refuse("identity", f"NOT ({same})", {"why": as_words(why)}))
        return "".join(parts)

    def asking(self, job: Job, number: int, request: Request) -> str:
        """Run a request and print its row, sealed; one that writes prints none."""
        return ask(job, number, request)

    def applying(self, job: Job, steps: Sequence[Step], order: Order | None) -> str:
        """Carry out steps, once every guard holds; take all back where one fails, or at the deadline."""
        del job
        parts = [guards(steps, self._tongue)]
        if order is not None:
            parts.append(arm(order, self._switch))
        parts.append(take(steps, self._tongue))
        if order is not None:
            parts += [disarm(order, self._switch), stay(order)]
        parts += [
            message(f"SET {BACK} = IF({MAY} AND NOT {WELL}, 1, {BACK})"),
            take_back(steps, self._tongue),
            message("DO RELEASE_ALL_LOCKS()"),
        ]
        return "".join(parts)

    def fragment(self, steps: Sequence[Step]) -> str:
        """Answer the option file with every line that the steps would have the agent write."""
        asked = [json.loads(request.agent) for step in steps for request in step.do if request.agent]
        lines = {name: text for each in asked for name, text in each.get("set", {}).items()}
        return render_fragment(lines) if asked else ""

    def closing(self, job: Job) -> str:
        """Print the end frame."""
        is_over = f"IF({MAY} AND {WELL}, 'done', 'failed')"
        return comment(f"the end of {job.bundle}") + message(say(f"CONCAT({frame('end ')}, {is_over})"))

    def rows(self, answer: str) -> tuple[tuple[Any, ...], ...]:
        """Read an answer's lines; raise `InputError`."""
        return read_rows(answer)
