"""The scheduler's jobs that put an override back, as PL/SQL: what `switch` and native scripts make.

Facts: PL/SQL Packages and Types Reference, DBMS_SCHEDULER.
"""

# ruff: noqa: S608 - names and texts are quoted
from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from setpoint.config.revision import canonical, content_hash
from setpoint.engines.oracle.dialect.statements import executing, quote_literal, standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.order import Order

ACTION_CHARACTERS = 4000
"""The most that the scheduler takes as a job's block."""


def put_back(name: str, sid: str, ours: Sequence[str], statements: Sequence[str]) -> str:
    """Write a job's block: statements or blocks, to be run where what stands is one of our spellings."""
    found = standing(name, quote_literal(sid))
    wanted = ", ".join(quote_literal(f"={text}") for text in ours)
    running = "\n".join(f"    {each if each.startswith('BEGIN') else executing(each)}" for each in statements)
    return f"""DECLARE
  found_ VARCHAR2(4000);
BEGIN
  SELECT {found} INTO found_ FROM dual;
  IF found_ IN ({wanted}) THEN
{running}
  END IF;
END;"""


def job_prefix(order: Order) -> str:
    """Answer what the names of an order's jobs begin with."""
    return f"SETPOINT_{hashlib.sha256(order.override.encode()).hexdigest()[:16].upper()}_"


def job_mark(order: Order) -> str:
    """Answer what the jobs of this very order are marked with."""
    return f"setpoint {content_hash(canonical((order.backs, order.deadline)))}"


def looking(order: Order) -> str:
    """Write the query that lists an order's jobs: name, mark, whether enabled, failures."""
    return f"""
SELECT job_name, comments, enabled, TO_CHAR(failure_count) FROM user_scheduler_jobs
WHERE INSTR(job_name, {quote_literal(job_prefix(order))}) = 1 ORDER BY job_name"""


def dropping(order: Order) -> str:
    """Write the statements that drop an order's jobs; they stand in a block."""
    return f"""  FOR job_ IN (SELECT job_name FROM user_scheduler_jobs
    WHERE INSTR(job_name, {quote_literal(job_prefix(order))}) = 1) LOOP
    DBMS_SCHEDULER.DROP_JOB(job_name => job_.job_name, force => TRUE);
  END LOOP;"""


def arming(order: Order, actions: Sequence[str]) -> str:
    """Write the block that makes a job for each action, in the place of earlier ones."""
    lines = ["BEGIN", dropping(order)]
    for number, action in enumerate(actions, start=1):
        name = quote_literal(f"{job_prefix(order)}{number}")
        lines.append(f"""  DBMS_SCHEDULER.CREATE_JOB(job_name => {name}, job_type => 'PLSQL_BLOCK',
    job_action => {_long(action)},
    start_date => TO_TIMESTAMP_TZ({quote_literal(_moment(order))}, 'YYYY-MM-DD"T"HH24:MI:SS.FFTZH:TZM'),
    enabled => FALSE, auto_drop => TRUE, comments => {quote_literal(job_mark(order))});
  DBMS_SCHEDULER.SET_ATTRIBUTE({name}, 'restart_on_failure', TRUE);
  DBMS_SCHEDULER.ENABLE({name});""")
    return "\n".join([*lines, "END;"])


def _long(text: str) -> str:
    """Write a text of several lines as a literal."""
    return " || CHR(10) || ".join(quote_literal(line) for line in text.split("\n"))


def _moment(order: Order) -> str:
    return order.deadline.isoformat(timespec="microseconds")
