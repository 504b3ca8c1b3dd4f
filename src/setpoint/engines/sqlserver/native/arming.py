"""The way back of a temporary change: a job of SQL Server Agent, else sqlcmd itself, which stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.sqlserver.dialect.agent import AGENT_SOON_SECONDS, arming, is_scoped, job_command
from setpoint.engines.sqlserver.dialect.knowledge import AZURE_SQL_DATABASE, EXPRESS
from setpoint.engines.sqlserver.native.words import (
    SAID,
    STATE,
    assemble,
    batch,
    guarded,
    keep,
    kept,
    moment,
    note,
    run_gathering,
    tell_with,
    turn,
)
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.engines.order import Order

_EDITION = "CONVERT(int, SERVERPROPERTY('EngineEdition'))"
_OBSTACLE = f"""CASE
    WHEN {_EDITION} = {AZURE_SQL_DATABASE} THEN N'Azure SQL Database has no Agent'
    WHEN {_EDITION} = {EXPRESS} THEN N'the Express edition has no Agent'
    WHEN OBJECT_ID(N'msdb.dbo.sp_add_job') IS NULL THEN N'this login sees no Agent in msdb'
    WHEN ISNULL(HAS_PERMS_BY_NAME(N'msdb.dbo.sp_add_job', N'OBJECT', N'EXECUTE'), 0) <> 1
      THEN N'this login may not make jobs in msdb'
    WHEN EXISTS (SELECT 1 FROM sys.configurations WHERE name = N'Agent XPs'
      AND CONVERT(int, value_in_use) = 0) THEN N'the Agent is there, and does not run'
    WHEN HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') = 1
      AND NOT EXISTS (SELECT 1 FROM sys.dm_exec_sessions WHERE program_name LIKE N'SQLAgent%')
      THEN N'the Agent is there, and does not run'
    ELSE N'' END"""  # noqa: S608 - constants
_LOCAL = f"""DECLARE @due datetime2(3) = DATEADD(second, 1, CONVERT(datetime2(3), {{due}}));
IF @due < DATEADD(second, {AGENT_SOON_SECONDS}, SYSUTCDATETIME())
  SET @due = DATEADD(second, {AGENT_SOON_SECONDS}, SYSUTCDATETIME());
DECLARE @offset int = DATEPART(TZOFFSET, SYSDATETIMEOFFSET());
DECLARE @local datetime2(3) = SWITCHOFFSET(TODATETIMEOFFSET(@due, 0), @offset);
DECLARE @date int = CONVERT(int, CONVERT(nvarchar(8), @local, 112));
DECLARE @time int = CONVERT(int, REPLACE(CONVERT(nvarchar(8), @local, 108), N':', N''));
DECLARE @database nvarchar(128) = {{database}};"""
"""The deadline by the server's own clock, which the Agent goes by; fractions of a second go up."""
_STAY_CHARACTERS = 3900
"""The most that a session keeps in one piece of its context."""


def arm(order: Order) -> str:
    """Write the batches that arm it, or refuse where neither way is possible."""
    deadline = order.deadline.isoformat()
    try:
        command = job_command(order)
    except InputError as fault:
        fields = {"state": "failed", "detail": fault.what}
        return batch(f"{STATE} = N'checked'", [tell_with("armed", fields), *_refuse("right", fault.what)])
    local = _LOCAL.format(
        due=moment(order.deadline.replace(microsecond=0)),
        database="DB_NAME()" if is_scoped(order) else "N'master'",
    )
    made = arming(order, database="@database", date="@date", time="@time")
    job = {"state": "armed", "detail": f"SQL Server Agent job setpoint:{order.override}, acts at {deadline}"}
    lines = [
        "DECLARE @text nvarchar(max) = N'';",
        "DECLARE @rows nvarchar(max) = N'';",
        f"DECLARE @why nvarchar(4000) = {_OBSTACLE};",
        "IF @why = N''",
        "BEGIN",
        *guarded(
            [*run_gathering(f"{local}\n{made}"), "IF @rows <> N'' SET @why = @rows;"],
            caught=["SET @why = ERROR_MESSAGE();"],
        ),
        "END;",
        "IF @why = N''",
        f"  {tell_with('armed', job)}",
        "ELSE",
        "BEGIN",
        *(f"  {line}" for line in _staying(order, command)),
        "END;",
    ]
    overdue = [*_refuse("expired", f"the change was to end at {deadline}")]
    return batch(f"{STATE} = N'checked' AND SYSUTCDATETIME() >= {moment(order.deadline)}", overdue) + batch(
        f"{STATE} = N'checked'", lines
    )


def stay() -> str:
    """Write the batches in which the client waits for the deadline and puts back what is ours still."""
    due, command = kept("setpoint_due", "datetime2"), kept("setpoint_stay", "nvarchar(4000)")
    waiting = f"SESSION_CONTEXT(N'setpoint_stay') IS NOT NULL AND {STATE} = N'checked'"
    return batch(waiting, [f"WHILE SYSUTCDATETIME() < {due}", "  WAITFOR DELAY '00:00:01';"]) + batch(
        waiting,
        [
            f"DECLARE @command nvarchar(4000) = {command};",
            *guarded(
                ["EXEC sys.sp_executesql @command;", note("put back what was still ours")],
                caught=[turn("failed"), SAID],
            ),
        ],
    )


def _staying(order: Order, command: str) -> list[str]:
    if len(command) > _STAY_CHARACTERS:
        why = "no Agent there, and the way back is too long for sqlcmd to keep"
        return [
            "PRINT N'-- ' + @why;",
            tell_with("armed", {"state": "failed", "detail": why}),
            *_refuse("right", why),
        ]
    detail = f"no Agent: sqlcmd itself stays until {order.deadline.isoformat()}; do not end it"
    return [
        "DECLARE @command nvarchar(4000) = N'';",
        *assemble("@command", command),
        keep("setpoint_stay", "@command"),
        keep("setpoint_due", moment(order.deadline)),
        "PRINT N'-- ' + @why;",
        tell_with("armed", {"state": "armed", "detail": detail}),
    ]


def _refuse(kind: str, why: str) -> list[str]:
    return [turn("refused"), tell_with(f"refused {kind}", {"why": why})]
