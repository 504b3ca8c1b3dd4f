"""The post-mortem of an override: what happened, who did it and why, what it did, and what should stay.

Put together from the audit log, the override's own record and what was seen of the instance. Nothing is
judged that was not measured, and where something is not known that is said.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.configuration import SettingText
from setpoint.config.override import LinkState, Override
from setpoint.control import overridden, words
from setpoint.control.overrides import reviewing
from setpoint.control.overrides.measurement import Effect, Phase, Shift, effects_of, shifts_of
from setpoint.control.overrides.timeline import Event, events_of, started_row, written_in
from setpoint.control.watch import catalog_of
from setpoint.policy.incident import Incident

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.config.observation import Observation
    from setpoint.control.context import Context

    Show = Callable[[str, str | None], str | None]
    """Writes a parameter's running value."""

_SHORTEST_VIEW = timedelta(hours=1)
_LONGEST_VIEW = timedelta(days=1)
"""How far the times before and after reach at least and at most; else they last as long as the override."""

_MOST_SEEN = 200
"""How many observations of each time are looked at."""

_PAGE_SEEN = 25
_AGAIN_WITHIN = timedelta(days=90)
_WEAK = (LinkState.FAILED, LinkState.ABSENT)


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """By which right an override was started.

    `change` is the approved change it rests on, `approvers` those who gave it their voices, `is_single_user`
    tells of a store without people, in which whoever opens it may do everything.
    """

    by: str
    account: str
    is_single_user: bool = False
    change: str = ""
    approvers: tuple[str, ...] = ()


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One overridden parameter, from before to after.

    `before` and `ours` are what stood persisted and what was set; `running_before`, `running_during` and
    `running_after` what the instance said, None where it was not looked at. `found` is what a person wrote
    meanwhile, which was left standing where `is_clash` is set.
    """

    parameter: str
    before: SettingText
    ours: SettingText
    running_before: str | None
    running_during: str | None
    running_after: str | None
    is_managed: bool
    is_clash: bool = False
    found: SettingText = None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """How many observations of a time the figures rest on; with fewer than two there are none.

    `is_cut` tells that there are more, which were not looked at.
    """

    starts_at: datetime
    ends_at: datetime
    observations: int
    is_enough: bool
    is_cut: bool


class PostMortem(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of an override by `at`.

    `is_final` tells that the time looked at after it is over. `weak_links` are the links of the chain that
    would not have ended it. `again` counts, by parameter, the other overrides of it on this instance within
    90 days before. `is_reviewed_by_starter` tells who wrote the review, `has_others` whether people are known
    who could have written it instead.
    """

    override: Override
    at: datetime
    is_final: bool
    authority: Authority
    timeline: tuple[Event, ...]
    parameters: tuple[Course, ...]
    before: Measured
    during: Measured
    after: Measured
    effects: tuple[Effect, ...]
    shifts: tuple[Shift, ...]
    incidents: tuple[Incident, ...]
    weak_links: tuple[str, ...]
    again: dict[str, int]
    late_seconds: float | None
    is_review_late: bool
    is_reviewed_by_starter: bool
    has_others: bool


def look_back(context: Context, text: str) -> PostMortem:
    """Put the post-mortem of an override together, as far as it has come.

    Raises `NotFoundError`; `TamperedError` where the log it rests on was bent.
    """
    override = overridden.find(context, text).value
    now = context.now()
    last = now if override.ended_at is None else override.ended_at + _view(override, override.ended_at)
    until = min(now, last)
    events = events_of(context, override, until)
    phases = _phases(context, override, until)
    before, during, after = phases
    show = _shower(context, override.instance, phases)
    held = frozenset(each.parameter.lower() for each in override.held)
    return PostMortem(
        override=_masked(override),
        at=now,
        is_final=override.ended_at is not None and now >= last,
        authority=_authority(context, override),
        timeline=events,
        parameters=_courses(override, during, after, show),
        before=_measured(before),
        during=_measured(during),
        after=_measured(after),
        effects=effects_of(before, during, after),
        shifts=tuple(
            msgspec.structs.replace(
                each, before=show(each.parameter, each.before), after=show(each.parameter, each.after)
            )
            for each in shifts_of(phases, held, written_in(events))
        ),
        incidents=_incidents(context, override, until),
        weak_links=tuple(
            f"{link.kind.value}: {link.state.value}" + (f" ({link.detail})" if link.detail else "")
            for link in override.links
            if link.state in _WEAK
        ),
        again=_again(context, override),
        late_seconds=override.late_seconds,
        is_review_late=reviewing.is_late(override, now),
        is_reviewed_by_starter=override.review is not None and override.review.by == override.by,
        has_others=_knows_others(context, override),
    )


def _view(override: Override, end: datetime) -> timedelta:
    """Answer how long the times before and after are, so that like is compared with like."""
    return min(max(end - override.started_at, _SHORTEST_VIEW), _LONGEST_VIEW)


def _phases(context: Context, override: Override, until: datetime) -> tuple[Phase, Phase, Phase]:
    """Look at the times before, during and after; what was seen while it came and went is of neither."""
    name, start = override.instance, override.active_at or override.started_at
    end = min(override.ending_at or override.ended_at or until, until)
    before = _phase(context, name, override.started_at - _view(override, end), override.started_at)
    during = _phase(context, name, start, max(start, end))
    gone = override.ended_at or until
    after = _phase(context, name, gone, max(gone, until)) if override.ended_at is not None else None
    return before, during, after or Phase(starts_at=until, ends_at=until)


def _phase(context: Context, name: str, start: datetime, end: datetime) -> Phase:
    seen: list[Observation] = []
    bound = end + timedelta(microseconds=1)
    while len(seen) < _MOST_SEEN:
        page = context.store.snapshots.history(name, limit=_PAGE_SEEN, before=bound)
        seen += [each for each in page if each.at >= start]
        if len(page) < _PAGE_SEEN or page[-1].at < start:
            break
        bound = page[-1].at
    is_cut = len(seen) >= _MOST_SEEN
    return Phase(starts_at=start, ends_at=end, seen=tuple(reversed(seen)), is_cut=is_cut)


def _measured(phase: Phase) -> Measured:
    return Measured(
        starts_at=phase.starts_at,
        ends_at=phase.ends_at,
        observations=len(phase.seen),
        is_enough=phase.is_enough,
        is_cut=phase.is_cut,
    )


def _shower(context: Context, name: str, phases: tuple[Phase, ...]) -> Show:
    """Answer what writes a running value with its unit, as the engine does; as it is where that is gone."""
    instance = context.head()[1].instances.get(name)
    seen = [observation for phase in phases for observation in phase.seen[-1:]]
    if instance is None or not seen:
        return lambda _parameter, text: text
    catalog = catalog_of(context, instance, seen[-1])
    return lambda parameter, text: None if text is None else catalog.show(parameter, text)


def _courses(override: Override, during: Phase, after: Phase, show: Show) -> tuple[Course, ...]:
    clashes = {clash.parameter.lower(): clash for clash in override.clashes}
    found: list[Course] = []
    for held in override.held:
        clash = clashes.get(held.parameter.lower())
        found.append(
            Course(
                parameter=held.parameter,
                before=_masked_text(held.before),
                ours=_masked_text(held.ours),
                running_before=show(held.parameter, held.running_before),
                running_during=show(held.parameter, _running(during, held.parameter)),
                running_after=show(held.parameter, _running(after, held.parameter)),
                is_managed=held.is_managed,
                is_clash=clash is not None,
                found=_masked_text(clash.found) if clash is not None else None,
            )
        )
    return tuple(found)


def _running(phase: Phase, parameter: str) -> str | None:
    """Answer what an instance was last seen to run in a time."""
    observed = phase.seen[-1].setting(parameter) if phase.seen else None
    return observed.value if observed is not None else None


def _authority(context: Context, override: Override) -> Authority:
    row = started_row(context, override)
    detail = row.detail if row is not None else {}
    asked = context.store.changes.find(override.change) if override.change else None
    voices = asked.value.voices if asked is not None else ()
    return Authority(
        by=override.by,
        account=override.account,
        is_single_user=detail.get("authority") == "single user",
        change=override.change,
        approvers=tuple(voice.by for voice in voices),
    )


def _incidents(context: Context, override: Override, until: datetime) -> tuple[Incident, ...]:
    """Answer the incidents that were found on the instance in that time, the first one first."""
    found = [
        kept.value
        for kept in context.store.incidents.all().values()
        if kept.value.instance == override.instance and override.started_at <= kept.value.found_at <= until
    ]
    return tuple(sorted(found, key=lambda each: (each.found_at, each.id)))


def _again(context: Context, override: Override) -> dict[str, int]:
    """Count the earlier overrides of the same parameters: what comes often could be set for good."""
    since = override.started_at - _AGAIN_WITHIN
    counts: dict[str, int] = {}
    for each in overridden.overrides(context, instance=override.instance):
        if each.id == override.id or not since <= each.started_at <= override.started_at:
            continue
        names = {held.parameter.lower() for held in each.held}
        for held in override.held:
            if held.parameter.lower() in names:
                counts[held.parameter] = counts.get(held.parameter, 0) + 1
    return counts


def _knows_others(context: Context, override: Override) -> bool:
    """Tell whether anybody but the starter is known."""
    people = context.store.people.all().values()
    return any(
        kept.value.removed_at is None and not kept.value.is_service and kept.value.name != override.by
        for kept in people
    )


def _masked(override: Override) -> Override:
    """Answer an override as it is shown: no password inside a text of it."""
    held = tuple(
        msgspec.structs.replace(each, ours=_masked_text(each.ours), before=_masked_text(each.before))
        for each in override.held
    )
    clashes = tuple(
        msgspec.structs.replace(each, ours=_masked_text(each.ours), found=_masked_text(each.found))
        for each in override.clashes
    )
    return msgspec.structs.replace(override, held=held, clashes=clashes)


def _masked_text(text: SettingText) -> SettingText:
    if isinstance(text, tuple):
        return tuple(words.masked(each) for each in text)
    return words.masked(text) if text is not None else None
