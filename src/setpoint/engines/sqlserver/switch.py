"""SQL Server Agent as a switch: a job on the server itself that puts an override back at its deadline.

The job has one step and two schedules: once, at the deadline, and whenever the Agent starts, for a deadline
that passed while it was down. It looks whether each entry is still ours and puts those back that are; it is
deleted by the Agent once it has succeeded. Before the deadline the step fails on purpose, so the job stays.
The Agent counts in the server's local time: the deadline is turned into it by the offset that the server has
while the job is armed; should that put it up to two hours early, the step waits.

Facts: the manual, "sp_add_job", "sp_add_jobstep", "sp_add_jobschedule". Not verified on an engine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from setpoint.config.override import LinkState
from setpoint.engines.order import Armed
from setpoint.engines.plan import Request
from setpoint.engines.sqlserver.dialect import (
    GRAMMAR,
    PREFIX,
    RECONFIGURE,
    RECONFIGURE_WITH_OVERRIDE,
    find_known,
    find_scoped,
    folded_sql,
    quote_literal,
    read_address,
    scoped_word,
    set_option,
    set_scoped,
)
from setpoint.engines.sqlserver.dialect.knowledge import AZURE_SQL_DATABASE, EXPRESS, RECOMMENDED
from setpoint.engines.sqlserver.observe.parameters import known_scoped_parameter
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.config.configuration import SettingText
    from setpoint.engines.order import Back, Order
    from setpoint.engines.port import Reply
    from setpoint.engines.sqlserver.dialect import Known

_SOON = timedelta(seconds=10)
"""A schedule whose moment has passed never runs, so a job that is due is scheduled this far ahead."""
_LOOK = """
SELECT CONVERT(int, SERVERPROPERTY('EngineEdition')), OBJECT_ID(N'msdb.dbo.sp_add_job'),
  HAS_PERMS_BY_NAME(N'msdb.dbo.sp_add_job', N'OBJECT', N'EXECUTE'),
  (SELECT CONVERT(int, value_in_use) FROM sys.configurations WHERE name = N'Agent XPs'),
  CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') = 1
    THEN (SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE program_name LIKE N'SQLAgent%') END,
  CONVERT(nvarchar(40), SYSDATETIMEOFFSET(), 126);"""
_NOT_DUE = "setpoint: not due yet"
_STEP = """DECLARE @due datetime2 = N'{due}';
IF DATEDIFF(minute, SYSUTCDATETIME(), @due) > 120
BEGIN THROW 51002, N'{not_due}', 1; END;
WHILE SYSUTCDATETIME() < @due WAITFOR DELAY '00:00:01';
{puts_back}"""
_PUT_BACK = """IF EXISTS (SELECT 1 {source} = {ours})
  EXEC sys.sp_executesql {statement};"""
_ARM = """
BEGIN TRY
  IF EXISTS (SELECT 1 FROM msdb.dbo.sysjobs WHERE name = {name})
    EXEC msdb.dbo.sp_delete_job @job_name = {name};
  EXEC msdb.dbo.sp_add_job @job_name = {name}, @enabled = 1, @delete_level = 1,
    @description = N'Puts an emergency override back at its deadline.';
  EXEC msdb.dbo.sp_add_jobstep @job_name = {name}, @step_name = N'put back', @subsystem = N'TSQL',
    @database_name = {database}, @command = {command};
  EXEC msdb.dbo.sp_add_jobschedule @job_name = {name}, @name = N'at the deadline', @freq_type = 1,
    @active_start_date = {date}, @active_start_time = {time};
  EXEC msdb.dbo.sp_add_jobschedule @job_name = {name}, @name = N'when the Agent starts', @freq_type = 64;
  EXEC msdb.dbo.sp_add_jobserver @job_name = {name}, @server_name = N'(local)';
END TRY
BEGIN CATCH
  SELECT ERROR_MESSAGE();
END CATCH;"""
_SEE = """
SELECT s.command, j.enabled,
  (SELECT COUNT(*) FROM msdb.dbo.sysjobschedules AS c WHERE c.job_id = j.job_id),
  (SELECT MAX(h.message) FROM msdb.dbo.sysjobhistory AS h
   WHERE h.job_id = j.job_id AND h.run_status = 0 AND h.step_id > 0 AND CHARINDEX({not_due}, h.message) = 0)
FROM msdb.dbo.sysjobs AS j JOIN msdb.dbo.sysjobsteps AS s ON s.job_id = j.job_id
WHERE j.name = {name};"""
_DISARM = """
IF EXISTS (SELECT 1 FROM msdb.dbo.sysjobs WHERE name = {name})
  EXEC msdb.dbo.sp_delete_job @job_name = {name};"""


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
        text = _SEE.format(name=_name(order), not_due=quote_literal(_NOT_DUE))
        reply = yield Request(text=text)
        if not reply.rows:
            return Armed(state=LinkState.DISARMED, detail="its job is not there")
        command, is_enabled, schedules, said = reply.rows[0]
        if command != _command(order):
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
        yield Request(text=_DISARM.format(name=_name(order)), is_read_only=False)
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


def _name(order: Order) -> str:
    return quote_literal(f"setpoint:{order.override}")


def _arming(order: Order, now: datetime) -> str:
    """Write the batch that makes the job; raise `InputError` where a text cannot be put back by it."""
    is_scoped = any(GRAMMAR.fold_name(back.parameter).startswith(PREFIX) for back in order.backs)
    moment = max(order.deadline, now + _SOON).astimezone(now.tzinfo) + timedelta(microseconds=999_999)
    return _ARM.format(
        name=_name(order),
        database=quote_literal(read_address(order.target).database if is_scoped else "master"),
        command=quote_literal(_command(order)),
        date=moment.strftime("%Y%m%d"),
        time=int(moment.strftime("%H%M%S")),
    )


def _command(order: Order) -> str:
    due = order.deadline.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return _STEP.format(
        due=due,
        not_due=_NOT_DUE,
        puts_back="\n".join(_put_back(back) for back in order.backs),
    )


def _put_back(back: Back) -> str:
    name = GRAMMAR.fold_name(back.parameter)
    return _put_back_scoped(back, name) if name.startswith(PREFIX) else _put_back_option(back, name)


def _put_back_option(back: Back, name: str) -> str:
    known = find_known(name)
    if known is None:
        raise InputError(f"nothing is known here of {back.parameter}, so no job can put it back")
    ours, standing = (_number(text, known) for text in (back.ours, back.back))
    low, high = RECOMMENDED.get(name, (standing, standing))
    is_overriding = not low <= standing <= high
    statement = set_option(known.name, standing, is_advanced=known.is_advanced, is_overriding=is_overriding)
    reconfigure = RECONFIGURE_WITH_OVERRIDE if is_overriding else RECONFIGURE
    return _PUT_BACK.format(
        source=f"FROM sys.configurations WHERE {folded_sql('name')} = {quote_literal(name)}"
        " AND CONVERT(bigint, value)",
        ours=ours,
        statement=quote_literal(f"{statement}\n{reconfigure}"),
    )


def _number(text: SettingText, known: Known) -> int:
    """Answer the number that an option's text stands for; for no text the default."""
    if text is None and known.default is not None:
        return known.default
    word = text if isinstance(text, str) else ""
    try:
        return GRAMMAR.read_integer(word, GRAMMAR.units.find(known.unit) if known.unit else None)
    except ValueError:
        pass
    try:
        return int(GRAMMAR.read_bool(word))
    except ValueError as fault:
        raise InputError(f"{known.folded}: {fault}") from None


def _put_back_scoped(back: Back, name: str) -> str:
    known = find_scoped(name)
    if known is None:
        raise InputError(f"nothing is known here of {back.parameter}, so no job can put it back")
    parameter = known_scoped_parameter(known)
    ours, standing = (
        parameter.parse(known.default if text is None else text, GRAMMAR) for text in (back.ours, back.back)
    )
    return _PUT_BACK.format(
        source="FROM sys.database_scoped_configurations"
        f" WHERE LOWER(name) = {quote_literal(known.name.lower())} AND CONVERT(nvarchar(60), value)",
        ours=quote_literal(str(int(ours) if isinstance(ours, bool) else ours)),
        statement=quote_literal(set_scoped(known.name, scoped_word(standing))),
    )
