"""A plan's steps as batches: all guards first, then one step after the other, and back again where one fails.

Each statement is run a level below, in TRY, so that what it fails with ends nothing but itself. What is ours
is what a step left, as it was read right after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.plan import StepKind
from setpoint.engines.sqlserver.dialect import GRAMMAR, PREFIX
from setpoint.engines.sqlserver.dialect.agent import disarming
from setpoint.engines.sqlserver.dialect.entries import entry_source, entry_value
from setpoint.engines.sqlserver.native.words import (
    ESCAPES,
    SAID,
    STATE,
    batch,
    guarded,
    keep,
    kept,
    literal,
    note,
    run,
    tell,
    tell_why,
    tell_with,
    turn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.engines.order import Order
    from setpoint.engines.plan import Step

_BEGUN = kept("setpoint_begun", "int")
_ENTRY = "nvarchar(400)"


def apply_steps(steps: Sequence[Step], arming: str, order: Order | None) -> str:
    """Write the batches; those in `arming` stand between the guards and the first step."""
    return "".join((_guards(steps), arming, *_forth(steps), *_back(steps, order)))


def _guards(steps: Sequence[Step]) -> str:
    """Write the batch that looks at everything before anything is written."""
    checks: list[str] = []
    touching = [step for step in steps if step.parameter]
    options = [step for step in touching if not _is_scoped(step)]
    if options or any(step.kind is StepKind.RELOAD for step in steps):
        checks += _refuse_unless(
            "HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER SETTINGS') = 1",
            "right",
            {"why": "this login has no ALTER SETTINGS"},
        )
    if len(options) < len(touching):
        checks += _refuse_unless(
            "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'ALTER ANY DATABASE SCOPED CONFIGURATION') = 1",
            "right",
            {"why": "this login has no ALTER ANY DATABASE SCOPED CONFIGURATION"},
        )
    for step in touching:
        prior = step.prior.persisted if step.prior is not None else None
        if isinstance(prior, str):
            checks += _refuse_unless(
                f"EXISTS (SELECT 1 {entry_source(step.parameter)}"
                f" AND {entry_value(step.parameter)} = {literal(prior)})",
                "base",
                {"parameter": step.parameter, "why": f"it is not {prior} any more"},
            )
    body = guarded(
        [turn("checked"), *checks],
        caught=[
            turn("refused"),
            "SET @why = ERROR_MESSAGE();",
            *tell_why("refused right", "@why"),
        ],
    )
    # A batch that the server does not even take leaves the state as it was: no end of that is a good one.
    return batch(f"{STATE} = N'go'", [turn("checking")]) + batch(
        f"{STATE} = N'checking'", [*ESCAPES, "DECLARE @why nvarchar(4000) = N'';", *body]
    )


def _refuse_unless(condition: str, kind: str, fields: dict[str, str]) -> list[str]:
    return [
        f"IF {STATE} = N'checked' AND NOT {condition}",
        "BEGIN",
        f"  {turn('refused')}",
        f"  {tell_with(f'refused {kind}', fields)}",
        "END;",
    ]


def _forth(steps: Sequence[Step]) -> Iterator[str]:
    for number, step in enumerate(steps, start=1):
        if step.kind is StepKind.RESTART or any(request.agent for request in step.do):
            what = "restart the server" if step.kind is StepKind.RESTART else f"set {step.parameter}"
            hint = f"step {number} is yours: {what} ({step.reason})"
            yield batch(f"{STATE} = N'checked'", [tell(f"step {number} left"), note(hint)])
            continue
        begun = [
            f"DECLARE @number int = {number};",
            keep("setpoint_begun", "@number"),
            tell(f"step {number} begun"),
        ]
        yield batch(f"{STATE} = N'checked'", begun)
        yield batch(f"{STATE} = N'checked'", _doing(number, step))


def _doing(number: int, step: Step) -> list[str]:
    statements = [line for request in step.do for line in run(request.text)]
    lines = [
        "DECLARE @text nvarchar(max) = N'';",
        *guarded(
            [*statements, tell(f"step {number} done")],
            caught=[
                turn("failed"),
                tell(f"step {number} failed"),
                SAID,
            ],
        ),
    ]
    if step.parameter:
        lines += [_found(step), keep(f"setpoint_ours_{number}", "@found")]
    return lines


def _back(steps: Sequence[Step], order: Order | None) -> Iterator[str]:
    """Write the batches that take back what was begun, the last step first, where ours still stands."""
    numbered = list(enumerate(steps, start=1))
    for number, step in reversed(numbered):
        if step.parameter and not any(request.agent for request in step.do):
            ours = kept(f"setpoint_ours_{number}", _ENTRY)
            yield batch(
                f"{STATE} = N'failed' AND {_BEGUN} >= {number}",
                [
                    "DECLARE @text nvarchar(max) = N'';",
                    _found(step),
                    f"IF @found = {ours}",
                    "BEGIN",
                    *(f"  {line}" for line in _undoing(number, step)),
                    "END",
                    "ELSE",
                    f"  {tell(f'back {number} left')}",
                ],
            )
    for number, step in numbered:
        if step.kind is StepKind.RELOAD:
            yield batch(
                f"{STATE} = N'failed' AND {_BEGUN} >= 1",
                ["DECLARE @text nvarchar(max) = N'';", *_undoing(number, step, is_told=_BEGUN)],
            )
    if order is not None:
        lines = ["DECLARE @text nvarchar(max) = N'';", *guarded(run(disarming(order)), caught=[SAID])]
        yield batch(f"{STATE} = N'failed'", lines)


def _undoing(number: int, step: Step, is_told: str = "") -> list[str]:
    statements = [line for request in step.undo for line in run(request.text)]
    condition = f"IF {is_told} >= {number} " if is_told else ""
    return guarded(
        [*statements, f"{condition}{tell(f'back {number} done')}"],
        caught=[f"{condition}{tell(f'back {number} failed')}", SAID],
    )


def _found(step: Step) -> str:
    name = step.parameter
    return f"DECLARE @found {_ENTRY} = (SELECT MAX({entry_value(name)}) {entry_source(name)});"


def _is_scoped(step: Step) -> bool:
    return GRAMMAR.fold_name(step.parameter).startswith(PREFIX)
