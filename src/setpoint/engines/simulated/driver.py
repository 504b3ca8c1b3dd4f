"""The simulated server, in memory or in a file, and the connection to it.

``memory:NAME`` lives as long as the process; ``file:PATH`` is kept in a JSON file, so that several processes
meet the same server. The server checks values, rounds some, keeps others waiting for a restart and loses its
connections when it restarts, as real ones do.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from setpoint.catalog import Catalog, Context, Version
from setpoint.catalog.catalog import CatalogData
from setpoint.config.facts import Facts
from setpoint.engines.port import Reply, Target
from setpoint.engines.simulated.dialect import GRAMMAR, Told, default_text, running_text
from setpoint.errors import HeldError, InputError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from setpoint.engines.plan import Request


class Server(msgspec.Struct, kw_only=True):
    """The state of one simulated server."""

    running: dict[str, str]
    persisted: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    command_line: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    metrics: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    is_up: bool = True
    starts: int = 1


_servers: dict[str, Server] = {}
_holders: dict[str, tuple[str, object]] = {}


def shipped() -> Catalog:
    """Read the engine's only catalog."""
    body = (Path(__file__).parent / "catalog" / "1.json").read_bytes()
    return Catalog(msgspec.json.decode(body, type=CatalogData), GRAMMAR)


def server_at(address: str) -> Server:
    """Answer the server at an address, made on first use; changes last once `keep` was called."""
    path = _path_of(address)
    if path is not None and path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Server)
    if address not in _servers:
        defaults = {parameter.name: default_text(parameter.default) for parameter in shipped().parameters}
        _servers[address] = Server(running=defaults)
    return _servers[address]


def keep(address: str, server: Server) -> None:
    """Keep a server's state at its address."""
    path = _path_of(address)
    if path is None:
        _servers[address] = server
    else:
        # Whole or not at all: another process may read it at any moment.
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_bytes(msgspec.json.encode(server))
        beside.replace(path)


def restart(address: str) -> None:
    """Restart the server: what waited takes effect, connections and their locks are gone."""
    server = server_at(address)
    catalog = shipped()
    server.is_up, server.starts = True, server.starts + 1
    for parameter in catalog.parameters:
        server.running[parameter.name] = _effective(server, catalog, parameter.name)
    _holders.pop(address, None)
    keep(address, server)


class SimulatedDriver:
    """One connection to a simulated server."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._catalog = shipped()
        self._starts = self._live().starts
        self._lock_file: IO[str] | None = None

    @property
    def version(self) -> Version:
        """Always 1."""
        return Version((1,))

    def run(self, request: Request) -> Reply:
        """Run ``observe``, ``set NAME TEXT``, ``reset NAME`` or ``reload``."""
        server = self._live()
        if server.starts != self._starts:
            raise UnreachableError("the connection was lost in a restart", where=self._target.instance)
        verb, _, rest = request.text.partition(" ")
        if verb == "observe":
            return self._told(server)
        name, _, text = rest.partition(" ")
        if verb == "set":
            server.persisted[name] = self._checked(name, text)
        elif verb == "reset":
            server.persisted.pop(name, None)
        elif verb == "reload":
            self._reload(server)
        else:
            raise RefusedError(f"the server does not understand {verb!r}", where=self._target.instance)
        keep(self._target.address, server)
        return Reply()

    def lock(self, holder: str) -> None:
        """Take the server's only apply lock."""
        path = _path_of(self._target.address)
        if path is not None:
            self._lock_path(path.with_suffix(".lock"), holder)
            return
        name, owner = _holders.setdefault(self._target.address, (holder, self))
        if owner is not self:
            raise HeldError(
                f"{name} is applying to it", where=self._target.instance, next_step="wait until it ends"
            )

    def reconnect(self, timeout_seconds: float) -> None:
        """Connect again; the simulated server answers at once or, when it is down, not at all."""
        server = server_at(self._target.address)
        if not server.is_up:
            message = f"no answer within {timeout_seconds:g} s"
            raise UnreachableError(message, where=self._target.instance)
        self._starts = server.starts

    def close(self) -> None:
        """End the connection and give the lock back."""
        if _holders.get(self._target.address, ("", None))[1] is self:
            del _holders[self._target.address]
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _live(self) -> Server:
        server = server_at(self._target.address)
        if not server.is_up:
            raise UnreachableError("the server is down", where=self._target.instance, next_step="start it")
        return server

    def _told(self, server: Server) -> Reply:
        told = Told(
            running=server.running,
            persisted=server.persisted,
            command_line=server.command_line,
            facts=Facts(role="primary", ram_bytes=8 * 1024**3, vcpu=4, sources={"ram_bytes": "simulated"}),
            metrics=server.metrics,
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

    def _reload(self, server: Server) -> None:
        for parameter in self._catalog.parameters:
            if parameter.context not in (Context.RESTART, Context.FIXED):
                server.running[parameter.name] = _effective(server, self._catalog, parameter.name)

    def _lock_path(self, path: Path, holder: str) -> None:
        if self._lock_file is not None:
            return
        stream = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.seek(0)
            name = stream.read() or "somebody"
            stream.close()
            message = f"{name} is applying to it"
            raise HeldError(message, where=self._target.instance, next_step="wait until it ends") from None
        stream.truncate(0)
        stream.write(holder)
        stream.flush()
        self._lock_file = stream


def _effective(server: Server, catalog: Catalog, name: str) -> str:
    parameter = catalog.get(name)
    text = server.command_line.get(name, server.persisted.get(name, default_text(parameter.default)))
    return running_text(parameter, text)


def _path_of(address: str) -> Path | None:
    return Path(address.removeprefix("file:")) if address.startswith("file:") else None
