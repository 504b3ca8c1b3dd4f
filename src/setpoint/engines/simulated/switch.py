"""The simulated server's own scheduler as a switch: a job that puts an override back at its deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.config.override import LinkState
from setpoint.engines.order import Armed
from setpoint.engines.plan import Request

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.engines.order import Order
    from setpoint.engines.port import Reply


class SimulatedSwitch:
    """The `Switch` port over the server's jobs."""

    name = "scheduler"

    def arm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Put the job there."""
        without = yield from self._obstacle()
        if without is not None:
            return without
        yield Request(text=f"schedule {_name(order)} {_job(order)}", is_read_only=False)
        return (yield from self.look(order))

    def look(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Tell whether the job is there and is what the order asks for."""
        without = yield from self._obstacle()
        if without is not None:
            return without
        reply = yield Request(text=f"jobs {_name(order)}")
        if not reply.rows:
            return Armed(state=LinkState.DISARMED, detail="its job is not there")
        if reply.rows[0][0] != _job(order):
            return Armed(state=LinkState.FAILED, detail="its job is another than was ordered")
        return Armed(state=LinkState.ARMED, detail=f"job {_name(order)} at {order.deadline.isoformat()}")

    def disarm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Take the job away."""
        yield Request(text=f"unschedule {_name(order)}", is_read_only=False)
        return Armed(state=LinkState.DISARMED)

    def _obstacle(self) -> Generator[Request, Reply, Armed | None]:
        reply = yield Request(text="scheduler")
        match reply.rows[0][0]:
            case "none":
                return Armed(state=LinkState.ABSENT, detail="the server has no scheduler")
            case "off":
                return Armed(state=LinkState.FAILED, detail="the server's scheduler is turned off")
            case _:
                return None


def _name(order: Order) -> str:
    return f"setpoint-{order.override}"


def _job(order: Order) -> str:
    return msgspec.json.encode({"at": order.deadline, "backs": order.backs}).decode()
