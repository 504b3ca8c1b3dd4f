"""The spool: a folder of orders beside whoever may have to end overrides without the store, and of outcomes.

One file for each order and each outcome, written whole and durable before anything rests on it. A file that
cannot be read is told of and hides no other. Nothing here holds a password: orders name its place. Whoever
can write an order can have that password sent somewhere, so nothing is read or written in a folder that is
not this account's alone to write to.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from setpoint.config.override import Clash, LinkKind
from setpoint.engines.order import AwareTime, Order
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_Kept = TypeVar("_Kept", Order, "Outcome")
_ORDERS, _OUTCOMES = "orders", "outcomes"
_SUFFIX = ".json"
_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600
_OTHERS_WRITE = 0o022


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What became of an order, kept until the store knows it.

    `link` is who acted, `at` when. Until `is_over` it was tried in vain, and `fault` says why. `was_touched`
    tells whether something had to be put back at all; `clashes` are changes of people, which stand.
    """

    override: str
    instance: str
    link: LinkKind
    at: AwareTime
    is_over: bool = False
    was_touched: bool = False
    clashes: tuple[Clash, ...] = ()
    fault: str = ""


class Spooled(NamedTuple):
    """The orders of a spool, soonest first, and for each file that cannot be read what is wrong with it."""

    orders: tuple[Order, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    mark: tuple[int, int, int]
    order: Order


class Spool:
    """The orders and outcomes in one folder, which is made when something is put there.

    Several processes may use one folder: each file changes as a whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, _Known] = {}

    def put(self, order: Order) -> None:
        """Keep an order, in the place of an earlier one for its override; durable on return.

        Raises `UnavailableError` when the disk is full or the folder cannot be written.
        """
        self._write(_ORDERS, order.override, order)

    def order(self, override_id: str) -> Order | None:
        """Answer the order for an override, None where there is none; raise `UnavailableError`."""
        return _read(self._path(_ORDERS, override_id), Order)

    def orders(self) -> tuple[Order, ...]:
        """Answer every order that can be read, the soonest first."""
        return self.read().orders

    def read(self) -> Spooled:
        """Answer every order, the soonest first, and what is wrong with files that are none."""
        faults: list[str] = []
        known: dict[str, _Known] = {}
        for path in _files(self.folder / _ORDERS, faults):
            try:
                here = path.stat()
                mark = (here.st_ino, here.st_mtime_ns, here.st_size)
                before = self._known.get(path.name)
                order = before.order if before and before.mark == mark else _read(path, Order)
            except (OSError, UnavailableError) as fault:
                faults.append(str(fault))
                continue
            if order is not None:
                known[path.name] = _Known(mark, order)
        self._known = known
        orders = sorted((each.order for each in known.values()), key=lambda each: each.deadline)
        return Spooled(tuple(orders), tuple(faults))

    def remove(self, override_id: str) -> None:
        """Take an order away; harmless where there is none; raise `UnavailableError`."""
        _remove(self._path(_ORDERS, override_id))

    def note(self, outcome: Outcome) -> None:
        """Keep what became of an order; durable on return; raise `UnavailableError`."""
        self._write(_OUTCOMES, outcome.override, outcome)

    def outcome(self, override_id: str) -> Outcome | None:
        """Answer what became of an override, None where nothing is known; raise `UnavailableError`."""
        return _read(self._path(_OUTCOMES, override_id), Outcome)

    def outcomes(self) -> dict[str, Outcome]:
        """Answer what became of the orders that are over, by override."""
        return {id_: each for id_, each in self._told().items() if each.is_over}

    def troubles(self) -> dict[str, Outcome]:
        """Answer what is in the way of the orders that were tried in vain so far, by override."""
        return {id_: each for id_, each in self._told().items() if not each.is_over}

    def forget(self, override_id: str) -> None:
        """Let an outcome go that the store knows; harmless where there is none; raise `UnavailableError`."""
        _remove(self._path(_OUTCOMES, override_id))

    def _told(self) -> dict[str, Outcome]:
        found: dict[str, Outcome] = {}
        for path in _files(self.folder / _OUTCOMES, []):
            with suppress(UnavailableError):
                outcome = _read(path, Outcome)
                if outcome is not None:
                    found[outcome.override] = outcome
        return found

    def _path(self, kind: str, override_id: str) -> Path:
        return self.folder / kind / f"{quote(override_id, safe='')}{_SUFFIX}"

    def _write(self, kind: str, override_id: str, kept: Order | Outcome) -> None:
        path = self._path(kind, override_id)
        beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            self.folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            path.parent.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
            _check_own(path.parent)
            try:
                _write_durably(beside, msgspec.json.encode(kept))
                beside.replace(path)
            except OSError:
                with suppress(OSError):
                    beside.unlink()
                raise
            _sync_folder(path.parent)
        except OSError as fault:
            raise _unavailable(path, fault) from None


def _write_durably(path: Path, body: bytes) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE)
    with open(number, "wb") as stream:  # noqa: PTH123 - a descriptor, so that nobody else can read it ever
        stream.write(body)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _remove(path: Path) -> None:
    try:
        path.unlink()
        _sync_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as fault:
        raise _unavailable(path, fault) from None


def _files(folder: Path, faults: list[str]) -> Iterator[Path]:
    try:
        _check_own(folder)
        with os.scandir(folder) as entries:
            names = [each.name for each in entries]
    except FileNotFoundError:
        return
    except UnavailableError as fault:
        faults.append(str(fault))
        return
    except OSError as fault:
        faults.append(str(_unavailable(folder, fault)))
        return
    yield from (folder / name for name in names if name.endswith(_SUFFIX))


def _read(path: Path, kind: type[_Kept]) -> _Kept | None:
    try:
        _check_own(path.parent)
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise _unavailable(path, fault) from None
    except msgspec.MsgspecError as fault:
        message = f"it is not what was written there: {fault}"
        raise UnavailableError(message, where=str(path), next_step="take the file away") from None


def _check_own(folder: Path) -> None:
    """Raise `UnavailableError` for a folder of orders or outcomes that others may write to, or above it."""
    for each in (folder, folder.parent):
        here = each.stat()
        if here.st_uid != os.geteuid() or here.st_mode & _OTHERS_WRITE:
            message = "others may write to this folder, so what stands in it is not believed"
            raise UnavailableError(message, where=str(each), next_step=f"look at it, then: chmod 700 {each}")


def _unavailable(path: Path, fault: OSError) -> UnavailableError:
    message = f"the spool cannot be used: {fault.strerror or fault}"
    return UnavailableError(message, where=str(path), next_step="make room and see to its rights")
