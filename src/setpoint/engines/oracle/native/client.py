"""SQL*Plus as the `Native` port: the parts of its scripts. Not verified on an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.engines.native import MARK
from setpoint.engines.oracle.dialect import MOVED
from setpoint.engines.oracle.dialect import guarded as guarded_write
from setpoint.engines.oracle.native.applying import apply_steps
from setpoint.engines.oracle.native.arming import arm
from setpoint.engines.oracle.native.words import (
    assemble,
    block,
    guarded,
    is_state,
    literal,
    quoted,
    run,
    tell,
    tell_why,
    tell_with,
    turn,
)
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.native import Job
    from setpoint.engines.order import Order
    from setpoint.engines.plan import Request, Step

_SESSION = """-- A script of Setpoint for SQL*Plus; not verified on an engine.
SET DEFINE OFF
SET ECHO OFF
SET VERIFY OFF
SET FEEDBACK OFF
SET HEADING OFF
SET TIMING OFF
SET TIME OFF
SET TERMOUT ON
SET PAGESIZE 0
SET LINESIZE 32767
SET LONG 2000000
SET TRIMOUT ON
SET TAB OFF
SET AUTOTRACE OFF
SET AUTOPRINT OFF
SET AUTOCOMMIT OFF
SET ESCAPE OFF
SET SQLBLANKLINES ON
SET SQLNUMBER OFF
SET EXITCOMMIT OFF
SET SERVEROUTPUT ON SIZE UNLIMITED FORMAT WRAPPED
WHENEVER SQLERROR CONTINUE NONE
WHENEVER OSERROR CONTINUE NONE
VARIABLE setpoint_state VARCHAR2(20)
VARIABLE setpoint_begun NUMBER
ALTER SESSION SET NLS_LANGUAGE = 'AMERICAN';
ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,';
ALTER SESSION SET NLS_SORT = 'BINARY';
ALTER SESSION SET NLS_COMP = 'BINARY';
"""
_IDENTITY = """SELECT TO_CHAR(d.dbid) || '/' || i.instance_name || '/' || SYS_CONTEXT('USERENV', 'CON_NAME')
FROM v$database d CROSS JOIN v$instance i"""
"""The database's number, the instance, and the container: a script must not run in another one."""
_VERSION = "SELECT version FROM v$instance"
_SECONDS = (
    "ROUND((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - TO_DATE('1970-01-01', 'YYYY-MM-DD')) * 86400)"
)
_HASH = "LOWER(RAWTOHEX(DBMS_CRYPTO.HASH({0}, DBMS_CRYPTO.HASH_SH256)))"
_NOT_PERMITTED = (-942, -1031, -1039, -1219, -1720, -41900)
_TEXTS = 3
"""How many texts of a request are tried. The last of an observation leaves out the server parameter file,
which a driver tells by the number of the text that was run; an answer's rows do not."""
_ANSWER = """text_ VARCHAR2(32767);
  all_ CLOB;
  line_ VARCHAR2(32767);
  cell_ VARCHAR2(32767);
  seal_ VARCHAR2(64);
  cursor_ INTEGER;
  count_ INTEGER;
  ignored_ INTEGER;
  rows_ INTEGER := 0;
  described_ DBMS_SQL.DESC_TAB2;
  is_answered_ BOOLEAN := FALSE;
  PROCEDURE say_(told_ IN VARCHAR2) IS
    at_ INTEGER := 1;
    cut_ INTEGER;
  BEGIN
    WHILE at_ <= LENGTH(told_) LOOP
      cut_ := LEAST(1000, LENGTH(told_) - at_ + 1);
      WHILE cut_ > 1 AND SUBSTR(told_, at_ + cut_ - 1, 1) = ' ' LOOP
        cut_ := cut_ - 1;
      END LOOP;
      DBMS_OUTPUT.PUT_LINE(SUBSTR(told_, at_, cut_));
      IF all_ IS NOT NULL THEN
        all_ := all_ || CHR(10);
      END IF;
      all_ := all_ || SUBSTR(told_, at_, cut_);
      at_ := at_ + cut_;
    END LOOP;
  END;
  PROCEDURE answer_ IS
  BEGIN
    cursor_ := DBMS_SQL.OPEN_CURSOR;
    DBMS_SQL.PARSE(cursor_, text_, DBMS_SQL.NATIVE);
    DBMS_SQL.DESCRIBE_COLUMNS2(cursor_, count_, described_);
    FOR at_ IN 1 .. count_ LOOP
      DBMS_SQL.DEFINE_COLUMN(cursor_, at_, cell_, 32767);
    END LOOP;
    ignored_ := DBMS_SQL.EXECUTE(cursor_);
    DBMS_OUTPUT.PUT_LINE({frame});
    say_('[');
    WHILE DBMS_SQL.FETCH_ROWS(cursor_) > 0 LOOP
      line_ := NULL;
      FOR at_ IN 1 .. count_ LOOP
        DBMS_SQL.COLUMN_VALUE(cursor_, at_, cell_);
        IF at_ > 1 THEN
          line_ := line_ || ',';
        END IF;
        IF cell_ IS NULL THEN
          line_ := line_ || 'null';
        ELSE
          line_ := line_ || {quoted};
        END IF;
      END LOOP;
      IF rows_ > 0 THEN
        line_ := ',[' || line_ || ']';
      ELSE
        line_ := '[' || line_ || ']';
      END IF;
      rows_ := rows_ + 1;
      say_(line_);
    END LOOP;
    say_(']');
    DBMS_SQL.CLOSE_CURSOR(cursor_);
    is_answered_ := TRUE;
  END;"""


class SqlplusClient:
    """The `Native` port over SQL*Plus. Not verified on an engine."""

    client = "sqlplus"
    comment = "-- "

    def usage(self, script: str, output: str) -> str:
        """Answer the command; -S prints no banner and no prompts, -L does not ask again for a login."""
        return f"sqlplus -S -L USER@DATABASE @{script} > {output}"

    def opening(self, job: Job) -> str:
        """Tell where it is, and refuse where expired, elsewhere, or where no answer could be sealed."""
        late = {"why": f"it could be run until {job.expires_at.isoformat()}"}
        elsewhere = {"why": "the script is for another instance, or another container of it"}
        unsealed = {"why": "answers are sealed with DBMS_CRYPTO: grant EXECUTE on it to this login"}
        declared = (
            "text_ VARCHAR2(32767);",
            "identity_ VARCHAR2(400);",
            "version_ VARCHAR2(100);",
            "seal_ VARCHAR2(64);",
            "at_ NUMBER;",
        )
        probe = _HASH.format("UTL_RAW.CAST_TO_RAW(''x'')")
        unseen = {"why": "this login does not see which instance it is: grant SELECT_CATALOG_ROLE"}
        lines = [
            turn("refused"),
            f"SELECT {_SECONDS} INTO at_ FROM dual;",  # noqa: S608 - a constant
            *guarded(
                [
                    *assemble(_VERSION),
                    "EXECUTE IMMEDIATE text_ INTO version_;",
                    *assemble(_IDENTITY),
                    "EXECUTE IMMEDIATE text_ INTO identity_;",
                    turn("go"),
                ],
                caught=["NULL;"],
            ),
            f"DBMS_OUTPUT.PUT_LINE({_begin(job)});",
            f"IF {is_state('refused')} THEN",
            f"  {tell_with('refused right', unseen)}",
            "END IF;",
            *_refuse_if(f"at_ > {int(job.expires_at.timestamp())}", "expired", late),
        ]
        if job.identity:
            lines += _refuse_if(f"identity_ <> {literal(job.identity)}", "identity", elsewhere)
        lines += guarded(
            [f"EXECUTE IMMEDIATE 'BEGIN :1 := {probe}; END;' USING OUT seal_;"],
            caught=_refuse_if("1 = 1", "right", unsealed),
        )
        return _SESSION + block(is_state("-"), declared, lines)

    def asking(self, job: Job, number: int, request: Request) -> str:
        """Ask, then for less where the login may not, and print the rows as JSON.

        Before anything was applied an answer that cannot be had refuses the script; after that it is left
        out.
        """
        frame = literal(f"{MARK}answer {number}")
        declared = _ANSWER.format(frame=frame, quoted=quoted("cell_"))
        lines = _asked(request, frame)
        digest = _HASH.format(":2")
        sealing = [
            f"all_ := {literal(job.seal)} || all_;",
            f"EXECUTE IMMEDIATE 'BEGIN :1 := {digest}; END;' USING OUT seal_, IN all_;",
            f"DBMS_OUTPUT.PUT_LINE({literal(f'{MARK}seal {number} ')} || seal_);",
        ]
        lines = [*lines, "IF is_answered_ THEN", *(f"  {line}" for line in sealing), "END IF;"]
        return block(is_state("go", "checking", "checked", "failed"), (declared,), lines)

    def applying(self, job: Job, steps: Sequence[Step], order: Order | None) -> str:
        """Check everything, arm the way back of a temporary change, then carry out steps one by one."""
        del job
        return apply_steps(steps, arm(order, steps) if order is not None else "", order)

    def fragment(self, steps: Sequence[Step]) -> str:
        """Answer nothing: the server writes its parameter file itself."""
        del steps
        return ""

    def closing(self, job: Job) -> str:
        """Tell the end, and leave the client."""
        del job
        lines = [
            f"IF {is_state('go', 'checked')} THEN",
            f"  {tell('end done')}",
            "END IF;",
            f"IF {is_state('refused', 'checking', 'failed')} THEN",
            f"  {tell('end failed')}",
            "END IF;",
        ]
        return block(":setpoint_state IS NOT NULL", ("nothing_ NUMBER;",), lines) + "EXIT\n"

    def rows(self, answer: str) -> tuple[tuple[Any, ...], ...]:
        """Read an answer: texts, and None for NULL; raise `InputError` where it is none."""
        try:
            rows = msgspec.json.decode(answer.replace("\n", ""), type=list[tuple[str | None, ...]])
        except msgspec.DecodeError:
            raise InputError("the answer holds no rows", next_step="run the script once more") from None
        return tuple(rows)


def _begin(job: Job) -> str:
    head = literal(f'{MARK}begin {{"bundle": "{job.bundle}", "at": ')
    fields = {
        "identity": quoted("NVL(identity_, '-')"),
        "version": quoted("NVL(version_, '-')"),
        "user": quoted("SYS_CONTEXT('USERENV', 'SESSION_USER')"),
    }
    pairs = "".join(" || " + literal(f', "{name}": ') + " || " + sql for name, sql in fields.items())
    return f"{head} || TO_CHAR(at_){pairs} || '}}'"


def _refuse_if(condition: str, kind: str, fields: dict[str, str]) -> list[str]:
    return [
        f"IF {is_state('go')} AND {condition} THEN",
        f"  {turn('refused')}",
        f"  {tell_with(f'refused {kind}', fields)}",
        "END IF;",
    ]


def _asked(request: Request, frame: str) -> list[str]:
    """Write what runs a request, its lesser texts each in the handler of the one before."""
    refused = [
        f"IF {is_state('go')} THEN",
        f"  {turn('refused')}",
        f"  IF SQLCODE = -{MOVED} THEN",
        f"    {tell_why('refused base')}",
        "  ELSE",
        f"    {tell_why('refused right')}",
        "  END IF;",
        "END IF;",
    ]
    text = request.text
    for ahead in request.ahead:
        text = guarded_write(ahead, text)
    if not text.lstrip().upper().startswith("SELECT"):
        told = [f"DBMS_OUTPUT.PUT_LINE({frame});", "say_('[]');", "is_answered_ := TRUE;"]
        return guarded([*run(text), *told], caught=refused)
    lines: list[str] = []
    for each in reversed((text, *request.fallbacks)[:_TEXTS]):
        asked = [*assemble(each), "answer_;"]
        if not lines:
            lines = guarded(asked, caught=refused)
            continue
        codes = ", ".join(map(str, _NOT_PERMITTED))
        caught = [f"IF SQLCODE IN ({codes}) THEN", *lines, "ELSE", *refused, "END IF;"]
        lines = guarded(asked, caught=caught)
    return lines
