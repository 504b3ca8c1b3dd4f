"""Making steps: one batch for each option, one RECONFIGURE, and a restart where one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.plan import Blocked, Prior, Request, Step, StepKind
from setpoint.engines.port import StepsMade
from setpoint.engines.sqlserver.apply.refusal import find_refusals
from setpoint.engines.sqlserver.apply.wish import (
    Wish,
    is_written,
    make_release,
    make_wish,
    needs_override,
    needs_restart,
    number,
    scoped_text,
)
from setpoint.engines.sqlserver.dialect import (
    RECONFIGURE,
    RECONFIGURE_WITH_OVERRIDE,
    set_option,
    set_scoped,
)
from setpoint.engines.sqlserver.dialect.knowledge import ADVISED_AGAINST, CLEARS_PLANS, NO_EFFECT
from setpoint.engines.sqlserver.dialect.marks import is_advanced, is_unreconfigured, vendor_name
from setpoint.engines.sqlserver.dialect.statements import SHOW_ADVANCED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.engines.port import Release
    from setpoint.policy.waves import MemberOrder

_RAISED_FIRST = frozenset({SHOW_ADVANCED, "max_server_memory_mb"})
_LOWERED_FIRST = frozenset({"min_server_memory_mb"})
_RELOAD_REASON = "so that the configured values run"


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
        steps=tuple(_steps_of(granted, observation, catalog)),
        blocked=(*(one for one in (*made, *freed) if isinstance(one, Blocked)), *refusals.blocked.values()),
        operator_steps=refusals.operator_steps,
        warnings=(
            *(one for one in freed if isinstance(one, str) and one),
            *_warnings(granted, observation, catalog),
        ),
    )


def reloading() -> Step:
    """Answer the step that makes configured values run."""
    return _reload(RECONFIGURE, _RELOAD_REASON)


def order(parameter: str, *, is_growing: bool) -> MemberOrder:
    """Answer which members go first: the replicas of an availability group are configured each for itself."""
    del parameter, is_growing
    return "any"


def _reload(text: str, reason: str) -> Step:
    request = Request(text=text, is_read_only=False)
    return Step(kind=StepKind.RELOAD, do=(request,), undo=(request,), reason=reason)


def _steps_of(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Iterator[Step]:
    is_overriding = _is_overriding(wishes, catalog)
    was_hidden = _are_hidden(observation.settings.get(SHOW_ADVANCED))
    for wish in sorted(wishes, key=lambda wish: (_rank(wish, catalog), wish.name)):
        do = _persist(wish, wish.text, catalog, is_overriding=is_overriding)
        undo = _persist(wish, wish.prior, catalog, is_overriding=is_overriding, was_hidden=was_hidden)
        is_idle = is_written(wish, catalog)
        yield Step(
            kind=StepKind.SET,
            parameter=wish.name,
            text=wish.text,
            context=wish.parameter.context,
            prior=Prior(running=wish.observed.value, persisted=wish.prior),
            do=() if is_idle else do,
            undo=() if is_idle else undo,
            reason=wish.reason,
        )
    if any(_needs_reconfigure(wish, catalog) for wish in wishes):
        yield _reload(RECONFIGURE_WITH_OVERRIDE if is_overriding else RECONFIGURE, _RELOAD_REASON)
    waiting = sorted(wish.name for wish in wishes if needs_restart(wish, catalog))
    if waiting:
        yield Step(kind=StepKind.RESTART, reason=f"for {', '.join(waiting)}")


def _persist(
    wish: Wish, text: str | None, catalog: Catalog, *, is_overriding: bool, was_hidden: bool = False
) -> tuple[Request, ...]:
    """Write the request that gives the entry a text; there always is one."""
    name, words = vendor_name(wish.parameter), text or ""
    if wish.is_scoped:
        statement = set_scoped(name, scoped_text(wish.parameter, words, catalog))
    else:
        statement = set_option(
            name,
            number(wish.parameter, words, catalog),
            is_advanced=is_advanced(wish.parameter),
            is_overriding=is_overriding,
            was_hidden=was_hidden,
        )
    return (Request(text=statement, is_read_only=False),)


def _rank(wish: Wish, catalog: Catalog) -> int:
    """Answer what goes first and last, so that each stop on the way is a state the server takes."""
    grows = number(wish.parameter, wish.text, catalog) > number(wish.parameter, wish.prior or "0", catalog)
    if wish.name in _RAISED_FIRST:
        return -1 if grows else 1
    if wish.name in _LOWERED_FIRST:
        return 1 if grows else -1
    return 0


def _needs_reconfigure(wish: Wish, catalog: Catalog) -> bool:
    is_idle = is_written(wish, catalog) and not is_unreconfigured(wish.observed)
    return not wish.is_scoped and not is_idle


def _is_overriding(wishes: Sequence[Wish], catalog: Catalog) -> bool:
    return any(
        needs_override(wish.parameter, text, catalog) for wish in wishes for text in (wish.text, wish.prior)
    )


def _are_hidden(shown: ObservedSetting | None) -> bool:
    entry = shown.entry if shown is not None else None
    return shown is not None and shown.value == "0" and entry is not None and entry.text == "0"


def _warnings(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Iterator[str]:
    """Tell what a reader of the plan should know besides its steps."""
    for wish in wishes:
        if needs_override(wish.parameter, wish.text, catalog):
            yield f"{wish.name} = {wish.text} is beyond what is recommended, so WITH OVERRIDE is used"
        if wish.name in NO_EFFECT:
            yield f"{wish.name} has no effect in this version"
        if wish.name in ADVISED_AGAINST and number(wish.parameter, wish.text, catalog):
            yield f"{wish.name}: {ADVISED_AGAINST[wish.name]}"
        for origin in wish.observed.overrides:
            yield f"{wish.name} stays {origin.text} for sessions in {origin.scope}"
    clearing = sorted(wish.name for wish in wishes if wish.name in CLEARS_PLANS)
    if clearing:
        yield f"RECONFIGURE clears the plan cache for {', '.join(clearing)}: statements are compiled anew"
    yield from _bystander_warnings(wishes, observation, catalog)


def _bystander_warnings(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Iterator[str]:
    """Tell what else RECONFIGURE or a restart will bring in: they take all that waits."""
    touched = {wish.name for wish in wishes}
    reconfigures = any(_needs_reconfigure(wish, catalog) for wish in wishes)
    restarts = any(needs_restart(wish, catalog) for wish in wishes)
    for name, setting in sorted(observation.settings.items()):
        entry = setting.entry
        if name in touched or entry is None:
            continue
        if is_unreconfigured(setting) and reconfigures:
            yield f"RECONFIGURE also brings in {name} = {entry.text}, which somebody has written"
        elif setting.pending is not None and restarts:
            yield f"the restart also brings in {name} = {setting.pending}: {setting.pending_reason}"
