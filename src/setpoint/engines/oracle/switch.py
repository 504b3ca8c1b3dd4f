"""A DBMS_SCHEDULER job as a switch: it puts an override back at its deadline, with nobody else alive.

One job for each parameter, armed before the change. It looks whether what stands is still ours, letter by
letter; if so it runs the statements that put back what stood before; then it drops itself. A job that fails
is tried again by the scheduler (`restart_on_failure`). What the scheduler needs is looked at and never
changed. Not verified on an engine.

Facts: PL/SQL Packages and Types Reference, DBMS_SCHEDULER; the Reference, JOB_QUEUE_PROCESSES.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.catalog import Kind, Version
from setpoint.config.override import LinkState
from setpoint.engines.oracle import observe
from setpoint.engines.oracle.apply import way_back
from setpoint.engines.oracle.dialect import GRAMMAR, scheduler
from setpoint.engines.order import Armed
from setpoint.engines.plan import Request
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.catalog import Catalog, Parameter
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.order import Back, Order
    from setpoint.engines.port import Reply

_LETTERS = (("T", 40), ("G", 30), ("M", 20), ("K", 10))
_ROLE = "(SELECT MAX(database_role) FROM v$database)"
_GROUND = """
SELECT {role},
  (SELECT MAX('TRUE') FROM session_privs WHERE privilege IN ('CREATE JOB', 'CREATE ANY JOB')),
  (SELECT MAX('TRUE') FROM session_privs WHERE privilege = 'ALTER SYSTEM'),
  (SELECT MAX(value) FROM v$system_parameter WHERE name = 'job_queue_processes')
FROM dual"""


class _Ground(NamedTuple):
    """What a server says about its scheduler and this login."""

    role: str | None
    may_create: str | None
    may_alter: str | None
    processes: str | None


class SchedulerSwitch:
    """The `Switch` port over DBMS_SCHEDULER."""

    name = "DBMS_SCHEDULER job"

    def arm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Create the jobs, in the place of earlier ones."""
        without = yield from _obstacle()
        if without is not None:
            return without
        # The version says only which facts fill in units; every supported one has them.
        reply = yield observe.observe()
        observation, catalog = observe.read(
            order.instance, reply, at=order.written_at, version=Version((23,))
        )
        try:
            actions = [_action(back, observation, catalog) for back in order.backs]
        except InputError as fault:
            return _failed(fault.what)
        yield Request(text=scheduler.arming(order, actions), is_read_only=False)
        return (yield from self.look(order))

    def look(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Tell whether all the jobs are there, are what was ordered, and did not fail."""
        without = yield from _obstacle()
        if without is not None:
            return without
        reply = yield Request(text=scheduler.looking(order))
        if not reply.rows:
            return Armed(state=LinkState.DISARMED, detail="its jobs are not there")
        if len(reply.rows) < len(order.backs) or any(
            row[1] != scheduler.job_mark(order) for row in reply.rows
        ):
            return _failed("its jobs are others than were ordered")
        broken = next((row for row in reply.rows if row[2] != "TRUE" or row[3] != "0"), None)
        if broken is not None:
            return _failed(f"job {broken[0]} failed or is disabled: see USER_SCHEDULER_JOB_RUN_DETAILS")
        when = order.deadline.isoformat()
        return Armed(
            state=LinkState.ARMED, detail=f"{len(reply.rows)} jobs {scheduler.job_prefix(order)}n at {when}"
        )

    def disarm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Take the jobs away."""
        yield Request(text=f"BEGIN\n{scheduler.dropping(order)}\nEND;", is_read_only=False)
        return Armed(state=LinkState.DISARMED)


def _obstacle() -> Generator[Request, Reply, Armed | None]:
    """Answer why there is no switch here, or none that would act; None where nothing is in the way."""
    reply = yield Request(
        text=_GROUND.format(role=_ROLE),
        fallbacks=(_GROUND.format(role="NULL"), f"SELECT {_ROLE}, NULL, NULL, NULL FROM dual"),  # noqa: S608 - constants
    )
    ground = _Ground(*reply.rows[0])
    if ground.role not in (None, "PRIMARY"):
        return Armed(state=LinkState.ABSENT, detail="a standby runs no jobs of its own")
    if ground.may_create != "TRUE":
        return _failed("this login has no CREATE JOB")
    if ground.may_alter != "TRUE":
        return _failed("this login has no ALTER SYSTEM, so neither have its jobs")
    if ground.processes == "0":
        return _failed("job_queue_processes is 0: the server runs no jobs")
    return None


def _failed(why: str) -> Armed:
    return Armed(state=LinkState.FAILED, detail=why)


def _action(back: Back, observation: Observation, catalog: Catalog) -> str:
    """Write one job's block; raise `InputError` where what stood before cannot be put back by it."""
    way = way_back(back, observation, catalog)
    if way is None:
        raise InputError(f"the server does not list {back.parameter}")
    ours = _spellings(way.parameter, back.ours)
    action = scheduler.put_back(way.parameter.name, way.sid, ours, way.statements)
    if len(action) > scheduler.ACTION_CHARACTERS:
        raise InputError(f"the texts of {back.parameter} are too long for a job")
    return action


def _spellings(parameter: Parameter, ours: SettingText) -> tuple[str, ...]:
    """Answer the ways in which the server may show what we wrote."""
    value = parameter.parse(ours or "", GRAMMAR)
    if isinstance(value, bool):
        return ("TRUE", "true") if value else ("FALSE", "false")
    if isinstance(value, tuple):
        return (GRAMMAR.write_list(value) if len(value) > 1 else "".join(value),)
    if isinstance(value, str):
        return (value,)
    plain = int(value)
    if parameter.kind is not Kind.SIZE or plain <= 0:
        return (str(plain),)
    exact = (f"{plain >> shift}{letter}" for letter, shift in _LETTERS if plain % (1 << shift) == 0)
    return (str(plain), *exact)
