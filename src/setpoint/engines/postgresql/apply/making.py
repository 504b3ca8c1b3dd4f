"""Making steps: an order whose every stop is a valid state, one reload, and a restart where one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Context
from setpoint.engines.plan import Blocked, Prior, Request, Step, StepKind
from setpoint.engines.port import StepsMade
from setpoint.engines.postgresql.apply.refusal import find_refusals
from setpoint.engines.postgresql.apply.wish import (
    Wish,
    growth,
    is_text,
    make_release,
    make_wish,
    needs_restart,
    next_origin,
)
from setpoint.engines.postgresql.dialect import alter_system_reset, alter_system_set, knowledge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from setpoint.catalog import Catalog, Parameter
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation, ObservedSetting, Origin
    from setpoint.engines.port import Release

_RELOAD = Request(text="SELECT pg_reload_conf()", is_read_only=False)
_ROOM_MAKERS = frozenset({"max_connections", "wal_level"})
"""Other parameters take of what these give: they go up first and down last."""


def steps(
    desired: Mapping[str, SettingText],
    releases: Sequence[Release],
    observation: Observation,
    catalog: Catalog,
    reasons: Mapping[str, str],
) -> StepsMade:
    """Answer the steps for the parameters that differ in meaning."""
    asked = {name: text for name, text in desired.items() if text is not None}
    made = [
        make_wish(name, asked[name], observation, catalog, reasons.get(name, "")) for name in sorted(asked)
    ]
    fold = catalog.grammar.fold_name
    still_asked = {fold(name) for name in asked}
    freed = [
        make_release(release, observation, catalog)
        for release in releases
        if fold(release.parameter) not in still_asked
    ]
    wishes = [wish for wish in (*made, *freed) if isinstance(wish, Wish)]
    refusals = find_refusals(wishes, observation, catalog)
    granted = [wish for wish in wishes if wish.name not in refusals.blocked]
    return StepsMade(
        steps=tuple(_steps_of(granted, catalog)),
        blocked=(*(one for one in made if isinstance(one, Blocked)), *refusals.blocked.values()),
        operator_steps=refusals.operator_steps,
        warnings=(
            *(one for one in freed if isinstance(one, str) and one),
            *_warnings(granted, observation, catalog),
        ),
    )


def reloading() -> Step:
    """Answer the step that has the server read its files."""
    return Step(kind=StepKind.RELOAD, do=(_RELOAD,), undo=(_RELOAD,), reason="so that the files are read")


def _steps_of(wishes: Sequence[Wish], catalog: Catalog) -> Iterator[Step]:
    if not wishes:
        return
    for wish in sorted(wishes, key=lambda wish: (_rank(wish, catalog), wish.name.lower())):
        yield _step(wish)
    yield reloading()
    waiting = sorted(wish.name for wish in wishes if needs_restart(wish, catalog))
    if waiting:
        yield Step(kind=StepKind.RESTART, reason=f"for {', '.join(waiting)}")


def _rank(wish: Wish, catalog: Catalog) -> int:
    return -growth(wish, catalog) if wish.name in _ROOM_MAKERS else 0


def _step(wish: Wish) -> Step:
    persisted = wish.observed.entry
    prior = persisted.text if persisted is not None else None
    return Step(
        kind=StepKind.RESET if wish.text is None else StepKind.SET,
        parameter=wish.name,
        text=wish.text,
        context=wish.parameter.context,
        prior=Prior(running=wish.observed.value, persisted=prior),
        do=(_persist(wish.parameter, wish.text),),
        undo=(_persist(wish.parameter, prior),),
        reason=wish.reason,
    )


def _persist(parameter: Parameter, text: SettingText) -> Request:
    statement = alter_system_reset(parameter.name) if text is None else alter_system_set(parameter, text)
    return Request(text=statement, is_read_only=False)


def _warnings(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Iterator[str]:
    """Tell what a reader of the plan should know besides its steps."""
    if not wishes:
        return
    yield from _bystander_warnings(wishes, observation, catalog)
    if observation.metrics.get("repl.standbys"):
        grown = [w.name for w in wishes if w.name in knowledge.HOT_STANDBY and growth(w, catalog) > 0]
        if grown:
            yield f"raise {', '.join(grown)} on the standbys first: one with less than its primary stops"
    for wish in wishes:
        if wish.parameter.context is Context.RECONNECT:
            yield f"{wish.name} takes effect in sessions that begin after the reload"
        for origin in wish.observed.overrides:
            if wish.outcome is None or not is_text(wish.name, wish.outcome, origin.text, catalog):
                yield f"{wish.name} stays {origin.text} for sessions of {origin.scope}"


def _bystander_warnings(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Iterator[str]:
    """Tell what else a reload or a restart will bring in, because somebody wrote it and did not load it."""
    touched = {wish.name for wish in wishes}
    restarts = any(needs_restart(wish, catalog) for wish in wishes)
    for name, setting in sorted(observation.settings.items()):
        parameter = catalog.find(name)
        if name in touched or parameter is None:
            continue
        following = next_origin(setting)
        if setting.pending is not None:
            if restarts:
                yield f"the restart also brings in {name} = {setting.pending}: {setting.pending_reason}"
        elif following is not None and _is_unloaded(following, setting, name, catalog):
            yield f"the reload also brings in {name} = {following.text} ({following}), not loaded so far"


def _is_unloaded(following: Origin, setting: ObservedSetting, name: str, catalog: Catalog) -> bool:
    if following.is_in_force or following.fault:
        return False
    return not is_text(name, following.text, setting.value, catalog)
