"""Planning: desired settings and one observation in, a plan out. Pure; the engine says which steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.catalog import Catalog, Context
from setpoint.config.layers import LayerKind
from setpoint.config.revision import canonical, content_hash
from setpoint.engines.plan import Plan, Prior, Step, StepKind
from setpoint.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.config.resolve import Resolved
    from setpoint.engines.port import Engine, Release


class Begun(NamedTuple):
    """A plan and the numbers (from 0) of those of its steps that were begun."""

    plan: Plan
    numbers: tuple[int, ...]


def make_plan(
    engine: Engine,
    desired: Mapping[str, Resolved],
    observation: Observation,
    catalog: Catalog,
    *,
    revision: str,
    releases: Sequence[Release] = (),
    left: Sequence[Step] = (),
    over_budget: str = "",
) -> Plan:
    """Make the plan that takes one instance from what was observed to what is desired.

    `left` are the steps of a plan that was cut short: those for parameters that were begun, and the reload
    and the restart if they were not done, which this plan makes up for.
    """
    texts: dict[str, SettingText] = {name: setting.text for name, setting in desired.items()}
    reasons = {name: str(setting.layer) for name, setting in desired.items()}
    fold = engine.grammar.fold_name
    of_overrides = {
        fold(name) for name, setting in desired.items() if setting.layer.kind is LayerKind.OVERRIDE
    }
    made = engine.steps(texts, releases, observation, catalog, reasons, of_overrides)
    asked = {fold(name) for name in texts}
    return Plan(
        instance=observation.instance,
        engine=engine.name,
        revision=revision,
        observed_at=observation.at,
        fingerprint=fingerprint(observation, catalog),
        steps=(*made.steps, *_made_up_for(left, made.steps, observation)),
        expected={step.parameter: step.text for step in made.steps if step.parameter},
        released=tuple(
            step.parameter for step in made.steps if step.parameter and fold(step.parameter) not in asked
        ),
        overridden=tuple(
            step.parameter for step in made.steps if step.parameter and fold(step.parameter) in of_overrides
        ),
        blocked=made.blocked,
        warnings=made.warnings,
        operator_steps=made.operator_steps,
        over_budget=over_budget,
    )


def make_way_back(
    begun: Sequence[Begun],
    observation: Observation,
    catalog: Catalog,
    *,
    revision: str,
    ours_before: Mapping[str, SettingText],
) -> Plan:
    """Make the plan that takes back what was begun of one or more plans, given newest first.

    Each parameter goes back to what stood before the oldest of its steps, whether or not its effects came.
    `ours_before` says what we had written by then; a parameter that goes back to anything else is ours no
    more. Raises `ConflictError` naming every parameter whose entry none of the steps could have left.
    """
    texts: dict[str, list[Step]] = {}
    for step in _begun_steps(begun):
        texts.setdefault(step.parameter, []).append(step)
    steps: list[Step] = []
    conflicts: list[str] = []
    for name, own in texts.items():
        made = _step_back(own, observation.setting(name), catalog)
        if made is None:
            conflicts.append(name)
        else:
            steps.append(made)
    if conflicts:
        raise ConflictError(
            f"somebody changed {', '.join(sorted(conflicts))} after the apply",
            where=observation.instance,
            next_step="look at `setpoint settings --origin`, then plan",
        )
    return Plan(
        instance=observation.instance,
        engine=observation.engine,
        revision=revision,
        observed_at=observation.at,
        fingerprint=fingerprint(observation, catalog),
        steps=(*steps, *_taking_effect(begun, steps, texts, observation, catalog)),
        expected={step.parameter: step.text for step in steps},
        released=tuple(
            step.parameter
            for step in steps
            if step.text is None
            or not is_same_entry(step.parameter, step.text, ours_before.get(step.parameter), catalog)
        ),
    )


def builds_on(newer: Begun, older: Begun, catalog: Catalog) -> bool:
    """Tell whether a plan only made run what an older one had persisted."""
    texts = {step.parameter: step.text for step in _begun_steps([older])}
    return all(
        step.parameter in texts
        and is_same_entry(step.parameter, step.text, texts[step.parameter], catalog)
        and is_same_entry(step.parameter, step.text, _prior(step), catalog)
        for step in _begun_steps([newer])
    )


def fingerprint(observation: Observation, catalog: Catalog) -> str:
    """Hash what a plan rests on: all changeable parameters' own, persisted and waiting values."""
    facts: dict[str, tuple[str | None, str | None, str | None]] = {}
    for name, setting in observation.settings.items():
        parameter = catalog.find(name)
        if parameter is not None and parameter.context is Context.FIXED:
            continue
        persisted = setting.entry
        facts[name] = (setting.value, persisted.text if persisted is not None else None, setting.pending)
    return content_hash(canonical(facts))


def is_persisted(name: str, text: SettingText, observed: ObservedSetting | None, catalog: Catalog) -> bool:
    """Tell whether a parameter's persisted entry means that text (None: there is no entry)."""
    persisted = observed.entry if observed is not None else None
    return is_same_entry(name, persisted.text if persisted is not None else None, text, catalog)


def is_same_entry(name: str, left: SettingText, right: SettingText, catalog: Catalog) -> bool:
    """Tell whether two entries of a parameter mean the same (None: there is no entry)."""
    if left is None or right is None:
        return left is right
    return catalog.is_same(name, left, right)


def _made_up_for(left: Sequence[Step], made: Sequence[Step], observation: Observation) -> Iterator[Step]:
    kinds = {step.kind for step in made}
    begun = {step.parameter for step in left if step.parameter}
    waiting = [name for name in sorted(begun) if _is_waiting(observation.setting(name))]
    for step in left:
        is_due = step.kind is StepKind.RELOAD or (step.kind is StepKind.RESTART and waiting)
        if begun and is_due and step.kind not in kinds:
            yield step


def _is_waiting(observed: ObservedSetting | None) -> bool:
    return observed is not None and observed.pending is not None


def _begun_steps(begun: Sequence[Begun]) -> Iterator[Step]:
    """Answer the parameter steps, the last one begun first."""
    for plan, numbers in begun:
        for number in sorted(numbers, reverse=True):
            if plan.steps[number].parameter:
                yield plan.steps[number]


def _step_back(own: Sequence[Step], observed: ObservedSetting | None, catalog: Catalog) -> Step | None:
    """Answer the step behind all of one parameter's steps, None where its entry is none of theirs."""
    oldest = own[-1]
    target = _prior(oldest)
    entries = [entry for step in own for entry in ((step.text, step.do), (_prior(step), step.undo))]
    name = oldest.parameter
    standing = next(((t, do) for t, do in entries if is_persisted(name, t, observed, catalog)), None)
    if standing is None:
        return None
    return Step(
        kind=StepKind.RESET if target is None else StepKind.SET,
        parameter=name,
        text=target,
        context=oldest.context,
        prior=Prior(running=observed.value if observed is not None else None, persisted=standing[0]),
        do=oldest.undo,
        undo=standing[1],
        reason="as it was before",
    )


def _prior(step: Step) -> SettingText:
    return step.prior.persisted if step.prior is not None else None


def _taking_effect(
    begun: Sequence[Begun],
    steps: Sequence[Step],
    texts: Mapping[str, Sequence[Step]],
    observation: Observation,
    catalog: Catalog,
) -> Iterator[Step]:
    """Answer the reload of the plan that is taken back, and a restart where an old value no longer runs."""
    yield from (step for step in begun[0].plan.steps if step.kind is StepKind.RELOAD)
    waiting = [
        step.parameter
        for step in steps
        if step.context is Context.RESTART
        and _is_restart_due(step, texts[step.parameter][-1], observation.setting(step.parameter), catalog)
    ]
    if waiting:
        yield Step(kind=StepKind.RESTART, reason=f"for {', '.join(sorted(waiting))}")


def _is_restart_due(step: Step, oldest: Step, observed: ObservedSetting | None, catalog: Catalog) -> bool:
    """Tell whether another value runs than before, and would not after a restart."""
    if observed is None or oldest.prior is None:
        return True
    is_moving = _is_waiting(observed) or not is_same_entry(step.parameter, step.text, _prior(step), catalog)
    return is_moving and not is_same_entry(step.parameter, observed.value, oldest.prior.running, catalog)
