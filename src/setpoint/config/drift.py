"""Drift: desired against observed, one class per managed parameter.

Classes are told apart by what a person would do next: nothing (in sync, normalised), restart (pending
restart), look for who else speaks (shadowed), put right (drifted), look it up (unknown), observe again
(stale).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.configuration import SettingText
from setpoint.config.observation import INSTANCE_WIDE, Observation, ObservedSetting, Origin, OriginKind
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from setpoint.catalog import Catalog


class DriftClass(Enum):
    """What one comparison came to."""

    IN_SYNC = "in sync"
    DRIFTED = "drifted"
    PENDING_RESTART = "pending restart"
    NORMALISED = "normalised"
    SHADOWED = "shadowed"
    UNKNOWN = "unknown"
    STALE = "stale"


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One managed parameter of one instance, judged.

    `desired` is the text as configured, `observed` the running value as the engine would show it.
    `is_deviation` is the answer to "is something to be done?". `origin` is the place that decides the running
    value. `accepted` says who accepts the deviation, until when and why; empty when nobody does.
    """

    parameter: str
    drift_class: DriftClass
    desired: SettingText
    observed: str | None
    origin: Origin | None
    explanation: str
    is_deviation: bool
    accepted: str = ""


def classify(
    desired: Mapping[str, SettingText],
    observation: Observation,
    catalog: Catalog,
    *,
    at: datetime,
    stale_after: timedelta | None = None,
) -> tuple[Drift, ...]:
    """Judge every managed parameter, sorted by name.

    An observation older than `stale_after` makes every class stale: its old judgement is told in the
    explanation, and nothing is called in sync that was not looked at.
    """
    drifts = [
        judge(name, desired[name], observation.setting(name), catalog, is_partial=observation.is_partial)
        for name in sorted(desired)
    ]
    age = at - observation.at
    if stale_after is None or age <= stale_after:
        return tuple(drifts)
    seconds = int(age.total_seconds())
    return tuple(
        msgspec.structs.replace(
            drift,
            drift_class=DriftClass.STALE,
            explanation=f"last seen {seconds} s ago, then {drift.drift_class.value}: {drift.explanation}",
            is_deviation=True,
        )
        for drift in drifts
    )


def judge(
    name: str,
    desired: SettingText,
    observed: ObservedSetting | None,
    catalog: Catalog,
    *,
    is_partial: bool = False,
) -> Drift:
    """Judge one parameter; `observed` is None when the instance did not list it.

    Of a partial observation that says nothing about the instance.
    """
    parameter = catalog.find(name)
    if parameter is None or observed is None:
        is_untold = parameter is not None and is_partial
        unlisted = f"{catalog.engine} {catalog.version} does not list it"
        why = "the files that were imported do not tell it" if is_untold else unlisted
        return _drift(name, DriftClass.UNKNOWN, desired, None, None, why, is_deviation=True)
    shown = None if observed.value is None else catalog.show(name, observed.value)
    origin = observed.in_force
    if desired is not None and observed.value is not None and catalog.is_same(name, desired, observed.value):
        return _judge_running(name, desired, shown, observed, catalog)
    if (
        observed.pending is not None
        and desired is not None
        and catalog.is_same(name, desired, observed.pending)
    ):
        why = observed.pending_reason or "set, and waiting for a restart"
        return _drift(name, DriftClass.PENDING_RESTART, desired, shown, origin, why, is_deviation=True)
    shadow = _shadow_over(name, desired, observed, catalog)
    if shadow is not None:
        why = f"{shadow} wins over the persisted entry"
        return _drift(name, DriftClass.SHADOWED, desired, shown, shadow, why, is_deviation=True)
    if origin is not None and _is_text(catalog, name, origin, desired):
        why = f"the engine reads {_text(desired)} as {shown}"
        return _drift(name, DriftClass.NORMALISED, desired, shown, origin, why, is_deviation=False)
    why = f"runs {_told(name, desired, observed, shown, catalog)}"
    why = f"{why} from {origin}" if origin is not None else why
    return _drift(name, DriftClass.DRIFTED, desired, shown, origin, why, is_deviation=True)


def _judge_running(
    name: str, desired: SettingText, shown: str | None, observed: ObservedSetting, catalog: Catalog
) -> Drift:
    """Judge a parameter whose running value is right: something else may wait, or speak for some sessions."""
    origin = observed.in_force
    if observed.pending is not None and not catalog.is_same(name, _text(desired), observed.pending):
        why = f"runs as desired, but {catalog.show(name, observed.pending)} waits for a restart"
        return _drift(name, DriftClass.DRIFTED, desired, shown, origin, why, is_deviation=True)
    if origin is not None and origin.fault:
        why = f"runs as desired, but {origin}: {origin.fault}"
        return _drift(name, DriftClass.DRIFTED, desired, shown, origin, why, is_deviation=True)
    parameter = catalog.get(name)
    if parameter.multiple and catalog.show(name, _text(desired)) != shown:
        why = f"the engine reads {_text(desired)} as {shown}"
        return _drift(name, DriftClass.NORMALISED, desired, shown, origin, why, is_deviation=False)
    others = [
        o for o in observed.overrides if o.text is None or not catalog.is_same(name, o.text, _text(desired))
    ]
    if others:
        why = "in sync for the instance; other sessions get " + ", ".join(f"{o.text} ({o})" for o in others)
        return _drift(name, DriftClass.SHADOWED, desired, shown, origin, why, is_deviation=False)
    return _drift(name, DriftClass.IN_SYNC, desired, shown, origin, "", is_deviation=False)


def _shadow_over(
    name: str, desired: SettingText, observed: ObservedSetting, catalog: Catalog
) -> Origin | None:
    """Find the origin that wins although an instance-wide one below it already says what is desired."""
    origin = observed.in_force
    if origin is None or origin.kind is not OriginKind.COMMAND_LINE:
        return None
    below = [o for o in observed.origins if o.kind in INSTANCE_WIDE and o is not origin]
    return origin if any(_is_text(catalog, name, o, desired) for o in below) else None


def _is_text(catalog: Catalog, name: str, origin: Origin, desired: SettingText) -> bool:
    return origin.text is not None and desired is not None and catalog.is_same(name, origin.text, desired)


def _told(
    name: str, desired: SettingText, observed: ObservedSetting, shown: str | None, catalog: Catalog
) -> str | None:
    """Answer a running value in words: of a set of flags those that differ."""
    parameter = catalog.get(name)
    try:
        wanted, running = (catalog.parse(name, text) for text in (_text(desired), observed.value or ""))
    except InputError:
        return shown
    differences = parameter.differences(wanted, running)
    return f"with {', '.join(differences)}" if differences else shown


def _text(desired: SettingText) -> str:
    return ", ".join(desired) if isinstance(desired, tuple) else str(desired)


def _drift(
    name: str,
    drift_class: DriftClass,
    desired: SettingText,
    observed: str | None,
    origin: Origin | None,
    explanation: str,
    *,
    is_deviation: bool,
) -> Drift:
    return Drift(
        parameter=name,
        drift_class=drift_class,
        desired=desired,
        observed=observed,
        origin=origin,
        explanation=explanation,
        is_deviation=is_deviation,
    )
