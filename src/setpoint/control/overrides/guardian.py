"""The guard process: a process of its own that ends overrides when everything else is dead.

``python -m setpoint.control.overrides.guardian FOLDER`` is started by `arm` where none lives, in a session of
its own, with no store and no terminal, and leaves when no order is left. There is one for each folder. It is
counted on only once it has said that it holds the very order, and has reached the instance by itself.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.override import LinkState
from setpoint.control.clock import elapsed_seconds
from setpoint.control.overrides.asking import Answer, Ask, address_in, receive
from setpoint.control.overrides.spool import Spool
from setpoint.engines.order import Armed
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from setpoint.engines.order import Order

LOCK = "guardian.lock"
LOG = "guardian.log"
_MODULE = "setpoint.control.overrides.guardian"
_TOKEN_VARIABLE = "SETPOINT_TOKEN"  # noqa: S105 - the name of a variable
_LOOK_SECONDS = 2.0
_PAUSE_SECONDS = 0.005


class NobodyThereError(UnavailableError):
    """No guard process lives in a folder, or it does not answer."""


def arm(folder: Path, order: Order, *, timeout_seconds: float = 5.0) -> Armed:
    """Have an order held by a living guard process, which is started where none lives.

    `ARMED` when it said that it holds this very order and reached the instance; else `FAILED` with the
    reason, and the order stays for whoever lives until it is disarmed. Raises `UnavailableError` when the
    order cannot be written, before anything else is done.
    """
    Spool(folder).put(order)
    deadline = elapsed_seconds() + timeout_seconds
    ask = Ask(verb="arm", override=order.override, seconds=timeout_seconds)
    trouble, is_started = "it does not answer", False
    while (left := deadline - elapsed_seconds()) > 0:
        try:
            return _judge(_asked(folder, ask, left), order)
        except NobodyThereError as nobody:
            trouble = nobody.what
        if not is_started:
            is_started = True
            _start(folder)
        time.sleep(_PAUSE_SECONDS)
    return Armed(state=LinkState.FAILED, detail=f"no guard process took it on: {trouble}; see {folder / LOG}")


def look(folder: Path, order: Order) -> Armed:
    """Tell whether a living guard process holds this very order, `FIRED` when it has acted on it."""
    spool = Spool(folder)
    try:
        kept = spool.order(order.override)
        outcome = spool.outcome(order.override)
    except UnavailableError as fault:
        return Armed(state=LinkState.FAILED, detail=str(fault))
    if kept is None:
        if outcome is not None and outcome.is_over:
            return Armed(state=LinkState.FIRED, detail=f"at {outcome.at.isoformat()}")
        return Armed(state=LinkState.DISARMED, detail="it has no such order")
    try:
        ask = Ask(verb="look", override=order.override, seconds=_LOOK_SECONDS)
        return _judge(_asked(folder, ask, _LOOK_SECONDS), order)
    except NobodyThereError as nobody:
        return Armed(state=LinkState.FAILED, detail=f"no guard process lives: {nobody.what}")


def disarm(folder: Path, override_id: str) -> Armed:
    """Take an order away from the guard process, which leaves when it was the last; harmless without one."""
    try:
        Spool(folder).remove(override_id)
    except UnavailableError as fault:
        return Armed(state=LinkState.FAILED, detail=str(fault))
    return Armed(state=LinkState.DISARMED)


def revive(folder: Path) -> bool:
    """Start a guard process where orders lie and none lives, as after a boot; answer whether one was due."""
    if not Spool(folder).orders() or _is_answered(folder):
        return False
    _start(folder)
    return True


def _judge(answer: Answer, order: Order) -> Armed:
    held = answer.order
    if answer.state is LinkState.ARMED and (held is None or not held.is_same(order)):
        return Armed(state=LinkState.FAILED, detail="the guard process holds another order for it")
    return Armed(state=answer.state, detail=answer.detail)


def _asked(folder: Path, ask: Ask, seconds: float) -> Answer:
    import socket

    try:
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
                connection.settimeout(seconds)
                connection.connect(address_in(number))
                connection.sendall(msgspec.json.encode(ask) + b"\n")
                body = receive(connection)
        finally:
            os.close(number)
        return msgspec.json.decode(body, type=Answer)
    except TimeoutError:
        raise NobodyThereError(f"it did not answer within {seconds:.1f} s", where=str(folder)) from None
    except (OSError, msgspec.MsgspecError) as fault:
        raise NobodyThereError(f"nobody answers ({fault})", where=str(folder)) from None


def _start(folder: Path) -> None:
    """Start a guard process and return when it stands on its own; of several only one stays."""
    environment = {name: text for name, text in os.environ.items() if name != _TOKEN_VARIABLE}
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        log = os.open(folder / LOG, flags, 0o600)
        try:
            subprocess.run(  # noqa: S603 - this very interpreter, with a module of ours
                [sys.executable, "-P", "-m", _MODULE, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                check=False,
            )
        finally:
            os.close(log)
    except OSError as fault:
        raise UnavailableError(
            f"no guard process can be started: {fault.strerror}", where=str(folder)
        ) from None


def main(folder: Path) -> int:
    """Be the guard process of a folder: in the background, of no terminal, until no order is left."""
    # What started us waits for this first process only, so that it leaves nobody behind to be reaped.
    if os.fork():
        return 0
    os.setsid()
    os.umask(0o077)
    from setpoint.control.overrides.guarding import Guard

    with (folder / LOCK).open("a", encoding="utf-8") as lock:
        # Whoever has the lock may be about to leave, so it is waited for unless somebody answers.
        deadline = elapsed_seconds() + _LOOK_SECONDS
        while not _is_locked(lock.fileno()):
            if elapsed_seconds() > deadline or _is_answered(folder):
                return 0
            time.sleep(_PAUSE_SECONDS)
        Guard(folder).run()
    return 0


def _is_answered(folder: Path) -> bool:
    try:
        _asked(folder, Ask(verb="look", override="", seconds=_LOOK_SECONDS), _LOOK_SECONDS)
    except NobodyThereError:
        return False
    return True


def _is_locked(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    from pathlib import Path as _Path

    sys.exit(main(_Path(sys.argv[1])))
