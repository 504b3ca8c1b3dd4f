"""The guard process from inside: what it answers, when it acts, and when it may leave."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.override import LinkKind, LinkState
from setpoint.control.clock import SteadyClock, boot_moment, elapsed_seconds, utc_now
from setpoint.control.overrides.asking import SOCKET, Answer, Ask, address_in, receive
from setpoint.control.overrides.reverting import Reverting, connect
from setpoint.control.overrides.spool import Spool
from setpoint.control.structs import work_out_structs
from setpoint.errors import SetpointError
from setpoint.integrations.secrets import read_secret

if TYPE_CHECKING:
    from pathlib import Path

GRACE_SECONDS = 1.0
"""How long after a deadline the override is left to the reconciler."""
_LINGER_SECONDS = 1.0
"""How long it stays without an order, as the next one often comes soon."""
_POLL_SECONDS = 1.0
_TALK_SECONDS = 5.0
_BACKLOG = 512
_LOG = logging.getLogger(__name__)


@dataclass
class Guard:
    """One guard process at work in its folder, whose lock it holds."""

    folder: Path
    _spool: Spool = field(init=False)
    _reverting: Reverting = field(init=False)
    _woken: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        self._spool = Spool(self.folder)
        self._reverting = Reverting(self._spool, LinkKind.GUARD_PROCESS, grace_seconds=GRACE_SECONDS)
        self._now = SteadyClock(utc_now)

    def run(self) -> None:
        """Guard until no order is left."""
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        work_out_structs()
        _LOG.info("process %d guards %s", os.getpid(), self.folder)
        while self._has_work():
            # Whoever found nobody here put their order in first: so it is seen once nobody can come any more.
            with closing(self._listen()) as listener:
                threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
                self._guard()
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
        _LOG.info("process %d leaves: no order is left", os.getpid())

    def _guard(self) -> None:
        """Act on what is due until there was nothing to do for a while."""
        idle_since = elapsed_seconds()
        holder = f"guard process {os.getpid()} on {socket.gethostname()}"
        while elapsed_seconds() - idle_since < _LINGER_SECONDS:
            wait = self._reverting.poll(
                boot_moment(), read_secret=read_secret, holder=holder, now=self._now()
            )
            self._woken.wait(max(0.0, min(wait, _POLL_SECONDS)))
            self._woken.clear()
            if not self._reverting.is_idle:
                idle_since = elapsed_seconds()

    def _has_work(self) -> bool:
        return bool(self._spool.orders()) or not self._reverting.is_idle

    def _listen(self) -> socket.socket:
        (self.folder / SOCKET).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        number = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            listener.bind(address_in(number))
        finally:
            os.close(number)
        listener.listen(_BACKLOG)
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError, msgspec.MsgspecError):
            connection.settimeout(_TALK_SECONDS)
            ask = msgspec.json.decode(receive(connection), type=Ask)
            connection.sendall(msgspec.json.encode(self._answer(ask)) + b"\n")
        self._woken.set()

    def _answer(self, ask: Ask) -> Answer:
        try:
            order = self._spool.order(ask.override)
            if order is None:
                return Answer(state=LinkState.DISARMED, detail="it has no such order")
            if ask.verb == "arm":
                connect(order, read_secret, is_read_only=True, timeout_seconds=ask.seconds).close()
        except SetpointError as fault:
            return Answer(state=LinkState.FAILED, detail=f"the guard process cannot reach it: {fault}")
        detail = f"process {os.getpid()} on {socket.gethostname()}"
        trouble = self._reverting.trouble_with(ask.override)
        if trouble:
            detail = f"{detail}; tried in vain so far: {trouble}"
        return Answer(state=LinkState.ARMED, detail=detail, order=order)
