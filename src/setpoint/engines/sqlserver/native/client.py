"""sqlcmd as the `Native` port: the parts of its scripts. Not verified on an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from setpoint.engines.sqlserver.dialect.statements import MOVED
from setpoint.engines.sqlserver.native.applying import apply_steps
from setpoint.engines.sqlserver.native.arming import arm, stay
from setpoint.engines.sqlserver.native.rows import FIRST, read_rows
from setpoint.engines.sqlserver.native.words import (
    ESCAPES,
    STATE,
    batch,
    guarded,
    literal,
    moment,
    run_gathering,
    tell,
    tell_why,
    tell_with,
    to_ascii,
    turn,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.native import Job
    from setpoint.engines.order import Order
    from setpoint.engines.plan import Request, Step

_LINE_CHARACTERS = 1000
_SESSION = """-- A script of Setpoint for sqlcmd; not verified on an engine.
-- Run it with -x, so that sqlcmd fills in no variables, and name the database with -d.
SET NOCOUNT ON;
SET IMPLICIT_TRANSACTIONS OFF;
SET XACT_ABORT OFF;
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
SET ANSI_PADDING ON;
SET ANSI_WARNINGS ON;
SET ARITHABORT ON;
SET CONCAT_NULL_YIELDS_NULL ON;
SET LANGUAGE us_english;
SET TEXTSIZE 2147483647;
SET LOCK_TIMEOUT 5000;
GO
"""
_IDENTITY = """ISNULL(@@SERVERNAME, CONVERT(nvarchar(128), SERVERPROPERTY('ServerName'))) + N'/'
    + ISNULL(CONVERT(nvarchar(36),
      (SELECT MAX(CONVERT(nvarchar(36), service_broker_guid)) FROM sys.databases WHERE name = N'msdb')), N'-')
    + N'/' + DB_NAME()"""
"""The server's own name, msdb's identifier, which is made with the instance, and the database at hand."""


class SqlcmdClient:
    """The `Native` port over sqlcmd. Not verified on an engine."""

    client = "sqlcmd"
    comment = "-- "

    def usage(self, script: str, output: str) -> str:
        """Answer the command; -x has no variables filled in, -h -1 prints no headers."""
        return f"sqlcmd -S SERVER -d DATABASE -E -I -x -h -1 -w 65535 -i {script} -o {output}"

    def opening(self, job: Job) -> str:
        """Tell where it is, and refuse where expired or elsewhere."""
        late = {"why": f"it could be run until {job.expires_at.isoformat()}"}
        elsewhere = {"why": "the script is for another instance, or another database of it"}
        lines = [
            *ESCAPES,
            turn("refused"),
            f"DECLARE @identity nvarchar(600) = {_IDENTITY};",
            f"DECLARE @told nvarchar(4000) = {_begin(job)};",
            *to_ascii("@told"),
            "PRINT @told;",
            f"IF SYSUTCDATETIME() > {moment(job.expires_at)}",
            f"  {tell_with('refused expired', late)}",
        ]
        if job.identity:
            lines += [
                f"ELSE IF @identity <> {literal(job.identity)}",
                f"  {tell_with('refused identity', elsewhere)}",
            ]
        lines += ["ELSE", f"  {turn('go')}"]
        return _SESSION + batch("SESSION_CONTEXT(N'setpoint') IS NULL", lines)

    def asking(self, job: Job, number: int, request: Request) -> str:
        """Ask, then for less where that failed, and print the rows as JSON.

        Before anything was applied an answer that cannot be had refuses the script; after that it is left
        out.
        """
        texts = ("\n".join((*request.ahead, request.text)), *request.fallbacks)
        lines = [
            *ESCAPES,
            "DECLARE @text nvarchar(max) = N'';",
            "DECLARE @rows nvarchar(max) = N'';",
            "DECLARE @lines nvarchar(max) = N'';",
            "DECLARE @line nvarchar(4000) = N'';",
            "DECLARE @seal nvarchar(64) = N'';",
            "DECLARE @why nvarchar(4000) = N'';",
            "DECLARE @number int = 0;",
            "DECLARE @cut int = 0;",
            "DECLARE @end int = 0;",
            "DECLARE @answered int = 0;",
        ]
        for text in texts:
            body = guarded(
                [*run_gathering(text), "SET @answered = 1;"],
                caught=["SET @why = ERROR_MESSAGE();", "SET @number = ERROR_NUMBER();"],
            )
            lines += ["IF @answered = 0", "BEGIN", *(f"  {line}" for line in body), "END;"]
        answer = _answering(job, number)
        lines += ["IF @answered = 1", "BEGIN", *(f"  {line}" for line in answer), "END;"]
        lines += [f"IF @answered = 0 AND {STATE} = N'go'", "BEGIN"]
        lines += [f"  {line}" for line in _refusing()]
        return batch(f"{STATE} <> N'refused'", [*lines, "END;"])

    def applying(self, job: Job, steps: Sequence[Step], order: Order | None) -> str:
        """Check everything, arm the way back of a temporary change, then carry out steps one by one."""
        del job
        return apply_steps(steps, arm(order) if order is not None else "", order)

    def fragment(self, steps: Sequence[Step]) -> str:
        """Answer nothing: the server keeps its options itself."""
        del steps
        return ""

    def closing(self, job: Job) -> str:
        """Stay where that is the way back; tell the end."""
        del job
        is_well = f"{STATE} IN (N'go', N'checked')"
        lines = [f"IF {is_well}", f"  {tell('end done')}", f"IF NOT {is_well}", f"  {tell('end failed')}"]
        return stay() + batch("SESSION_CONTEXT(N'setpoint') IS NOT NULL", lines)

    def rows(self, answer: str) -> tuple[tuple[Any, ...], ...]:
        """Read an answer; raise `InputError` where it is none."""
        return read_rows(answer)


def _begin(job: Job) -> str:
    fields = {
        "identity": "STRING_ESCAPE(@identity, 'json')",
        "version": "CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion'))",
        "user": "STRING_ESCAPE(ORIGINAL_LOGIN(), 'json')",
    }
    pairs = "".join(f" + N', \"{name}\": \"' + {sql} + N'\"'" for name, sql in fields.items())
    at = "CONVERT(nvarchar(30), DATEDIFF_BIG(second, N'1970-01-01T00:00:00', SYSUTCDATETIME()))"
    return literal('@setpoint begin {"bundle": "' + job.bundle + '", "at": ') + " + " + at + pairs + " + N'}'"


def _answering(job: Job, number: int) -> list[str]:
    """Write what cuts the rows into lines, prints them and seals them; no line ends with a blank."""
    first = literal(FIRST)
    return [
        "SET @rows = N'[' + ISNULL(STUFF(@rows, 1, 1, N''), N'') + N']';",
        *to_ascii("@rows"),
        f"SET @rows = REPLACE(@rows, N'}},' + {first}, N'}},' + NCHAR(10) + {first}) + NCHAR(10);",
        tell(f"answer {number}"),
        "WHILE DATALENGTH(@rows) > 0",
        "BEGIN",
        "  SET @end = CHARINDEX(NCHAR(10), @rows) - 1;",
        f"  SET @cut = CASE WHEN @end > {_LINE_CHARACTERS} THEN {_LINE_CHARACTERS} ELSE @end END;",
        "  WHILE @cut > 1 AND SUBSTRING(@rows, @cut, 1) = N' '",
        "    SET @cut = @cut - 1;",
        "  SET @line = SUBSTRING(@rows, 1, @cut);",
        "  SET @lines = @lines + CASE WHEN @lines = N'' THEN N'' ELSE NCHAR(10) END + @line;",
        "  PRINT @line;",
        "  SET @rows = SUBSTRING(@rows, @cut + CASE WHEN @cut = @end THEN 2 ELSE 1 END, 2147483647);",
        "END;",
        f"SET @lines = {literal(job.seal)} + @lines;",
        "SET @seal = CONVERT(nvarchar(64), HASHBYTES('SHA2_256', CONVERT(varchar(max), @lines)), 2);",
        f"PRINT {literal(f'@setpoint seal {number} ')} + LOWER(@seal);",
    ]


def _refusing() -> list[str]:
    moved = [f"  {line}" for line in tell_why("refused base", "@why")]
    denied = [f"  {line}" for line in tell_why("refused right", "@why")]
    return [
        turn("refused"),
        f"IF @number = {MOVED}",
        "BEGIN",
        *moved,
        "END",
        "ELSE",
        "BEGIN",
        *denied,
        "END;",
    ]
