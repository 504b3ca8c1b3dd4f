"""The simulated engine's own client: runs a script against one server, and prints frames."""

from __future__ import annotations

import sys
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.engines.native import MARK
from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.engines.simulated.driver import SimulatedDriver
from setpoint.engines.simulated.native import Applying, Asking, Opening, read_script
from setpoint.engines.simulated.switch import SimulatedSwitch
from setpoint.errors import SetpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from setpoint.engines.plan import Step
    from setpoint.engines.simulated.native import Part


class Client:
    """One run of one script on the server at an address; `now` is the clock over there."""

    def __init__(self, address: str, now: Callable[[], float] = time.time) -> None:
        self._driver = SimulatedDriver(Target(instance=address, address=address, secret=lambda: None))
        self._address = address
        self._now = now
        self._is_failed = False

    def run(self, script: str) -> str:
        """Answer what the client prints."""
        return "".join(f"{line}\n" for line in self._lines(read_script(script)))

    def _lines(self, parts: Sequence[Part]) -> Iterator[str]:
        for part in parts:
            match part:
                case Opening():
                    yield _told("begin", self._begin(part))
                    why = self._refusal(part)
                    if why:
                        yield f"{MARK}refused {why} {{}}"
                        return
                case Asking():
                    rows = [list(map(_text, row)) for row in self._driver.run(part.request).rows]
                    text = msgspec.json.encode(rows).decode()
                    yield f"{MARK}answer {part.number}"
                    yield text
                    yield f"{MARK}seal {part.number} {sha256(f'{part.seal}{text}'.encode()).hexdigest()}"
                case Applying():
                    moved = self._moved(part.steps)
                    if moved:
                        yield f"{MARK}refused base {msgspec.json.encode({'parameter': moved}).decode()}"
                        return
                    yield from self._apply(part)
                case _:
                    yield f"{MARK}end {'failed' if self._is_failed else 'done'}"

    def _begin(self, part: Opening) -> dict[str, Any]:
        return {"bundle": part.bundle, "identity": self._address, "at": self._now(), "version": "1"}

    def _refusal(self, part: Opening) -> str:
        if self._now() > part.expires_at:
            return "expired"
        return "identity" if part.identity not in ("", self._address) else ""

    def _moved(self, steps: Sequence[Step]) -> str:
        for step in steps:
            if not step.parameter or step.prior is None:
                continue
            found = self._driver.run(Request(text=f"entry {step.parameter}")).rows[0][0]
            if found != step.prior.persisted:
                return step.parameter
        return ""

    def _apply(self, part: Applying) -> Iterator[str]:
        if part.order is not None:
            armed = _drive(self._driver, SimulatedSwitch().arm(part.order))
            yield _told("armed", {"state": armed.state.value, "detail": armed.detail})
        begun: list[tuple[int, Step]] = []
        for number, step in enumerate(part.steps, start=1):
            yield f"{MARK}step {number} begun"
            begun.append((number, step))
            try:
                for request in step.do:
                    self._driver.run(request)
            except SetpointError:
                self._is_failed = True
                yield f"{MARK}step {number} failed"
                break
            yield f"{MARK}step {number} done"
        if self._is_failed:
            for number, step in reversed(begun):
                for request in step.undo:
                    self._driver.run(request)
                yield f"{MARK}back {number} done"


def _drive(driver: SimulatedDriver, asking: Any) -> Any:
    try:
        request = next(asking)
        while True:
            request = asking.send(driver.run(request))
    except StopIteration as end:
        return end.value


def _text(cell: Any) -> Any:
    return cell.decode() if isinstance(cell, bytes) else cell


def _told(kind: str, what: dict[str, Any]) -> str:
    return f"{MARK}{kind} {msgspec.json.encode(what).decode()}"


if __name__ == "__main__":
    sys.stdout.write(Client(sys.argv[1]).run(sys.stdin.read()))
