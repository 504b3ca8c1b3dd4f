"""`plan`: what takes an instance to its desired settings, as data and in words."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Any

import click

from setpoint.faces.cli.arguments import InstanceName, check_place, write_file
from setpoint.faces.cli.frame import Frame, verb
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import (
    counted,
    flag_changes,
    moment_text,
    setting_text,
    shown_value,
    size_text,
)
from setpoint.policy.verdict import Outcome

if TYPE_CHECKING:
    from setpoint.catalog import Catalog
    from setpoint.control.change import Planned
    from setpoint.engines.plan import Plan, Step
    from setpoint.faces.cli.page import Block, Piece, Tone
    from setpoint.policy.verdict import Verdict


_MOST_SHOWN = 80


@verb("plan")
@click.argument("name", type=InstanceName())
@click.option("--out", metavar="FILE", help="Write the plan to a file, which `apply --plan FILE` takes.")
@click.pass_obj
def plan(frame: Frame, name: str, *, out: str | None) -> Answer:
    """Plan what takes the instance NAME to its desired settings, from a look at it now.

    Nothing is changed. The plan is kept under its hash; `apply --plan HASH` applies exactly that.
    """
    import msgspec

    if out is not None:
        check_place(out)
    with frame.open() as setpoint:
        planned = setpoint.plan(name)
    if out is not None:
        body = msgspec.json.format(msgspec.json.encode(planned.plan), indent=2)
        write_file(out, body + b"\n")
        frame.say(f"the plan is in {out}")
    return Answer(plan_document(planned), plan_page(planned))


def plan_page(planned: Planned) -> list[Block]:
    """Write a plan for people: what was left unfinished, the steps, what is in the way, the memory."""
    made = planned.plan
    page = _unfinished(planned)
    if made.is_empty:
        word = "nothing can be done from here" if made.blocked else "nothing to do"
        page.append((Span(made.instance, "strong"), f": {word}"))
    else:
        page += _steps(planned)
    if made.blocked:
        rows: list[tuple[Piece, ...]] = [
            (each.parameter, setting_text(each.desired), Span(each.why, "bad"), each.next_step)
            for each in made.blocked
        ]
        page += ["blocked:", Table(("PARAMETER", "DESIRED", "WHY", "NEXT"), rows, 2)]
    if made.operator_steps:
        page += ["for an operator to do:", *(f"  {step}" for step in made.operator_steps)]
    page += [Span(f"warning: {warning}", "warn") for warning in made.warnings]
    page += _budget(planned)
    page += _policy(planned.verdict)
    if not made.is_empty:
        page.append(("plan ", Span(made.hash[:12], "strong")))
        page.append(Span(f"next: {_next_step(planned)}", "dim"))
    return page


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Answer policy's word for programs."""
    return {
        "outcome": verdict.outcome.word,
        "reasons": [
            {
                "outcome": each.outcome.word,
                "rule": each.rule,
                "instance": each.instance,
                "parameter": each.parameter,
                "text": each.text,
                "softened_by": each.softened_by,
            }
            for each in verdict.reasons
        ],
        "needs": [
            {
                "for": each.key,
                "quorum": str(each.quorum),
                "instance": each.instance,
                "rules": list(each.rules),
            }
            for each in verdict.needs
        ],
    }


def _policy(verdict: Verdict) -> list[Block]:
    tones: dict[Outcome, Tone] = {Outcome.ALLOW: "dim", Outcome.ASK: "warn", Outcome.REFUSE: "bad"}
    page: list[Block] = [
        Span(
            f"policy {each.outcome.word}s {each.parameter or each.instance}: {each.text} ({each.rule})",
            tones[each.outcome],
        )
        for each in verdict.reasons
    ]
    page += [f"approvals: {each.key}: {each.quorum}" for each in verdict.needs]
    return page


def _next_step(planned: Planned) -> str:
    made = planned.plan
    if planned.verdict.outcome is Outcome.REFUSE:
        return "change what is desired, or the policy"
    if planned.verdict.outcome is Outcome.ASK:
        return f"setpoint change propose {made.instance} --plan {made.hash[:12]} --because REASON"
    if planned.is_offline:
        return f"setpoint bundle export {made.instance} --plan {made.hash[:12]}"
    restart = " --restart" if made.restarts else ""
    return f"setpoint apply {made.instance} --plan {made.hash[:12]}{restart}"


def plan_document(planned: Planned) -> dict[str, Any]:
    """Answer a plan for programs."""
    made, budget = planned.plan, planned.budget
    left = planned.unfinished
    return {
        "instance": made.instance,
        "engine": made.engine,
        "hash": made.hash,
        "revision": made.revision,
        "observed_at": made.observed_at,
        "is_empty": made.is_empty,
        "steps": [
            _step_document(planned.catalog, number, step) for number, step in enumerate(made.steps, start=1)
        ],
        "restarts": list(made.restarts),
        "released": list(made.released),
        "blocked": blocked_documents(made),
        "operator_steps": list(made.operator_steps),
        "warnings": list(made.warnings),
        "over_budget": made.over_budget,
        "policy": verdict_document(planned.verdict),
        "budget": {"total_bytes": budget.total, "available_bytes": budget.available, "fits": budget.fits},
        "unfinished": None
        if left is None
        else {
            "plan": left.plan_hash,
            "actor": left.actor,
            "host": left.host,
            "pid": left.pid,
            "started_at": left.started_at,
            "steps": left.steps,
            "is_undo": planned.is_undo,
            "is_at_work": planned.is_at_work,
            "begun": [
                _step_document(planned.catalog, number, step)
                for number, step in enumerate(planned.unfinished_steps, start=1)
            ],
            "is_last_step_done": left.is_step_done,
        },
    }


def blocked_documents(made: Plan) -> list[dict[str, Any]]:
    """Answer what a plan cannot reach, for programs."""
    return [
        {"parameter": each.parameter, "desired": each.desired, "why": each.why, "next_step": each.next_step}
        for each in made.blocked
    ]


def step_text(step: Step) -> str:
    """Say what a step does."""
    if not step.parameter:
        return step.kind.value
    return (
        f"reset {step.parameter}"
        if step.text is None
        else f"set {step.parameter} = {shorten(setting_text(step.text), _MOST_SHOWN, placeholder='...')}"
    )


def _unfinished(planned: Planned) -> list[Block]:
    left = planned.unfinished
    if left is None:
        return []
    who = f"{left.actor} (process {left.pid} on {left.host}) at {moment_text(left.started_at)}"
    what = "a taking back" if planned.is_undo else "an apply"
    state = "is at work" if planned.is_at_work else "has not ended"
    page: list[Block] = [
        Span(f"{what} begun by {who} {state}: {left.step} of {left.steps} steps were begun", "bad")
    ]
    for number, step in enumerate(planned.unfinished_steps, start=1):
        is_sure = number < left.step or left.is_step_done
        page.append(f"  {number}. {step_text(step)}{'' if is_sure else ' (begun; look at the steps below)'}")
    instance = planned.plan.instance
    if not planned.is_at_work:
        page.append(f"  If that process is gone: `setpoint apply {instance}` goes on from what is set now,")
        page.append(f"  `setpoint apply {instance} --undo` takes back what it had begun.")
    return page


def _steps(planned: Planned) -> list[Block]:
    made = planned.plan
    rows: list[tuple[Piece, ...]] = []
    for number, step in enumerate(made.steps, start=1):
        before, after = _texts(planned.catalog, step)
        needs = "restart" if step.parameter in made.restarts else (step.context.value if step.context else "")
        rows.append(
            (
                f"{number}.",
                step.kind.value,
                step.parameter,
                before,
                after,
                Span(needs, "warn" if needs == "restart" else "dim"),
                step.reason,
            )
        )
    title = (Span(made.instance, "strong"), f": {counted(len(made.steps), 'step')}")
    page: list[Block] = [title, Table(("", "STEP", "PARAMETER", "NOW", "TO", "TAKES EFFECT", "WHY"), rows, 2)]
    if made.restarts:
        page.append(Span(f"needs a restart: {', '.join(made.restarts)}", "warn"))
    return page


def _texts(catalog: Catalog, step: Step) -> tuple[str, str]:
    """Answer what runs and what will; of a set of flags those alone that change."""
    running = step.prior.running if step.prior is not None else None
    changes = flag_changes(catalog, step.parameter, running, step.text)
    if changes:
        return "", ", ".join(changes)
    before = shown_value(catalog, step.parameter, running) or ""
    if step.text is None:
        return before, ""
    is_bare = isinstance(step.text, str) and step.text.isdigit()
    return before, shown_value(catalog, step.parameter, str(step.text)) or "" if is_bare else setting_text(
        step.text
    )


def _budget(planned: Planned) -> list[Block]:
    made, budget = planned.plan, planned.budget
    if made.over_budget:
        return [Span(f"memory: {made.over_budget}", "bad")]
    if budget.total is None or budget.available is None:
        return [Span(f"memory: cannot be judged, {', '.join(budget.unknown)} is not known", "dim")]
    fits = "fits" if budget.fits else "does not fit, but is no more than before"
    text = f"memory: may use {size_text(budget.total)} of {size_text(budget.available)}: {fits}"
    return [Span(text, "dim" if budget.fits else "warn")]


def _step_document(catalog: Catalog, number: int, step: Step) -> dict[str, Any]:
    prior = step.prior
    running = prior.running if prior is not None else None
    return {
        "number": number,
        "kind": step.kind.value,
        "parameter": step.parameter,
        "text": step.text,
        "context": step.context.value if step.context else None,
        "prior": {"running": prior.running, "persisted": prior.persisted} if prior else None,
        "do": [request.text for request in step.do],
        "undo": [request.text for request in step.undo],
        "changes": list(flag_changes(catalog, step.parameter, running, step.text)),
        "is_passing": step.is_passing,
        "reason": step.reason,
    }
