"""The supervisor: several workers as processes of their own, each started again when it dies.

A worker under it ends by itself when the supervisor is gone, however that died: its standard input, which
the supervisor holds open, comes to its end then.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

_STDERR = 2
"""What workers say at their end is a message here: the answer is the supervisor's."""

_LOOK_SECONDS = 0.5
_PAUSES_SECONDS = (0.5, 30.0)
"""The first pause before a dead worker is started again, which doubles, and the longest one."""

_SOUND_SECONDS = 60.0
"""A worker that lived so long died of something new: the next one is started at once."""

GRACE_SECONDS = 60.0
"""How long workers may take to finish what is in hand before they are killed."""


@dataclass
class _Place:
    """One worker's place: its process since when, and from when on, after what pause, the next may start."""

    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    again_at: float = 0.0
    pause: float = 0.0
    starts: int = field(default=0)


class Supervisor:
    """Keeps a number of workers alive; `command` answers the words that start the one of a number, from 1."""

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        count: int,
        *,
        environment: Mapping[str, str],
        tell: Callable[[str], None],
    ) -> None:
        self._command = command
        self._environment = dict(environment)
        self._tell = tell
        self._places = [_Place() for _ in range(count)]

    @property
    def starts(self) -> int:
        """How many workers were started, first ones included."""
        return sum(place.starts for place in self._places)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that run, as far as that was seen."""
        return tuple(place.process.pid for place in self._places if place.process is not None)

    def run(self, is_ending: threading.Event) -> None:
        """Keep the workers alive until told to end; then have them finish what is in hand."""
        try:
            while not is_ending.is_set():
                for number, place in enumerate(self._places, 1):
                    self._look(number, place)
                is_ending.wait(_LOOK_SECONDS)
        finally:
            self._end()

    def _look(self, number: int, place: _Place) -> None:
        here = time.monotonic()
        if place.process is not None and (code := place.process.poll()) is not None:
            self._close(place)
            is_sound = here - place.started_at >= _SOUND_SECONDS
            place.pause = _PAUSES_SECONDS[0] if is_sound else min(place.pause * 2, _PAUSES_SECONDS[1])
            place.again_at = here + place.pause
            self._tell(f"worker {number} ended with {code}; the next is started in {place.pause:g} s")
        if place.process is None and here >= place.again_at:
            place.process = subprocess.Popen(  # noqa: S603 - this very program, with words made here
                self._command(number), stdin=subprocess.PIPE, stdout=_STDERR, env=self._environment
            )
            place.started_at, place.starts = here, place.starts + 1
            place.pause = max(place.pause, _PAUSES_SECONDS[0])
            self._tell(f"worker {number} runs as process {place.process.pid}")

    def _end(self) -> None:
        running = [place for place in self._places if place.process is not None]
        for place in running:
            if place.process is not None:
                place.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for place in running:
            if place.process is None:
                continue
            try:
                place.process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                self._tell(f"process {place.process.pid} does not end and is killed")
                place.process.kill()
                place.process.wait()
            self._close(place)

    @staticmethod
    def _close(place: _Place) -> None:
        if place.process is not None and place.process.stdin is not None:
            place.process.stdin.close()
        place.process = None
