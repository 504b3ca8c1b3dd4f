"""Taking steps: every guard before the first write, then step by step, and back again where one fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from setpoint.catalog import Context, Kind, Parameter, Version
from setpoint.engines.mysql.dialect.contexts import PERSIST_ONLY
from setpoint.engines.mysql.dialect.knowledge import MASK
from setpoint.engines.mysql.dialect.nameplate import LOCK
from setpoint.engines.mysql.dialect.privileges import ways_to_set
from setpoint.engines.mysql.dialect.statements import quote_literal, set_after
from setpoint.engines.mysql.native.message import (
    MAY,
    STRICT,
    WARNED,
    WELL,
    WHY,
    WROTE,
    attempt,
    comment,
    frame,
    is_equal,
    message,
    on_one_line,
    ready,
    refuse,
    say,
    split,
)
from setpoint.engines.plan import StepKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from setpoint.config.configuration import SettingText
    from setpoint.engines.plan import Step

BACK = "@setpoint_back"
"""Whether everything is to be taken back."""

_RIGHTS, _DONE = "@setpoint_rights", "@setpoint_done"
_NUMBER = re.compile("-?[0-9]+([.][0-9]+)?")
_ME = """CONCAT('''', REPLACE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''', ''''''), '''@''',
  SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')"""
_MOVED = "IF({}, 0, (SELECT 1 UNION SELECT 2))"
_FORCED = "Setpoint: this error is meant: a client that ends here would not take back what it began"


class Tongue(NamedTuple):
    """What the two servers say differently.

    `entry` writes the expression of a variable's entry, null where there is none; `role` that of a role as
    its rights are listed; `oldest` is the first version that scripts are written for.
    """

    engine: str
    entry: Callable[[str], str]
    role: str
    oldest: Version


def guards(steps: Sequence[Step], tongue: Tongue) -> str:
    """Write all that must hold before the first write."""
    parts = [
        message(STRICT),
        message(f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {quote_literal(_FORCED)}"),
        refuse(
            "held",
            f"COALESCE(GET_LOCK({quote_literal(LOCK)}, 0), 0) <> 1",
            {"why": quote_literal("somebody else is changing it right now")},
        ),
        message(f"SET {_RIGHTS} = NULL, {WHY} = NULL, {WROTE} = 0, {BACK} = 0"),
        message(f"SET {_RIGHTS} = ({_granted(tongue)})"),
    ]
    for number, step in _writing(steps):
        if step.parameter:
            parts += [*_right_guard(step, tongue), *_entry_guard(number, step, tongue)]
    return "".join(parts)


def take(steps: Sequence[Step], tongue: Tongue) -> str:
    """Write the steps, each told before and after."""
    return "".join(_taken(number, step, tongue) for number, step in enumerate(steps, start=1))


def take_back(steps: Sequence[Step], tongue: Tongue) -> str:
    """Write what takes everything back that was begun, the last step first, where ours still stands."""
    numbered = list(_writing(steps))
    return "".join(_taken_back(number, step, tongue) for number, step in reversed(numbered))


def _granted(tongue: Tongue) -> str:
    return (
        "SELECT JSON_ARRAYAGG(privilege_type) FROM information_schema.user_privileges "  # noqa: S608 - constants
        f"WHERE grantee = {_ME} OR grantee IN (SELECT {tongue.role} FROM information_schema.enabled_roles)"
    )


def _right_guard(step: Step, tongue: Tongue) -> Iterator[str]:
    """Refuse where no way in which a login may set the variable is open; unseen rights refuse nothing."""
    if not any(request.text for request in step.do):
        return
    is_for_start = any(request.text.startswith("SET PERSIST_ONLY ") for request in step.do)
    parameter = Parameter(
        name=step.parameter,
        kind=Kind.STRING,
        context=step.context or Context.IMMEDIATE,
        engine_context=PERSIST_ONLY if is_for_start else "",
    )
    ways = ways_to_set(tongue.engine, tongue.oldest, parameter)
    has_way = " OR ".join(
        " AND ".join(f"JSON_CONTAINS({_RIGHTS}, '\"{right}\"')" for right in sorted(way)) for way in ways
    )
    names = " or ".join(" and ".join(sorted(way)) for way in ways)
    told = {
        "why": quote_literal(f"it takes {names}"),
        "parameter": quote_literal(step.parameter),
    }
    yield refuse("right", f"{_RIGHTS} IS NOT NULL AND NOT COALESCE({has_way}, 0)", told)


def _entry_guard(number: int, step: Step, tongue: Tongue) -> Iterator[str]:
    if not _is_known(step):
        yield comment(f"what stood before of {step.parameter} is not known here, and is not compared")
        yield message(f"SET {_kept(number)} = {tongue.entry(step.parameter)}")
        return
    found = tongue.entry(step.parameter)
    seen = f"@setpoint_seen_{number}"
    told = {
        "why": quote_literal("another entry stands there than the plan was made from"),
        "parameter": quote_literal(step.parameter),
    }
    yield message(f"SET {_kept(number)} = NULL, {seen} = 0")
    yield message(f"SET {_kept(number)} = {found}", f"SET {seen} = 1")
    unseen = {**told, "why": quote_literal("this login may not see what stands there")}
    yield refuse("right", f"{seen} <> 1", unseen)
    yield refuse("base", f"NOT ({is_equal(_kept(number), _literal(_prior(step)))})", told)


def _taken(number: int, step: Step, tongue: Tongue) -> str:
    told = f"step {number}: {step.kind.value} {step.parameter}"
    parts = [comment(told)]
    if step.kind is StepKind.RESTART:
        hint = f"# step {number}: restart the server {step.reason}"
        return parts[0] + message(
            say(quote_literal(" ".join(hint.split())), _IS_WELL),
            say(frame("step", str(number), "left"), _IS_WELL),
        )
    statements = [part for request in step.do for part in split(request.text)]
    has_file = any(request.agent for request in step.do)
    if statements or not has_file:
        parts.append(_carried_out(number, step, statements, tongue))
    if has_file:
        hint = f"# step {number}: put the line of {step.parameter} into the server's option file"
        parts.append(
            message(say(quote_literal(hint), _IS_WELL), say(frame("step", str(number), "left"), _IS_WELL))
        )
    return "".join(parts)


_IS_WELL = f"{MAY} AND {WELL}"


def _carried_out(number: int, step: Step, statements: list[str], tongue: Tongue) -> str:
    begun = _begun(number)
    parts = [
        message(
            f"SET {begun} = ({_IS_WELL}), {_DONE} = 0, {WARNED} = 0",
            say(frame("step", str(number), "begun"), begun),
            f"SET {WROTE} = IF({begun}, 1, {WROTE})",
        )
    ]
    for at, statement in enumerate(statements):
        text = statement
        if at == 0 and step.parameter and _is_known(step):
            same = is_equal(tongue.entry(step.parameter), _literal(_prior(step)))
            text = set_after(_MOVED.format(same), statement)
        parts.append(
            attempt(
                *ready(f"{begun} AND {_DONE} = {at}", text),
                "GET DIAGNOSTICS @setpoint_warnings = NUMBER",
                f"SET {WARNED} = {WARNED} + @setpoint_warnings",
                f"SET {_DONE} = IF({begun} AND {_DONE} = {at}, {at + 1}, {_DONE})",
            )
        )
    is_done = f"{_DONE} = {len(statements)}"
    if step.parameter and statements:
        kept = _kept(number)
        parts.append(message(f"SET {kept} = IF({begun}, {tongue.entry(step.parameter)}, {kept})"))
        # With a warning a server can have taken another value than it was given.
        is_done = f"{is_done} AND ({WARNED} = 0 OR {_is_text(kept, step.text)})"
    ended = f"CONCAT({frame('step', f'{number} ')}, IF(@setpoint_is_done, 'done', 'failed'))"
    why = f"CONCAT('# ', {on_one_line(f'COALESCE({WHY}, {quote_literal(_ANOTHER)})')})"
    parts.append(
        message(
            f"SET @setpoint_is_done = COALESCE({is_done}, 0)",
            say(ended, begun),
            say(why, f"{begun} AND NOT @setpoint_is_done"),
            f"SET {WELL} = IF({begun} AND NOT @setpoint_is_done, 0, {WELL})",
        )
    )
    return "".join(parts)


_ANOTHER = "the server took another value than it was given"


def _taken_back(number: int, step: Step, tongue: Tongue) -> str:
    begun, is_ours = _begun(number), f"@setpoint_ours_{number}"
    statements = [part for request in step.undo for part in split(request.text)]
    same = _is_ours(number, step, tongue) if step.parameter and statements else "1"
    parts = [
        comment(f"back from step {number}, where it was begun"),
        message(f"SET {is_ours} = NULL, {_DONE} = 0"),
        message(f"SET {is_ours} = IF({BACK} AND {begun}, {same}, NULL)"),
    ]
    parts += [
        attempt(
            *ready(f"{is_ours} AND {_DONE} = {at}", statement),
            f"SET {_DONE} = IF({is_ours} AND {_DONE} = {at}, {at + 1}, {_DONE})",
        )
        for at, statement in enumerate(statements)
    ]
    is_done = f"{_DONE} = {len(statements)}"
    state = f"CASE WHEN NOT {is_ours} THEN 'left' WHEN {is_done} THEN 'done' ELSE 'failed' END"
    words = f"CONCAT({frame('back', f'{number} ')}, {state})"
    parts.append(message(say(words, f"{is_ours} IS NOT NULL")))
    return "".join(parts)


def _is_ours(number: int, step: Step, tongue: Tongue) -> str:
    """Write the condition that an entry is as we left it, or as it was before."""
    entry = tongue.entry(step.parameter)
    same = is_equal(entry, _kept(number))
    return f"({same} OR {is_equal(entry, _literal(_prior(step)))})" if _is_known(step) else f"({same})"


def _is_known(step: Step) -> bool:
    """Tell whether what stood before is known here to the letter."""
    prior = _prior(step)
    return not isinstance(prior, tuple) and MASK not in (prior or "")


def _writing(steps: Sequence[Step]) -> Iterator[tuple[int, Step]]:
    """Answer the steps that the client takes itself, with their numbers."""
    for number, step in enumerate(steps, start=1):
        is_left = step.do and not any(request.text for request in step.do)
        if step.kind is not StepKind.RESTART and not is_left:
            yield number, step


def _prior(step: Step) -> SettingText:
    return step.prior.persisted if step.prior is not None else None


def _literal(text: SettingText) -> str:
    return quote_literal(text) if isinstance(text, str) else "NULL"


def _is_text(found: str, text: SettingText) -> str:
    """Write the condition that an entry tells what was asked for; servers show more digits than were set."""
    if not isinstance(text, str):
        return f"{found} IS NULL"
    if _NUMBER.fullmatch(text):
        is_number = f"{found} REGEXP '^-?[0-9]+([.][0-9]+)?$'"
        return f"{is_number} AND CAST({found} AS DECIMAL(65, 20)) = {text}"
    return f"{found} <=> {quote_literal(text)}"


def _begun(number: int) -> str:
    return f"@setpoint_begun_{number}"


def _kept(number: int) -> str:
    """Answer the variable that holds the entry as it was seen last."""
    return f"@setpoint_entry_{number}"
