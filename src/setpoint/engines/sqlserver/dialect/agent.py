"""The Agent job that puts an override back, as statements: what `switch` and native scripts make.

The job has one step and two schedules: once, at the deadline, and whenever the Agent starts, for a deadline
that passed while it was down. Facts: the manual, "sp_add_job", "sp_add_jobstep", "sp_add_jobschedule".
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from setpoint.engines.sqlserver.dialect.grammar import GRAMMAR
from setpoint.engines.sqlserver.dialect.knowledge import RECOMMENDED
from setpoint.engines.sqlserver.dialect.options import find_known
from setpoint.engines.sqlserver.dialect.scoped import PREFIX, find_scoped
from setpoint.engines.sqlserver.dialect.scoped_parameters import known_scoped_parameter
from setpoint.engines.sqlserver.dialect.statements import (
    RECONFIGURE,
    RECONFIGURE_WITH_OVERRIDE,
    folded_sql,
    quote_literal,
    scoped_word,
    set_option,
    set_scoped,
)
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.config.configuration import SettingText
    from setpoint.engines.order import Back, Order
    from setpoint.engines.sqlserver.dialect.options import Known

AGENT_SOON_SECONDS = 10
"""A schedule whose moment has passed never runs, so a job that is due is scheduled this far ahead."""
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


def job_name(order: Order) -> str:
    """Write the job's name as a literal."""
    return quote_literal(f"setpoint:{order.override}")


def arming(order: Order, *, database: str, date: str, time: str) -> str:
    """Write the batch that makes the job; raise `InputError` where a text cannot be put back by it.

    The rest is SQL: the database it runs in, and the deadline's date (20261231) and time (235959) by the
    server's own clock. The batch answers with a row where the Agent took no job.
    """
    return _ARM.format(
        name=job_name(order),
        database=database,
        command=quote_literal(job_command(order)),
        date=date,
        time=time,
    )


def is_scoped(order: Order) -> bool:
    """Tell whether the job has to run in a database of its own."""
    return any(GRAMMAR.fold_name(back.parameter).startswith(PREFIX) for back in order.backs)


def seeing(order: Order) -> str:
    """Write the query that tells what became of the job: its command, and what it said when it failed."""
    return _SEE.format(name=job_name(order), not_due=quote_literal(_NOT_DUE))


def disarming(order: Order) -> str:
    """Write the batch that deletes the job, where there is one."""
    return _DISARM.format(name=job_name(order))


def job_command(order: Order) -> str:
    """Write what the job runs; raise `InputError` where a text cannot be put back by it."""
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
