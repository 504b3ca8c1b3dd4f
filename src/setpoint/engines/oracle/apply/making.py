"""Making steps: an order whose every stop is a valid state, and a restart where one is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from setpoint.catalog import Context
from setpoint.config.observation import OriginKind
from setpoint.engines.oracle.apply.refusal import Refusals, find_refusals, is_held_back
from setpoint.engines.oracle.apply.wish import (
    Wish,
    make_release,
    make_wish,
    number,
    outcome_of,
    sid_for,
    words,
)
from setpoint.engines.oracle.dialect import ALL, GRAMMAR, alter_system_reset, alter_system_set, block
from setpoint.engines.plan import Blocked, Prior, Request, Step, StepKind
from setpoint.engines.port import StepsMade
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from setpoint.catalog import Catalog, Parameter, Value
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.order import Back
    from setpoint.engines.port import Release

_ROOM_MAKERS = frozenset({"memory_target", "sga_target", "parallel_max_servers", "pga_aggregate_limit"})
"""Others take of what these give: they go up first and down last."""


class WayBack(NamedTuple):
    """How one parameter is put back: whose entry it is, and the statements, to be run in one go."""

    parameter: Parameter
    sid: str
    statements: tuple[str, ...]


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
    still_asked = {name.lower() for name in asked}
    freed = [
        make_release(release, observation, catalog)
        for release in releases
        if release.parameter.lower() not in still_asked
    ]
    wishes = [wish for wish in (*made, *freed) if isinstance(wish, Wish)]
    wishes = [replace(wish, is_held_back=is_held_back(wish, wishes, catalog)) for wish in wishes]
    refusals = find_refusals(wishes, observation, catalog)
    granted = [wish for wish in wishes if wish.name not in refusals.blocked]
    return _made(granted, refusals, made, freed, observation, catalog)


def way_back(back: Back, observation: Observation, catalog: Catalog) -> WayBack | None:
    """Answer how one parameter of an order is put back; None where the server does not list it.

    Asked before the override is there, so what it will say is taken as standing. Raises `InputError`.
    """
    parameter = catalog.find(back.parameter)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None:
        return None
    outcome = outcome_of(back.back, back.running, observed)
    wish = Wish(parameter, observed, back.back, outcome, "", sid_for(observed, observation))
    return WayBack(parameter, wish.sid, _statements(wish, back.back, outcome))


def reloading() -> Step:
    """Answer a step that does nothing: what is written with SCOPE=BOTH runs already."""
    return Step(kind=StepKind.RELOAD, reason="the server loads nothing but at its start")


def _made(
    granted: Sequence[Wish],
    refusals: Refusals,
    made: Sequence[Wish | Blocked | None],
    freed: Sequence[Wish | str],
    observation: Observation,
    catalog: Catalog,
) -> StepsMade:
    return StepsMade(
        steps=tuple(_steps_of(granted, catalog)),
        blocked=(*(one for one in made if isinstance(one, Blocked)), *refusals.blocked.values()),
        operator_steps=refusals.operator_steps,
        warnings=(
            *(one for one in freed if isinstance(one, str) and one),
            *_warnings(granted, observation),
        ),
    )


def _steps_of(wishes: Sequence[Wish], catalog: Catalog) -> Iterator[Step]:
    for wish in sorted(wishes, key=lambda wish: (_rank(wish, catalog), wish.name)):
        yield _step(wish)
    waiting = sorted(wish.name for wish in wishes if wish.waits and not _is_running(wish, catalog))
    if waiting:
        yield Step(kind=StepKind.RESTART, reason=f"for {', '.join(waiting)}")


def _rank(wish: Wish, catalog: Catalog) -> int:
    if wish.name not in _ROOM_MAKERS or wish.outcome is None or wish.observed.value is None:
        return 0
    now, then = (number(_value(wish, text, catalog)) for text in (wish.observed.value, wish.outcome))
    return -1 if then > now else 1


def _value(wish: Wish, text: SettingText, catalog: Catalog) -> float:
    try:
        return number(catalog.parse(wish.name, text or ""))
    except InputError:
        return 0.0


def _is_running(wish: Wish, catalog: Catalog) -> bool:
    if wish.outcome is None or wish.observed.value is None:
        return False
    return catalog.is_same(wish.name, wish.outcome, wish.observed.value)


def _step(wish: Wish) -> Step:
    return Step(
        kind=StepKind.RESET if wish.text is None else StepKind.SET,
        parameter=wish.name,
        text=wish.text,
        context=Context.RESTART if wish.is_held_back else wish.parameter.context,
        prior=Prior(running=wish.observed.value, persisted=wish.prior),
        do=(_request(_statements(wish, wish.text, wish.outcome)),),
        undo=(_request(_statements(wish, wish.prior, wish.observed.value)),),
        reason=wish.reason,
        is_passing=wish.observed.is_passing,
    )


def _request(statements: tuple[str, ...]) -> Request:
    return Request(text=block(statements), is_read_only=False)


def _statements(wish: Wish, entry: SettingText, running: SettingText) -> tuple[str, ...]:
    """Answer the statements that leave an entry (None: none) in the file and a text running.

    Memory goes first: whoever dies in between leaves an entry by which it is seen that more is to be done.
    """
    parameter, sid = wish.parameter, wish.sid
    if wish.observed.is_passing:
        return (alter_system_set(parameter, running, scope="MEMORY", sid=sid),)
    if entry is None:
        in_file = alter_system_reset(parameter.name, sid=sid)
    else:
        in_file = alter_system_set(parameter, entry, scope="SPFILE", sid=sid)
    if wish.waits or running is None:
        return (in_file,)
    if entry is not None and parameter.is_same(_read(wish, entry), _read(wish, running)):
        return (alter_system_set(parameter, entry, scope="BOTH", sid=sid),)
    return (alter_system_set(parameter, running, scope="MEMORY", sid=sid), in_file)


def _read(wish: Wish, text: SettingText) -> Value:
    return wish.parameter.parse(text or "", GRAMMAR)


def _warnings(wishes: Sequence[Wish], observation: Observation) -> Iterator[str]:
    """Tell what a reader of the plan should know besides its steps."""
    instances = observation.facts.sources.get("instances", "")
    for_all = [wish.name for wish in wishes if wish.sid == ALL]
    if instances and for_all:
        yield f"{', '.join(for_all)}: set for all instances of the cluster ({instances})"
    for wish in wishes:
        yield from _warnings_of(wish)
    if any(wish.waits for wish in wishes):
        yield from _bystander_warnings({wish.name for wish in wishes}, observation)


def _warnings_of(wish: Wish) -> Iterator[str]:
    if wish.parameter.context is Context.RECONNECT and not wish.waits:
        yield f"{wish.name} takes effect in sessions that begin after the change"
    if wish.observed.is_passing:
        yield f"{wish.name} holds until the next restart: the instance has no server parameter file"
    if wish.text is None and wish.outcome is None and not wish.waits:
        yield f"{wish.name} runs {wish.observed.value} until a restart: its default is worked out then"
    if wish.is_held_back:
        yield f"{wish.name} waits for a restart: it cannot come to {words(wish.outcome)} before"


def _bystander_warnings(touched: set[str], observation: Observation) -> Iterator[str]:
    """Tell what else a restart will bring in or end."""
    others = [(name, each) for name, each in sorted(observation.settings.items()) if name not in touched]
    for name, setting in others:
        if setting.pending is not None:
            yield f"the restart also brings in {name} = {setting.pending}: {setting.pending_reason}"
    passing = [
        name
        for name, each in others
        if each.in_force is not None and each.in_force.kind is OriginKind.RUNTIME
    ]
    if passing:
        yield f"the restart also ends what was set in memory alone: {', '.join(passing)}"
