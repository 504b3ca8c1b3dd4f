"""The way back of a temporary change: jobs of the scheduler, made of the steps that are to be put back.

A job runs what takes a step back where what stands is what the step wrote, in any way the server may show
it. SQL*Plus itself cannot stay instead: to wait takes a package that few logins may use.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.oracle.dialect import GRAMMAR
from setpoint.engines.oracle.dialect.scheduler import ACTION_CHARACTERS, arming, put_back
from setpoint.engines.oracle.native.applying import prior_text
from setpoint.engines.oracle.native.words import (
    block,
    fetch,
    guarded,
    is_state,
    literal,
    run,
    tell_why,
    tell_with,
    turn,
)
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.order import Back, Order
    from setpoint.engines.plan import Step

_INNER = re.compile(r"EXECUTE IMMEDIATE '((?:[^']|'')*)'")
_SET = re.compile(
    r"ALTER SYSTEM SET \S+ = (?P<value>.*?)(?: DEFERRED)? SCOPE=\w+ SID='(?P<sid>[^']+)'", re.DOTALL
)
_ITEM = re.compile(r"'((?:[^']|'')*)'")
_NUMBER = re.compile(r"(-?\d+)([KMGT]?)")
_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_OBSTACLES = (
    ("(SELECT MAX(database_role) FROM v$database)", "PRIMARY", "a standby runs no jobs of its own"),
    (
        "(SELECT MAX('TRUE') FROM session_privs WHERE privilege IN ('CREATE JOB', 'CREATE ANY JOB'))",
        "TRUE",
        "this login has no CREATE JOB",
    ),
    (
        "(SELECT MAX('TRUE') FROM v$system_parameter WHERE name = 'job_queue_processes' AND value <> '0')",
        "TRUE",
        "job_queue_processes is 0: the server runs no jobs",
    ),
)


def arm(order: Order, steps: Sequence[Step]) -> str:
    """Write the block that makes the jobs, or refuses where there can be none."""
    try:
        actions = [_action(back, steps) for back in order.backs]
    except InputError as fault:
        return block(is_state("checked"), ("nothing_ NUMBER;",), _refusing(fault.what))
    checks: list[str] = []
    for expression, wanted, why in _OBSTACLES:
        checks += fetch(expression)
        checks.append(f"IF {is_state('checked')} AND NVL(found_, '-') <> {literal(wanted)} THEN")
        checks += [*(f"  {line}" for line in _refusing(why)), "END IF;"]
    armed = {
        "state": "armed",
        "detail": f"{len(actions)} DBMS_SCHEDULER jobs, act at {order.deadline.isoformat()}",
    }
    made = [*run(arming(order, actions)), tell_with("armed", armed)]
    body = [*checks, f"IF {is_state('checked')} THEN", *(f"  {line}" for line in made), "END IF;"]
    caught = [turn("refused"), tell_with("armed", {"state": "failed"}), tell_why("refused right")]
    return block(
        is_state("checked"),
        ("text_ VARCHAR2(32767);", "found_ VARCHAR2(4000);"),
        guarded(body, caught=caught),
    )


def _refusing(why: str) -> list[str]:
    failed = {"state": "failed", "detail": why}
    return [turn("refused"), tell_with("armed", failed), tell_with("refused right", {"why": why})]


def _action(back: Back, steps: Sequence[Step]) -> str:
    """Write one job's block; raise `InputError` where the plan's own way back is not the ordered one."""
    step = next((each for each in steps if each.parameter.lower() == back.parameter.lower()), None)
    wanted = GRAMMAR.write_list(back.back) if isinstance(back.back, tuple) else back.back
    if step is None or prior_text(step) != wanted:
        raise InputError(f"the plan does not put {back.parameter} back to what the order asks for")
    written = [
        match for request in step.do for match in map(_SET.fullmatch, _statements(request.text)) if match
    ]
    if not written:
        raise InputError(f"the plan writes no entry of {back.parameter} that could be recognised as ours")
    last = written[-1]
    undo = [request.text for request in step.undo]
    action = put_back(step.parameter, last["sid"], _spellings(last["value"]), undo)
    if len(action) > ACTION_CHARACTERS:
        raise InputError(f"the texts of {back.parameter} are too long for a job")
    return action


def _statements(text: str) -> list[str]:
    if not text.startswith("BEGIN"):
        return [text]
    return [match.replace("''", "'") for match in _INNER.findall(text)]


def _spellings(value: str) -> tuple[str, ...]:
    """Answer the ways in which the server may show a literal of a statement of ours."""
    if value.startswith("'"):
        items = [item.replace("''", "'") for item in _ITEM.findall(value)]
        return (items[0] if len(items) == 1 else GRAMMAR.write_list(items),)
    if value.upper() in {"TRUE", "FALSE"}:
        return (value.upper(), value.lower())
    match = _NUMBER.fullmatch(value)
    if match is None:
        return (value,)
    plain = int(match[1]) << _SHIFTS[match[2]]
    exact = (f"{plain >> shift}{letter}" for letter, shift in _SHIFTS.items() if plain % (1 << shift) == 0)
    return tuple(dict.fromkeys((value, *(exact if plain > 0 else ()))))
