"""A diff as the simulated engine's own steps: set and reset in the persisted place, reload, restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Context
from setpoint.config.drift import DriftClass, judge
from setpoint.engines.plan import Blocked, Prior, Request, Step, StepKind
from setpoint.engines.port import Release, StepsMade
from setpoint.engines.simulated.dialect import plain_text
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation

_RIGHT = frozenset({DriftClass.IN_SYNC, DriftClass.NORMALISED})


def steps(
    desired: Mapping[str, SettingText],
    releases: Sequence[Release],
    observation: Observation,
    catalog: Catalog,
    reasons: Mapping[str, str],
) -> StepsMade:
    """Make the steps for every parameter that differs in meaning, sorted by name."""
    made: list[Step] = []
    blocked: list[Blocked] = []
    for name in sorted(desired):
        text = desired[name]
        drift = judge(name, text, observation.setting(name), catalog)
        if drift.drift_class in _RIGHT and _is_lasting(name, text, observation, catalog):
            continue
        why = _obstacle(name, text, catalog, drift.drift_class)
        if why:
            blocked.append(
                Blocked(parameter=name, desired=text, why=why, next_step="change what asks for it")
            )
        else:
            made.append(_set(name, text, observation, catalog, reasons.get(name, "")))
    released, warnings = _release(releases, observation, catalog)
    made.extend(released)
    if made:
        made.append(reloading())
    if any(step.context is Context.RESTART for step in made):
        made.append(Step(kind=StepKind.RESTART))
    return StepsMade(steps=tuple(made), blocked=tuple(blocked), warnings=warnings)


def reloading() -> Step:
    """Answer the step that makes run what is persisted."""
    return Step(kind=StepKind.RELOAD, do=(Request(text="reload", is_read_only=False),))


def _is_lasting(name: str, text: SettingText, observation: Observation, catalog: Catalog) -> bool:
    """Tell whether a parameter stays as it should be when the server loads its settings again."""
    following = observation.settings[name].origins[-1].text
    return following is not None and text is not None and catalog.is_same(name, following, text)


def _obstacle(name: str, text: SettingText, catalog: Catalog, drift_class: DriftClass) -> str:
    parameter = catalog.find(name)
    if parameter is None:
        return "the engine does not know it"
    if parameter.context is Context.FIXED:
        return "it cannot be changed"
    if drift_class is DriftClass.SHADOWED:
        return "the command line wins over what we could set"
    try:
        parameter.parse(text if text is not None else "", catalog.grammar)
    except InputError as fault:
        return fault.what
    return ""


def _release(
    releases: Sequence[Release], observation: Observation, catalog: Catalog
) -> tuple[list[Step], tuple[str, ...]]:
    made: list[Step] = []
    warnings: list[str] = []
    for release in releases:
        persisted = observation.settings[release.parameter].entry
        if persisted is None or persisted.text is None:
            continue
        if release.ours is not None and catalog.is_same(release.parameter, persisted.text, release.ours):
            made.append(
                _set(
                    release.parameter, release.restore, observation, catalog, "no layer asks for it any more"
                )
            )
        else:
            warnings.append(f"{release.parameter} is {persisted.text} now, set by somebody else: left alone")
    return made, tuple(warnings)


def _set(name: str, text: SettingText, observation: Observation, catalog: Catalog, reason: str) -> Step:
    observed = observation.settings[name]
    prior = observed.entry.text if observed.entry is not None else None
    return Step(
        kind=StepKind.SET if text is not None else StepKind.RESET,
        parameter=name,
        text=text,
        context=catalog.get(name).context,
        prior=Prior(running=observed.value, persisted=prior),
        do=(_request(name, text),),
        undo=(_request(name, prior),),
        reason=reason,
    )


def _request(name: str, text: SettingText) -> Request:
    plain = plain_text(text)
    return Request(text=f"reset {name}" if plain is None else f"set {name} {plain}", is_read_only=False)
