"""The simulated server, in memory or in a file: its state, its apply lock and its own scheduler.

``memory:NAME`` lives as long as the process; ``file:PATH`` is kept in a JSON file, so that several processes
meet the same server. Whoever touches it has it alone for that moment, and finds carried out whatever its
scheduler had to do by then, as if the server had done it by itself.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import msgspec

from setpoint.catalog import Catalog, Context
from setpoint.catalog.catalog import CatalogData
from setpoint.engines.order import Back
from setpoint.engines.simulated.dialect import GRAMMAR, default_text, plain_text, running_text
from setpoint.errors import HeldError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_PAUSE_SECONDS = 0.001
_TIMEOUT_SECONDS = 5.0


class Job(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the server's scheduler will put back, and when."""

    at: datetime
    backs: tuple[Back, ...]


class Server(msgspec.Struct, kw_only=True):
    """The state of one simulated server.

    `scheduler` says whether it carries out jobs, has that turned off, or has no such thing.
    """

    running: dict[str, str]
    persisted: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    command_line: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    metrics: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    is_up: bool = True
    starts: int = 1
    scheduler: Literal["on", "off", "none"] = "on"
    jobs: dict[str, Job] = msgspec.field(default_factory=dict[str, Job])


_servers: dict[str, Server] = {}
_clocks: dict[str, Callable[[], datetime]] = {}
_holders: dict[str, ApplyLock] = {}
_mutex = threading.RLock()


def shipped() -> Catalog:
    """Read the engine's only catalog."""
    body = (Path(__file__).parent / "catalog" / "1.json").read_bytes()
    return Catalog(msgspec.json.decode(body, type=CatalogData), GRAMMAR)


def server_at(address: str) -> Server:
    """Answer the server at an address, made on first use; changes last once `keep` was called.

    Raises `UnreachableError` when somebody else does not let go of it in time.
    """
    with alone(address) as server:
        return server


def keep(address: str, server: Server) -> None:
    """Keep a server's state at its address."""
    with _alone(address, _TIMEOUT_SECONDS):
        _write(address, server)


def forget(address: str) -> None:
    """Forget a server in memory, with its lock and its clock."""
    with _mutex:
        for known in (_servers, _clocks, _holders):
            known.pop(address, None)


def set_clock(address: str, clock: Callable[[], datetime]) -> None:
    """Have a server in this process go by another clock than the host's."""
    _clocks[address] = clock


def restart(address: str) -> None:
    """Restart the server: what waited takes effect, connections and their locks are gone."""
    with _alone(address, _TIMEOUT_SECONDS):
        server, catalog = _read(address), shipped()
        server.is_up, server.starts = True, server.starts + 1
        for parameter in catalog.parameters:
            server.running[parameter.name] = _effective(server, catalog, parameter.name)
        _holders.pop(address, None)
        if (path := _path_of(address)) is not None:
            _lock_path(path).unlink(missing_ok=True)
        _write(address, server)


def reload(server: Server, catalog: Catalog) -> None:
    """Make run what is persisted, where that needs no restart."""
    for parameter in catalog.parameters:
        if parameter.context not in (Context.RESTART, Context.FIXED):
            server.running[parameter.name] = _effective(server, catalog, parameter.name)


@contextmanager
def alone(
    address: str, *, is_changing: bool = False, timeout_seconds: float = _TIMEOUT_SECONDS
) -> Generator[Server]:
    """Have a server alone for a moment, its due jobs carried out; changes are kept where they are meant.

    Raises `UnreachableError` when somebody else does not let go of it in time.
    """
    with _alone(address, timeout_seconds):
        server = _read(address)
        if _carry_out(server, _clocks.get(address, _utc_now)()):
            _write(address, server)
        yield server
        if is_changing:
            _write(address, server)


class ApplyLock:
    """The only apply lock of a server, as one connection sees it.

    In a file it belongs to whoever has locked the file that lies at its place, so that it ends with its
    process. From one that is stopped it is taken by emptying that file and putting another in its place.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._path = _path_of(address)
        self._stream: IO[str] | None = None
        self._holder = ""

    @property
    def was_taken(self) -> bool:
        """Whether somebody else took it while we held it; ask with the server at hand alone."""
        if not self._holder:
            return False
        if self._path is None:
            return _holders.get(self._address) is not self
        return self._stream is None or os.fstat(self._stream.fileno()).st_size == 0

    def take(self, holder: str, *, is_preempting: bool) -> None:
        """Take it with the server at hand alone; raise `HeldError` naming who has it."""
        if self._holder:
            return
        if self._path is not None:
            self._stream = _take_file(_lock_path(self._path), holder, is_preempting=is_preempting)
        elif self._address in _holders and not is_preempting:
            raise _held(_holders[self._address]._holder)  # noqa: SLF001 - of the same kind
        else:
            _holders[self._address] = self
        self._holder = holder

    def give_back(self) -> None:
        """Give it back; harmless when it is not ours."""
        if _holders.get(self._address) is self:
            _holders.pop(self._address, None)
        if self._stream is not None:
            self._stream.close()
        self._stream, self._holder = None, ""


def _take_file(path: Path, holder: str, *, is_preempting: bool) -> IO[str]:
    stream = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.seek(0)
        name = stream.read().strip()
        if is_preempting:
            stream.truncate(0)
        stream.close()
        if not is_preempting:
            raise _held(name or "somebody") from None
        path.unlink()
        return _take_file(path, holder, is_preempting=False)
    stream.truncate(0)
    stream.write(f"{holder}\n")
    stream.flush()
    return stream


def _held(holder: str) -> HeldError:
    return HeldError(f"{holder} is applying to it", next_step="wait until it ends")


@contextmanager
def _alone(address: str, timeout_seconds: float) -> Generator[None]:
    path = _path_of(address)
    if path is None:
        with _mutex:
            yield
        return
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        stream = path.with_suffix(".mutex").open("a")
    except OSError as fault:
        raise UnreachableError(f"its file cannot be opened: {fault.strerror}", where=str(path)) from None
    with stream:
        deadline = time.monotonic() + timeout_seconds
        while not _is_locked(stream):
            if time.monotonic() > deadline:
                raise UnreachableError(f"no answer within {timeout_seconds:g} s", where=str(path))
            time.sleep(_PAUSE_SECONDS)
        yield


def _is_locked(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(address: str) -> Server:
    path = _path_of(address)
    if path is None:
        return _servers.setdefault(address, _new()) if address not in _servers else _servers[address]
    return msgspec.json.decode(path.read_bytes(), type=Server) if path.exists() else _new()


def _write(address: str, server: Server) -> None:
    path = _path_of(address)
    if path is None:
        _servers[address] = server
    else:
        # Whole or not at all: its process may be killed at any moment.
        beside = path.with_suffix(".next")
        beside.write_bytes(msgspec.json.encode(server))
        beside.replace(path)


def _new() -> Server:
    return Server(running={each.name: default_text(each.default) for each in shipped().parameters})


def _carry_out(server: Server, now: datetime) -> bool:
    """Put back what jobs that are due find still ours; answer whether there was such a job."""
    due = [name for name, job in server.jobs.items() if now >= job.at]
    if not due or not server.is_up or server.scheduler != "on":
        return False
    catalog = shipped()
    for name in due:
        for back in server.jobs.pop(name).backs:
            _put_back(server, back, catalog)
    reload(server, catalog)
    return True


def _put_back(server: Server, back: Back, catalog: Catalog) -> None:
    name, found, ours = back.parameter, server.persisted.get(back.parameter), plain_text(back.ours)
    if found is None or ours is None or not catalog.is_same(name, found, ours):
        return
    text = plain_text(back.back)
    if text is None:
        server.persisted.pop(name)
    else:
        server.persisted[name] = text


def _effective(server: Server, catalog: Catalog, name: str) -> str:
    parameter = catalog.get(name)
    text = server.command_line.get(name, server.persisted.get(name, default_text(parameter.default)))
    return running_text(parameter, text)


def _path_of(address: str) -> Path | None:
    return Path(address.removeprefix("file:")) if address.startswith("file:") else None


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _utc_now() -> datetime:
    return datetime.now(UTC)
