"""pg_cron as a switch: jobs on the server itself that put an override back at its deadline.

ALTER SYSTEM runs alone, in no block and no function, so it cannot be conditional; and pg_cron (1.4 and
earlier) begins jobs with the minute. Hence a guarding job runs every minute. Near the deadline it waits for
it, and if the persisted text is still ours it schedules the one statement that puts it back, for the next
minute. Until then it watches twice a second, and takes that statement away when somebody else writes. Once
nothing is ours any more it has the files loaded and removes itself. So it is late by a minute and a second at
most, by two minutes where it was armed less than a minute ahead.

Facts: pg_cron's documentation and source (jobs run as the user who scheduled them, in the database where the
extension is, over a connection of their own; none on a standby); ALTER SYSTEM in PostgreSQL's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.config.override import LinkState
from setpoint.engines.order import Armed
from setpoint.engines.plan import Request
from setpoint.engines.postgresql.dialect import cron

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.engines.order import Order
    from setpoint.engines.port import Reply


class _Ground(NamedTuple):
    """What a server says about its pg_cron."""

    home: str | None
    database: str
    is_standby: str
    extension: str | None
    may_use: str | None
    is_idle: str
    has_workers: str | None
    version_number: str


class CronSwitch:
    """The `Switch` port over pg_cron."""

    name = "pg_cron"

    def arm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Schedule the guarding job, in the place of an earlier one."""
        ground = yield from _look_around()
        without = _obstacle(ground)
        if without is not None:
            return without
        major = int(ground.version_number) // 10_000
        yield Request(text=cron.unscheduling(order, is_guard_too=False), is_read_only=False)
        yield Request(text=cron.scheduling(order, major), is_read_only=False)
        return (yield from self.look(order))

    def look(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Tell whether the guarding job is there, is what was ordered, and ran well when it ran last."""
        ground = yield from _look_around()
        without = _obstacle(ground)
        if without is not None:
            return without
        reply = yield Request(text=cron.looking(order))
        if not reply.rows:
            return Armed(state=LinkState.DISARMED, detail="its job is not there")
        command, is_active, said = reply.rows[0]
        if command != cron.command(order, int(ground.version_number) // 10_000):
            return _failed("its job is another than was ordered")
        if is_active != "t":
            return _failed("its job was turned off")
        if said:
            return _failed(f"its job fails: {' '.join(said.split())}")
        return Armed(
            state=LinkState.ARMED,
            detail=f"job {cron.job_name(order)}, acts within 2 minutes after {order.deadline.isoformat()}",
        )

    def disarm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Take the guarding job away, and what it has scheduled."""
        without = _obstacle((yield from _look_around()))
        if without is not None and without.state is LinkState.ABSENT:
            return without
        yield Request(text=cron.unscheduling(order, is_guard_too=True), is_read_only=False)
        return Armed(state=LinkState.DISARMED)


def _look_around() -> Generator[Request, Reply, _Ground]:
    reply = yield Request(text=cron.LOOK_AROUND)
    return _Ground(*reply.rows[0])


def _obstacle(ground: _Ground) -> Armed | None:
    """Answer why there is no switch here, or none that would act; None where nothing is in the way."""
    if ground.is_standby == "true":
        return _absent(cron.ON_STANDBY)
    if ground.extension is None:
        return _absent(_want(ground))
    if ground.may_use != "true":
        return _failed(cron.MAY_NOT_USE)
    if ground.is_idle == "true":
        return _failed(cron.DOES_NOT_RUN)
    return _unwatched(ground)


def _unwatched(ground: _Ground) -> Armed | None:
    """Answer why what is scheduled could not be watched until it runs; None where it can.

    With background workers pg_cron 1.4 begins no job while another runs, so a job cannot watch another: a
    person's change could be overwritten by the statement that waits.
    """
    if ground.has_workers is None:
        return _failed(cron.MAY_NOT_READ)
    if ground.has_workers == "on":
        return _failed(cron.IN_WORKERS)
    return None


def _want(ground: _Ground) -> str:
    if ground.home is None:
        return cron.NOT_LOADED
    if ground.home != ground.database:
        return f"pg_cron has its jobs in {ground.home}, the target names {ground.database}"
    return cron.NOT_CREATED


def _absent(why: str) -> Armed:
    return Armed(state=LinkState.ABSENT, detail=why)


def _failed(why: str) -> Armed:
    return Armed(state=LinkState.FAILED, detail=why)
