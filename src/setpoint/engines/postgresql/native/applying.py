"""Applying: a plan's steps in a script, each told before and after, and all taken back where one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.plan import StepKind
from setpoint.engines.postgresql.dialect.entries import WAIT
from setpoint.engines.postgresql.native import words
from setpoint.engines.postgresql.native.checks import check_ground, holds_secret, prior_of
from setpoint.engines.postgresql.native.ending import arm, disarm, stay
from setpoint.engines.postgresql.native.entries import is_entry, load_files, put_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.native import Job
    from setpoint.engines.order import Order
    from setpoint.engines.plan import Step

RELOAD = "SELECT pg_reload_conf()"
_NEVER_IDLE = """SELECT count(set_config(name, '0', false)) AS setpoint_told FROM pg_settings
WHERE name IN ('idle_session_timeout', 'transaction_timeout')"""
_MANNERS = (
    "SET statement_timeout = 60000;",
    "SET lock_timeout = 30000;",
    "SET standard_conforming_strings = on;",
    f"{_NEVER_IDLE} \\gset",
)
_UNLOCK = "SELECT count(told::text) AS setpoint_told FROM pg_advisory_unlock_all() AS told \\gset"
_PARTING = (
    _UNLOCK,
    "RESET ALL;",
    r"\encoding UTF8",
    "SET search_path = pg_catalog;",
)


def apply_steps(job: Job, steps: Sequence[Step], order: Order | None) -> list[str]:
    """Check the ground, arm the way back of a temporary change, carry out the steps or take them back."""
    lines = [*words.keep(wrote="off"), *words.when("go", _MANNERS), *check_ground(job, steps)]
    if order is not None:
        lines += arm(order, steps)
    numbered = list(enumerate(steps, start=1))
    for number, step in numbered:
        lines += words.when("going", _carry_out(number, step))
    back: list[str] = []
    for number, step in reversed(numbered):
        back += words.when_set(f"begun_{number}", _undo(number, step))
    back += words.when("wrote", load_files((RELOAD,)))
    if order is not None:
        back += disarm(order)
    lines += words.when("go", words.when("going", (), otherwise=back))
    if order is not None:
        # Whoever ends the change earlier needs the lock meanwhile.
        lines += [*words.when("go", [_UNLOCK]), *stay(order, steps)]
    return [*lines, *words.when("go", _PARTING)]


def _carry_out(number: int, step: Step) -> list[str]:
    if step.kind is StepKind.RESTART:
        hint = words.note(f"to be done by hand: restart this server {step.reason}")
        return [words.tell(f"step {number} left"), hint]
    messages = [request.text for request in step.do]
    doing = load_files(messages) if step.kind is StepKind.RELOAD else _write(step, messages)
    failed = [
        words.tell(f"step {number} failed"),
        "SELECT '-- ' || replace(:'setpoint_why', E'\\n', ' ');",
        *words.keep(going="off", end="failed"),
    ]
    return [
        *words.keep(**{f"begun_{number}": "on"}),
        words.tell(f"step {number} begun"),
        *doing,
        *words.when("ran", [words.tell(f"step {number} done")], otherwise=failed),
    ]


def _write(step: Step, messages: Sequence[str]) -> list[str]:
    """Write an entry if it is what the plan was made from to this moment, and read it back."""
    if not step.parameter:
        return words.run(messages)
    prior = prior_of(step)
    look = [*words.keep(ran="on")] if holds_secret(prior) else words.judge(is_entry(step.parameter, prior))
    wrong = [r"\set setpoint_why 'it does not read back'", *words.judge(is_entry(step.parameter, step.text))]
    return [
        *words.run((WAIT,)),
        r"\set setpoint_why 'somebody changed it in this very moment'",
        *look,
        *words.when("ran", [*words.run(messages), *words.when("ran", wrong)]),
    ]


def _undo(number: int, step: Step) -> list[str]:
    if not step.parameter:
        return []
    prior = prior_of(step)
    if holds_secret(prior):
        hint = words.note(f"{step.parameter} held a secret, which is not known here: put it back by hand")
        return [words.tell(f"back {number} left"), hint]
    writing = words.run([request.text for request in step.undo])
    return put_back(number, step.parameter, step.text, prior, writing)
