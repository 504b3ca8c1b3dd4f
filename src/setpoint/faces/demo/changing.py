"""Acts 4 and 5: advice from evidence, and the change it leads to: planned, applied, verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.configuration import TemplateUse
from setpoint.engines.plan import StepKind
from setpoint.faces.demo.stage import INSTANCE
from setpoint.faces.demo.wording import amount, count, size, text_of
from setpoint.recommend.evidence import WINDOW_SECONDS, WINDOW_TRANSACTIONS

if TYPE_CHECKING:
    from setpoint.config.configuration import SettingText
    from setpoint.control.change import Planned
    from setpoint.engines.plan import Plan, Step
    from setpoint.engines.session import Verified
    from setpoint.faces.demo.stage import Stage
    from setpoint.recommend import Advice
    from setpoint.templates.template import Template


def advise(stage: Stage) -> tuple[Advice, Template]:
    """Act 4: run the load, then ask again; answer the advice and the template that fits best."""
    narrator, options = stage.narrator, stage.options
    narrator.act("Advice from evidence")
    load, seconds = stage.player.load(options.clients), options.evidence_seconds
    load_name = stage.cast.script.load
    narrator.say(f"{load_name} runs for {seconds:.0f} s with {options.clients} clients.")
    result = load.run(
        seconds, lambda gone, rate: narrator.progress(gone / seconds, f"{rate:.0f} transactions/s")
    )
    narrator.say(f"{amount(result.transactions, 0)} transactions, {amount(result.tps, 0)} per second.")
    if options.waits_for_evidence and result.transactions < WINDOW_TRANSACTIONS:
        more = int(WINDOW_SECONDS) - seconds
        narrator.say(
            f"This machine is slow or busy: the rules want {amount(WINDOW_TRANSACTIONS, 0)} transactions or "
            f"{WINDOW_SECONDS:.0f} s, so the load goes on for {more} s."
        )
        result = load.run(
            more, lambda gone, rate: narrator.progress(gone / more, f"{rate:.0f} transactions/s")
        )
    _, advice = stage.setpoint.advise(INSTANCE)
    _tell_advice(stage, advice)
    choice = stage.setpoint.choose_template(INSTANCE)
    narrator.say("Which template fits, by what the load was seen to do:")
    for line in choice.explain().splitlines():
        narrator.show(line)
    stage.report.sections["advice"] = {
        "transactions": result.transactions,
        "tps": result.tps,
        "recommendations": [
            {
                "code": each.code,
                "parameter": each.parameter,
                "current": each.current,
                "proposed": each.proposed,
                "reason": each.reason,
                "evidence": each.evidence,
            }
            for each in advice.recommendations
        ],
        "findings": [{"code": each.code, "text": each.text} for each in advice.findings],
        "template": str(choice.best.template),
    }
    return advice, choice.best.template


def _tell_advice(stage: Stage, advice: Advice) -> None:
    narrator = stage.narrator
    for each in advice.recommendations:
        narrator.say(f"{each.code}  {each.parameter}: {each.current} -> {each.proposed}. {each.reason}.")
        narrator.note("evidence: " + ", ".join(f"{name} {value}" for name, value in each.evidence.items()))
        narrator.note(f"expected: {each.expected}" + (f"; risk: {each.risk}" if each.risk else ""))
    for finding in advice.findings:
        narrator.say(f"{finding.code}  {finding.title}: {finding.text}.")
    if not advice.recommendations:
        narrator.say(f"{advice.summary[0].upper()}{advice.summary[1:]}.")


def change(stage: Stage, advice: Advice, template: Template) -> None:
    """Act 5: take template and advice into the configuration, plan, apply, verify."""
    narrator = stage.narrator
    narrator.act("Change: plan, apply, verify")
    _adopt(stage, advice, template)
    planned = stage.setpoint.plan(INSTANCE)
    _tell_chain(stage, planned, advice)
    tell_plan(stage, planned)
    _tell_left_out(stage, planned)
    began = narrator.elapsed_s
    verified = stage.setpoint.apply(planned.plan, may_restart=True)
    seconds = narrator.elapsed_s - began
    promise_verified(stage, "applied", planned.plan, verified, seconds)
    stage.report.sections["change"] = {
        "plan": planned.plan.hash,
        "settings": {name: text_of(text) for name, text in planned.plan.expected.items()},
        "restarts": list(planned.plan.restarts),
        "was_restarted": verified.was_restarted,
        "seconds": seconds,
    }


def tell_plan(stage: Stage, planned: Planned) -> None:
    """Show a plan: what changes, when it takes effect, who asks, and what is in the way."""
    plan, narrator = planned.plan, stage.narrator
    narrator.say(f"Plan {plan.hash[:12]}:")
    steps = [step for step in plan.steps if step.parameter]
    rows = [
        (step.parameter, _now(planned, step), _then(planned, step), _effect(step), step.reason)
        for step in steps
    ]
    narrator.table(("parameter", "now", "then", "takes effect", "because"), rows, "lrr")
    deeds = [f"{step.kind.value} {step.reason}" for step in plan.steps if not step.parameter]
    narrator.say(f"Then: {'; '.join(deeds)}." if deeds else "Nothing needs a reload or a restart.")
    for warning in (*plan.warnings, *(f"{each.parameter}: {each.why}" for each in plan.blocked)):
        narrator.say(f"Note: {warning}")


def promise_verified(stage: Stage, deed: str, plan: Plan, verified: Verified, seconds: float) -> None:
    """Promise that everything a plan touched reads back as it should."""
    wrong = [drift.parameter for drift in verified.drifts if drift.is_deviation]
    how = "with one restart" if verified.was_restarted else "without a restart"
    outcome = f"wrong: {', '.join(wrong)}" if wrong else "every one reads back as planned"
    stage.report.promise(
        f"{deed} in {seconds:.1f} s {how}: {count(len(plan.expected), 'parameter')}, {outcome}",
        holds=not wrong and bool(plan.restarts) <= verified.was_restarted,
    )


def _adopt(stage: Stage, advice: Advice, template: Template) -> None:
    use = TemplateUse(name=template.name, version=template.version)
    reason = f"{use} fits the load that was measured"
    revision = stage.setpoint.assign_template(INSTANCE, use, reason=reason)
    stage.narrator.say(f"Revision {revision.short_id}: {reason}.")
    if advice.recommendations:
        reason = "; ".join(f"{each.code}: {each.reason}" for each in advice.recommendations)
        revision, _ = stage.setpoint.change_settings(f"instance:{INSTANCE}", advice.settings(), reason=reason)
        stage.narrator.say(f"Revision {revision.short_id}: {reason}.")


def _tell_chain(stage: Stage, planned: Planned, advice: Advice) -> None:
    """Show where the layers disagree: the advice stands above the template."""
    for name in advice.settings():
        resolved = planned.desired.resolved[name]
        if len(resolved.chain) > 1:
            said = ", ".join(f"{layer} says {text_of(layer.settings[name])}" for layer in resolved.chain)
            stage.narrator.say(f"{name}: {said}; {resolved.layer} decides.")


def _tell_left_out(stage: Stage, planned: Planned) -> None:
    filled, budget = planned.desired.filled, planned.budget
    if filled is None:
        return
    unsaid = [each.parameter for each in filled.left_out if "not known" in each.why or "unknown" in each.why]
    if unsaid:
        stage.narrator.say(f"Left alone, because a fact it rests on is not known: {', '.join(unsaid)}.")
    if budget.total is not None and budget.available is not None:
        stage.narrator.say(
            f"Memory, if everything is used at once: {size(budget.total)} of {size(budget.available)}."
        )


def _now(planned: Planned, step: Step) -> str:
    running = step.prior.running if step.prior else None
    return "-" if running is None else _as_written(planned, step, running)


def _then(planned: Planned, step: Step) -> str:
    is_reset = step.kind is StepKind.RESET or step.text is None
    return "(reset)" if is_reset else _as_written(planned, step, step.text)


def _as_written(planned: Planned, step: Step, text: SettingText) -> str:
    """Write a value as people write it to this engine."""
    catalog = planned.catalog
    return catalog.format(step.parameter, catalog.parse(step.parameter, text or ""))


def _effect(step: Step) -> str:
    return step.context.value if step.context is not None else "-"
