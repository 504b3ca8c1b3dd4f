"""SQL Server Agent as a switch: a job on the server itself that puts an override back at its deadline.

The job has one step and two schedules: once, at the deadline, and whenever the Agent starts, for a deadline
that passed while it was down. It looks whether each entry is still ours and puts those back that are; it is
deleted by the Agent once it has succeeded. Before the deadline the step fails on purpose, so the job stays.
The Agent counts in the server's local time: the deadline is turned into it by the offset that the server has
while the job is armed; should that put it up to two hours early, the step waits.

Facts: the manual, "sp_add_job", "sp_add_jobstep", "sp_add_jobschedule". Not verified on an engine.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from setpoint.config.override import LinkState
from setpoint.engines.order import Armed
from setpoint.engines.plan import Request
from setpoint.engines.sqlserver.dialect import agent, quote_literal, read_address
from setpoint.engines.sqlserver.dialect.knowledge import AZURE_SQL_DATABASE, EXPRESS
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.engines.order import Order
    from setpoint.engines.port import Reply

_LOOK = """
SELECT CONVERT(int, SERVERPROPERTY('EngineEdition')), OBJECT_ID(N'msdb.dbo.sp_add_job'),
  HAS_PERMS_BY_NAME(N'msdb.dbo.sp_add_job', N'OBJECT', N'EXECUTE'),
  (SELECT CONVERT(int, value_in_use) FROM sys.configurations WHERE name = N'Agent XPs'),
  CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') = 1
    THEN (SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE program_name LIKE N'SQLAgent%') END,
  CONVERT(nvarchar(40), SYSDATETIMEOFFSET(), 126);"""


class _Ground(NamedTuple):
    """What a server says about its Agent."""

    edition: int
    procedure: int | None
    may_use: int | None
    procedures_on: int | None
    sessions: int | None
    """Sessions of the Agent; None where this login may not see them."""
    now: str
    """The server's local time, with its offset."""


class AgentSwitch:
    """The `Switch` port over SQL Server Agent."""

    name = "SQL Server Agent"

    def arm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Make the job, in the place of an earlier one."""
        ground = yield from _look_around()
        obstacle = _obstacle(ground)
        if obstacle is not None:
            return obstacle
        try:
            text = _arming(order, datetime.fromisoformat(ground.now))
        except InputError as fault:
            return _failed(fault.what)
        reply = yield Request(text=text, is_read_only=False)
        if reply.rows:
            return _failed(f"the Agent took no job: {reply.rows[0][0]}")
        return (yield from self.look(order))

    def look(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Tell whether the job is there, is what was ordered, and did not fail when it ran."""
        obstacle = _obstacle((yield from _look_around()))
        if obstacle is not None:
            return obstacle
        reply = yield Request(text=agent.seeing(order))
        if not reply.rows:
            return Armed(state=LinkState.DISARMED, detail="its job is not there")
        command, is_enabled, schedules, said = reply.rows[0]
        if command != agent.job_command(order):
            return _failed("its job is another than was ordered")
        if not is_enabled or not schedules:
            return _failed("its job was turned off")
        if said:
            return _failed(f"its job fails: {' '.join(str(said).split())}")
        detail = f"job setpoint:{order.override}, acts at {order.deadline.isoformat()}"
        return Armed(state=LinkState.ARMED, detail=detail)

    def disarm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Delete the job; harmless where there is none."""
        obstacle = _obstacle((yield from _look_around()))
        if obstacle is not None and obstacle.state is LinkState.ABSENT:
            return obstacle
        yield Request(text=agent.disarming(order), is_read_only=False)
        return Armed(state=LinkState.DISARMED)


def _look_around() -> Generator[Request, Reply, _Ground]:
    reply = yield Request(text=_LOOK)
    return _Ground(*reply.rows[0])


def _obstacle(ground: _Ground) -> Armed | None:
    """Answer why there is no switch here, or none that would act; None where nothing is in the way."""
    if ground.edition == AZURE_SQL_DATABASE:
        return _absent("Azure SQL Database has no Agent")
    if ground.edition == EXPRESS:
        return _absent("the Express edition has no Agent")
    if ground.procedure is None:
        return _absent("this server has no Agent, or this login does not see msdb")
    if ground.may_use != 1:
        return _failed("this login may not make jobs in msdb")
    if ground.procedures_on == 0 or ground.sessions == 0:
        return _failed("the Agent is there, and does not run")
    return None


def _absent(why: str) -> Armed:
    return Armed(state=LinkState.ABSENT, detail=why)


def _failed(why: str) -> Armed:
    return Armed(state=LinkState.FAILED, detail=why)


def _arming(order: Order, now: datetime) -> str:
    """Write the batch that makes the job; raise `InputError` where a text cannot be put back by it."""
    soon = now + timedelta(seconds=agent.AGENT_SOON_SECONDS)
    moment = max(order.deadline, soon).astimezone(now.tzinfo) + timedelta(microseconds=999_999)
    database = read_address(order.target).database if agent.is_scoped(order) else "master"
    return agent.arming(
        order,
        database=quote_literal(database),
        date=moment.strftime("%Y%m%d"),
        time=str(int(moment.strftime("%H%M%S"))),
    )
