"""Reading back: whether what was done came true, judged on what is seen after it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.config.drift import Drift, DriftClass, judge
from setpoint.engines.planner import is_persisted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.engines.plan import Step


def value_of(observed: ObservedSetting | None) -> str | None:
    """Answer the running value, None where there is none."""
    return observed.value if observed is not None else None


def is_same_state(
    name: str, before: ObservedSetting | None, after: ObservedSetting | None, catalog: Catalog
) -> bool:
    """Tell whether a parameter is as it was: what runs, what waits, and what its entry means."""
    if before is None or after is None:
        return before is after
    entry = before.entry.text if before.entry is not None else None
    is_entry_back = is_persisted(name, entry, after, catalog)
    return is_entry_back and (before.value, before.pending) == (after.value, after.pending)


def is_wrong(drift: Drift, *, was_restarted: bool) -> bool:
    """Tell whether a step did not come true; a restart after which its value still waits was none."""
    is_idle_restart = was_restarted and drift.drift_class is DriftClass.PENDING_RESTART
    return is_idle_restart or drift.drift_class is DriftClass.DRIFTED


def advise(wrong: Sequence[Drift]) -> str:
    """Say what may be the matter where steps did not come true; empty where nothing can be told."""
    is_idle_restart = any(drift.drift_class is DriftClass.PENDING_RESTART for drift in wrong)
    return "does the restart command restart this very server?" if is_idle_restart else ""


def judge_done(step: Step, observation: Observation, catalog: Catalog) -> Drift:
    """Judge a step that was done: its text stands, or for a reset no persisted entry does."""
    observed = observation.setting(step.parameter)
    if step.text is None:
        return _judge_reset(step.parameter, observed, catalog)
    drift = judge(step.parameter, step.text, observed, catalog)
    if drift.drift_class is DriftClass.SHADOWED and drift.is_deviation:
        return msgspec.structs.replace(drift, drift_class=DriftClass.DRIFTED)
    return drift


def _judge_reset(name: str, observed: ObservedSetting | None, catalog: Catalog) -> Drift:
    drift_class, explanation = DriftClass.IN_SYNC, ""
    if not is_persisted(name, None, observed, catalog):
        drift_class, explanation = DriftClass.DRIFTED, "has a persisted entry still"
    elif observed is not None and observed.pending is not None:
        drift_class, explanation = DriftClass.PENDING_RESTART, observed.pending_reason
    return Drift(
        parameter=name,
        drift_class=drift_class,
        desired=None,
        observed=value_of(observed),
        origin=observed.in_force if observed is not None else None,
        explanation=explanation,
        is_deviation=drift_class is not DriftClass.IN_SYNC,
    )
