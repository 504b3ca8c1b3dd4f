"""A plan's steps as blocks: all guards first, then one step after the other, and back again where one fails.

What is ours is what a step left, as it was read right after it; a write is guarded by the block that a driver
sends ahead of it, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.oracle.dialect import GRAMMAR, guard, standing
from setpoint.engines.oracle.dialect import guarded as guarded_write
from setpoint.engines.oracle.dialect.scheduler import dropping
from setpoint.engines.oracle.native.words import (
    SAID,
    block,
    fetch,
    guarded,
    is_state,
    literal,
    note,
    run,
    tell,
    tell_why,
    tell_with,
    turn,
)
from setpoint.engines.plan import StepKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.engines.order import Order
    from setpoint.engines.plan import Step

_TEXT, _FOUND = "text_ VARCHAR2(32767);", "found_ VARCHAR2(4000);"
_MAY = "(SELECT MAX('TRUE') FROM session_privs WHERE privilege = 'ALTER SYSTEM')"


def apply_steps(steps: Sequence[Step], arming: str, order: Order | None) -> str:
    """Write the blocks; those in `arming` stand between the guards and the first step."""
    kept = "".join(
        f"VARIABLE setpoint_ours_{number} VARCHAR2(4000)\n"
        for number, step in enumerate(steps, start=1)
        if step.parameter
    )
    return kept + "".join((*_guards(steps), arming, *_forth(steps), *_back(steps, order)))


def prior_text(step: Step) -> str | None:
    """Answer what stood before a step, as the server shows it."""
    entry = step.prior.persisted if step.prior is not None else None
    return GRAMMAR.write_list(entry) if isinstance(entry, tuple) else entry


def _guards(steps: Sequence[Step]) -> Iterator[str]:
    """Write the blocks that look at everything before anything is written."""
    checks = [
        *fetch(_MAY),
        *_refuse_if("NVL(found_, '-') <> 'TRUE'", "right", {"why": "this login has no ALTER SYSTEM"}),
    ]
    for step in steps:
        if step.parameter:
            prior = prior_text(step)
            moved = "found_ IS NOT NULL" if prior is None else f"NVL(found_, '-') <> {literal(f'={prior}')}"
            why = "it has an entry now" if prior is None else f"it is not {prior} any more"
            checks += fetch(standing(step.parameter))
            checks += _refuse_if(moved, "base", {"parameter": step.parameter, "why": why})
    # A block that the server does not even take leaves the state as it was: no end of that is a good one.
    yield block(is_state("go"), ("nothing_ NUMBER;",), [turn("checking")])
    body = [*checks, f"IF {is_state('checking')} THEN", f"  {turn('checked')}", "END IF;"]
    caught = [turn("refused"), tell_why("refused right")]
    yield block(is_state("checking"), (_TEXT, _FOUND), guarded(body, caught=caught))


def _refuse_if(condition: str, kind: str, fields: dict[str, str]) -> list[str]:
    return [
        f"IF {is_state('checking')} AND {condition} THEN",
        f"  {turn('refused')}",
        f"  {tell_with(f'refused {kind}', fields)}",
        "END IF;",
    ]


def _forth(steps: Sequence[Step]) -> Iterator[str]:
    for number, step in enumerate(steps, start=1):
        if _is_left(step):
            what = "restart the server" if step.kind is StepKind.RESTART else f"set {step.parameter}"
            hint = f"step {number} is yours: {what} ({step.reason})"
            yield block(is_state("checked"), ("nothing_ NUMBER;",), [tell(f"step {number} left"), note(hint)])
            continue
        begun = [f":setpoint_begun := {number};", tell(f"step {number} begun")]
        yield block(is_state("checked"), ("nothing_ NUMBER;",), begun)
        yield block(is_state("checked"), (_TEXT, _FOUND), _doing(number, step))


def _is_left(step: Step) -> bool:
    return step.kind is StepKind.RESTART or any(request.agent for request in step.do)


def _doing(number: int, step: Step) -> list[str]:
    texts = [request.text for request in step.do]
    if step.parameter and texts:
        texts[0] = guarded_write(guard(step.parameter, prior_text(step)), texts[0])
    lines = guarded(
        [*(line for text in texts for line in run(text)), tell(f"step {number} done")],
        caught=[turn("failed"), tell(f"step {number} failed"), SAID],
    )
    if step.parameter:
        lines += [*fetch(standing(step.parameter)), f":setpoint_ours_{number} := found_;"]
    return lines


def _back(steps: Sequence[Step], order: Order | None) -> Iterator[str]:
    """Write the blocks that take back what was begun, the last step first, where ours still stands."""
    for number, step in reversed(list(enumerate(steps, start=1))):
        if _is_left(step):
            continue
        condition = f"{is_state('failed')} AND :setpoint_begun >= {number}"
        undoing = guarded(
            [*(line for request in step.undo for line in run(request.text)), tell(f"back {number} done")],
            caught=[tell(f"back {number} failed"), SAID],
        )
        if not step.parameter:
            yield block(condition, (_TEXT,), undoing)
            continue
        ours = f"NVL(:setpoint_ours_{number}, '-')"
        lines = [
            *fetch(standing(step.parameter)),
            f"IF NVL(found_, '-') <> {ours} THEN",
            f"  {tell(f'back {number} left')}",
            "END IF;",
            f"IF NVL(found_, '-') = {ours} THEN",
            *(f"  {line}" for line in undoing),
            "END IF;",
        ]
        yield block(condition, (_TEXT, _FOUND), lines)
    if order is not None:
        gone = guarded(run(f"BEGIN\n{dropping(order)}\nEND;"), caught=[SAID])
        yield block(is_state("failed"), (_TEXT,), gone)
