"""Making steps: each variable with its own statement and way back, and a restart where one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Context
from setpoint.engines.mysql.apply.coupling import join, mending, uncoupling, warn
from setpoint.engines.mysql.apply.refusal import find_refusals
from setpoint.engines.mysql.apply.wish import (
    Means,
    Wish,
    file_line,
    growth,
    is_text,
    make_release,
    make_wish,
    text_at_start,
    text_below,
)
from setpoint.engines.mysql.dialect.agent_words import write_file
from setpoint.engines.mysql.dialect.statements import (
    expression,
    reset_persist,
    set_global,
    set_persist,
    set_persist_only,
)
from setpoint.engines.plan import Blocked, Prior, Request, Step, StepKind
from setpoint.engines.port import StepsMade

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from setpoint.catalog import Catalog, Parameter
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.port import Release

_ROOM_MAKERS = frozenset({
    "max_connections", "max_allowed_packet", "innodb_io_capacity_max", "max_binlog_cache_size",
    "max_relay_log_size", "innodb_buffer_pool_size_max", "thread_pool_max_threads", "max_heap_table_size",
})  # fmt: skip
"""Others may not be larger than these: they go up first and down last."""

_NOTHING = Request(text="DO 0")


def steps(
    desired: Mapping[str, SettingText],
    releases: Sequence[Release],
    observation: Observation,
    catalog: Catalog,
    reasons: Mapping[str, str],
    passing: Collection[str],
    *,
    keeps: bool,
) -> StepsMade:
    """Answer the steps for the variables that differ in meaning; `keeps` tells of SET PERSIST."""
    asked = {name: text for name, text in desired.items() if text is not None}
    made = [
        make_wish(
            name, asked[name], observation, catalog, reasons.get(name, ""), keeps=keeps, passing=passing
        )
        for name in sorted(asked)
    ]
    fold = catalog.grammar.fold_name
    still_asked = {fold(name): text for name, text in asked.items()}
    freed = [
        make_release(release, observation, catalog, keeps=keeps)
        for release in releases
        if fold(release.parameter) not in still_asked
    ]
    wishes = [wish for wish in (*made, *freed) if isinstance(wish, Wish)]
    refusals = find_refusals(wishes, still_asked, observation, catalog, passing)
    granted = [wish for wish in wishes if wish.name not in refusals.blocked]
    return StepsMade(
        steps=tuple(_steps_of(granted, observation, catalog)),
        blocked=(*(one for one in made if isinstance(one, Blocked)), *refusals.blocked.values()),
        operator_steps=(*refusals.operator_steps, *_lasting(granted, observation)),
        warnings=(
            *(one for one in freed if isinstance(one, str) and one),
            *_warnings(granted, observation, catalog),
        ),
    )


def reloading() -> Step:
    """Answer a step that does nothing: what is set runs at once, and files are read at a start alone."""
    return Step(kind=StepKind.RELOAD, do=(_NOTHING,), undo=(_NOTHING,), reason="nothing has to be loaded")


def _steps_of(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Iterator[Step]:
    ordered = sorted(wishes, key=lambda wish: (_rank(wish, catalog), wish.name))
    made = [_step(wish, observation, catalog) for wish in ordered]
    yield from join(made, wishes)
    waiting = sorted(wish.name for wish in wishes if _waits(wish, catalog))
    if waiting:
        yield Step(kind=StepKind.RESTART, reason=f"for {', '.join(waiting)}")


def _rank(wish: Wish, catalog: Catalog) -> int:
    return -growth(wish, catalog) if wish.name in _ROOM_MAKERS else 0


def _waits(wish: Wish, catalog: Catalog) -> bool:
    if not wish.parameter.needs_restart:
        return False
    text = wish.text if wish.text is not None else text_below(wish.observed)
    return text is None or not catalog.is_same(wish.name, text, wish.observed.value or "")


def _step(wish: Wish, observation: Observation, catalog: Catalog) -> Step:
    entry = wish.observed.entry
    prior = entry.text if entry is not None else None
    line = file_line(wish.observed, observation.managed_file)
    before = line.text if line is not None else None
    do, undo = (
        _requests(wish.parameter, wish.means, wish.text, wish.running),
        _requests(wish.parameter, wish.means, prior, wish.observed.value),
    )
    do += tuple(mending(wish, observation))
    undo += tuple(uncoupling(wish, observation))
    if wish.means is Means.FILE:
        do, undo = (_writing(wish.name, prior, wish.text),), (_writing(wish.name, wish.text, prior),)
    elif wish.is_written:
        do += (_writing(wish.name, before, wish.line),)
        undo += (_writing(wish.name, wish.line, before),)
    return Step(
        kind=StepKind.RESET if wish.text is None else StepKind.SET,
        parameter=wish.name,
        text=wish.text,
        context=wish.parameter.context,
        prior=Prior(running=wish.observed.value, persisted=prior),
        do=do,
        undo=undo,
        reason=wish.reason,
        is_passing=_is_passing(wish, prior, catalog),
    )


def _is_passing(wish: Wish, prior: str | None, catalog: Catalog) -> bool:
    """Tell whether a restart takes a step away by itself, and brings what the step goes back to.

    A line that stands in a file says what a start brings; another value than ran before is not the way back.
    """
    if wish.means is not Means.RUN or wish.is_written:
        return False
    brought = text_at_start(wish.observed)
    return brought is None or is_text(wish.parameter, brought, prior, catalog)


def _requests(
    parameter: Parameter, means: Means, text: str | None, running: str | None
) -> tuple[Request, ...]:
    """Answer what makes a text the entry; where there is to be none, `running` runs until the next start."""
    name = parameter.name
    if means is Means.RUN:
        statement = set_global(name, expression(parameter, text or ""))
    elif text is None:
        statement = reset_persist(name)
        if means is Means.KEEP and running is not None:
            statement = f"{set_global(name, expression(parameter, running))}; {statement}"
    elif means is Means.KEEP:
        statement = set_persist(name, expression(parameter, text))
    else:
        statement = set_persist_only(name, expression(parameter, text))
    return (Request(text=statement, is_read_only=False),)


def _writing(name: str, expected: str | None, text: str | None) -> Request:
    return Request(text="", is_read_only=False, agent=write_file(name, expected, text))


def _lasting(wishes: Sequence[Wish], observation: Observation) -> Iterator[str]:
    """Tell what a person must write down where the server keeps nothing and no agent writes for us."""
    if observation.managed_file:
        return
    passing = [w for w in wishes if w.means is Means.RUN and not w.is_passing and not w.is_release]
    if passing:
        lines = ", ".join(f"{wish.name} = {wish.text}" for wish in passing)
        yield f"in the server's option file, group [mysqld], so that a restart keeps it: {lines}"


def _warnings(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Iterator[str]:
    """Tell what a reader of the plan should know besides its steps."""
    if observation.agent_fault:
        yield f"no option file can be written: {observation.agent_fault}"
    if not wishes:
        return
    if any(_waits(wish, catalog) for wish in wishes):
        yield from _bystanders(wishes, observation)
    names = {wish.name for wish in wishes}
    for wish in wishes:
        yield from warn(wish, names, observation)
        if wish.parameter.context is Context.RECONNECT:
            yield f"{wish.name} takes effect in sessions that begin afterwards"
        if wish.parameter.needs_restart and wish.means is Means.KEEP_FOR_START:
            continue
        line = next((o for o in wish.observed.origins if o.fault and o.file), None)
        if line is not None:
            yield f"{wish.name} also stands in {line.file}:{line.line}: {line.fault}"


def _bystanders(wishes: Sequence[Wish], observation: Observation) -> Iterator[str]:
    """Tell what else a restart will bring in, because somebody wrote it down and did not restart."""
    touched = {wish.name for wish in wishes}
    for name, setting in sorted(observation.settings.items()):
        if name not in touched and setting.pending is not None:
            yield f"the restart also brings in {name} = {setting.pending}: {setting.pending_reason}"
