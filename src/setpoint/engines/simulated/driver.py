"""The connection to a simulated server.

The server checks values, rounds some, keeps others waiting for a restart and loses its connections when it
restarts or when somebody ends them, as real ones do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Context, Version
from setpoint.config.facts import Facts
from setpoint.engines.port import Reply, Target
from setpoint.engines.simulated.dialect import GRAMMAR, Told
from setpoint.engines.simulated.load import metrics_of, role_of
from setpoint.engines.simulated.server import (
    ApplyLock,
    Job,
    Server,
    alone,
    forget,
    keep,
    reload,
    restart,
    server_at,
    set_clock,
    shipped,
)
from setpoint.errors import HeldError, InputError, RefusedError, StalePlanError, UnreachableError

if TYPE_CHECKING:
    from setpoint.engines.plan import Request

__all__ = [
    "Server",
    "SimulatedDriver",
    "forget",
    "keep",
    "restart",
    "server_at",
    "set_clock",
    "shipped",
]


class SimulatedDriver:
    """One connection to a simulated server."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._catalog = shipped()
        self._lock = ApplyLock(target.address)
        self._starts = self._live().starts

    @property
    def version(self) -> Version:
        """Always 1."""
        return Version((1,))

    def run(self, request: Request) -> Reply:
        """Run ``observe``, ``entry|set|reset NAME``, ``reload``, or what a switch asks for."""
        is_changing = not request.is_read_only
        with alone(
            self._target.address, is_changing=is_changing, timeout_seconds=self._target.timeout_seconds
        ) as server:
            self._check_connection(server)
            for name, _, text in (each.partition(" ") for each in request.ahead):
                if server.persisted.get(name, "") != text:
                    message = f"{name} was changed in this very moment"
                    raise StalePlanError(message, where=self._target.instance)
            return self._answer(server, request.text)

    def lock(self, holder: str, *, is_preempting: bool = False) -> None:
        """Take the server's only apply lock, from somebody else's connection if need be."""
        with alone(self._target.address, timeout_seconds=self._target.timeout_seconds) as server:
            self._check_connection(server)
            try:
                self._lock.take(holder, is_preempting=is_preempting)
            except HeldError as fault:
                raise HeldError(fault.what, where=self._target.instance, next_step=fault.next_step) from None

    def reconnect(self, timeout_seconds: float) -> None:
        """Connect again; the simulated server answers at once or, when it is down, not at all."""
        self.close()
        server = server_at(self._target.address)
        if not server.is_up:
            message = f"no answer within {timeout_seconds:g} s"
            raise UnreachableError(message, where=self._target.instance)
        self._starts = server.starts

    def close(self) -> None:
        """End the connection and give the lock back."""
        self._lock.give_back()

    def _live(self) -> Server:
        with alone(self._target.address, timeout_seconds=self._target.timeout_seconds) as server:
            self._check_up(server)
            return server

    def _check_up(self, server: Server) -> None:
        if not server.is_up:
            raise UnreachableError("the server is down", where=self._target.instance, next_step="start it")

    def _check_connection(self, server: Server) -> None:
        self._check_up(server)
        if server.starts != self._starts:
            raise UnreachableError("the connection was lost in a restart", where=self._target.instance)
        if self._lock.was_taken:
            raise UnreachableError("the connection was ended by somebody else", where=self._target.instance)

    def _answer(self, server: Server, text: str) -> Reply:
        verb, _, rest = text.partition(" ")
        name, _, value = rest.partition(" ")
        match verb:
            case "observe":
                return self._told(server)
            case "entry":
                return Reply(rows=((server.persisted.get(name),),))
            case "set":
                server.persisted[name] = self._checked(name, value)
            case "reset":
                server.persisted.pop(name, None)
            case "reload":
                reload(server, self._catalog)
            case "scheduler":
                return Reply(rows=((server.scheduler,),))
            case "jobs":
                return Reply(rows=tuple((msgspec.json.encode(job).decode(),) for job in _named(server, name)))
            case "schedule":
                server.jobs[name] = msgspec.json.decode(value, type=Job)
            case "unschedule":
                server.jobs.pop(name, None)
            case _:
                message = f"the server does not understand {verb!r}"
                raise RefusedError(message, where=self._target.instance)
        return Reply()

    def _told(self, server: Server) -> Reply:
        told = Told(
            running=server.running,
            persisted=server.persisted,
            command_line=server.command_line,
            facts=Facts(
                role=role_of(self._target.address),
                ram_bytes=8 * 1024**3,
                vcpu=4,
                sources={"ram_bytes": "simulated"},
            ),
            metrics=metrics_of(self._target.address, server.running, server.metrics),
            catalog=self._catalog.data,
        )
        return Reply(rows=((msgspec.json.encode(told),),))

    def _checked(self, name: str, text: str) -> str:
        parameter = self._catalog.get(name)
        if parameter.context is Context.FIXED:
            raise RefusedError(f"{name} cannot be changed", where=self._target.instance)
        try:
            parameter.parse(text, GRAMMAR)
        except InputError as fault:
            raise RefusedError(fault.what, where=self._target.instance, next_step=fault.next_step) from None
        return text


def _named(server: Server, name: str) -> tuple[Job, ...]:
    return (server.jobs[name],) if name in server.jobs else ()
