"""A post-mortem told in chapters of lines and tables, whatever it is written on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from setpoint.faces.cli.override_page import (
    LINK_HEAD,
    clash_lines,
    ended_text,
    link_rows,
    review_span,
    settings_text,
    span_text,
    state_span,
    text_of,
)
from setpoint.faces.cli.page import Span, Table
from setpoint.faces.cli.wording import counted, moment_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.control.overrides.measurement import Effect, Figure
    from setpoint.control.overrides.postmortem import Course, Measured, PostMortem
    from setpoint.control.overrides.timeline import Event
    from setpoint.faces.cli.page import Block, Piece

_UNTOLD = frozenset({"account", "authority", "plan", "apply", "digest", "is_undo", "steps"})
"""What an audit row's detail holds for programs."""

_MOST_TOLD = 300
_LATE_SECONDS = 1.0
_NO_PREDICTION = "no prediction was made"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A title and what stands below it."""

    title: str
    blocks: Sequence[Block]


def title_of(found: PostMortem) -> str:
    """Name the post-mortem."""
    return f"Post-mortem of override {found.override.id}"


def tell_story(found: PostMortem) -> list[Chapter]:
    """Tell a post-mortem, what matters most first: chapters with a title and blocks."""
    return [
        Chapter("In short", list(_in_short(found))),
        Chapter("Why, and by which authority", list(_authority(found))),
        Chapter("Parameters", [_parameters(found), *_red(clash_lines(found.override))]),
        Chapter("How it ended", list(_ending(found))),
        Chapter("What happened", [_timeline(found)]),
        Chapter("Predicted and measured", list(_measured(found))),
        Chapter("Side effects", list(_side_effects(found))),
        Chapter("What should stay", list(_lessons(found))),
        Chapter("Review", list(_review(found))),
    ]


def story_page(found: PostMortem) -> list[Block]:
    """Lay a post-mortem out for a terminal."""
    page: list[Block] = [Span(title_of(found), "strong")]
    for chapter in tell_story(found):
        page += ["", Span(chapter.title, "strong"), *chapter.blocks]
    return page


def event_text(event: Event) -> str:
    """Write what an audit row tells beside who did what to what."""
    untold = _UNTOLD | {"override"} if event.is_own else _UNTOLD
    told = (
        f"{name}: {_value_text(value)}"
        for name, value in event.detail.items()
        if name not in untold and value not in ("", None, [], {})
    )
    text = "; ".join(told)
    return text if len(text) <= _MOST_TOLD else f"{text[:_MOST_TOLD]} ..."


def figure_text(figure: Figure | None, phase: Measured) -> str:
    """Write a figure with how its values lie and how many they are, or why there is none."""
    if figure is None:
        return "not enough observations" if not phase.is_enough else "not known"
    middle = number_text(figure.middle)
    if figure.values == 1 or figure.spread == 0:
        return f"{middle} ({counted(figure.values, 'value')})"
    least, greatest = number_text(figure.least), number_text(figure.greatest)
    return f"{middle} ({least} to {greatest}, {counted(figure.values, 'value')})"


def number_text(number: float) -> str:
    """Write a number with three digits, large ones whole."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"  # noqa: PLR2004 - where groups begin


def _in_short(found: PostMortem) -> Iterator[Block]:
    override = found.override
    yield (state_span(override, found.at), f", as of {moment_text(found.at)}")
    start = moment_text(override.started_at)
    yield f"{override.by} set {settings_text(override)} on {override.instance} at {start}."
    if override.ended_at is not None:
        lasted = span_text((override.ended_at - override.started_at).total_seconds())
        yield f"It lasted {lasted} and ended {ended_text(override)}."
    else:
        yield f"It has not ended; it is due {moment_text(override.deadline)}."
    moved = sum(effect.is_moved is True for effect in found.effects)
    others, incidents = (
        counted(len(found.shifts), "other parameter"),
        counted(len(found.incidents), "incident"),
    )
    yield (
        f"Meanwhile {counted(moved, 'metric')} moved by more than usual, {others} changed and {incidents}"
        " came up."
    )
    if not found.is_final:
        yield Span("The time looked at after it is not over yet: figures of it can still change.", "warn")


def _authority(found: PostMortem) -> Iterator[Block]:
    override, authority = found.override, found.authority
    account = f" ({authority.account})" if authority.account else ""
    yield f"{authority.by}{account}: {override.because}"
    if override.ticket:
        yield f"Ticket: {override.ticket}"
    if authority.is_single_user:
        yield "Authority: the only user of a store without people, who may do everything."
    elif authority.change:
        voices = ", ".join(authority.approvers) or "nobody"
        yield f"Authority: the approved change {authority.change}, approved by {voices}."
    else:
        yield "Authority: their own right, by role and policy; nobody was asked first."
    for each in override.extensions:
        until = moment_text(each.deadline)
        yield f"Extended by {each.by} at {moment_text(each.at)} until {until}: {each.because}"
    yield from (f"Guard: {guard}" for guard in override.guards)


def _parameters(found: PostMortem) -> Table:
    head = ("PARAMETER", "OURS", "BEFORE", "RAN BEFORE", "RAN DURING", "RAN AFTER", "NOTE")
    is_read_back = found.override.active_at is not None
    return Table(head, [_course(each, is_read_back=is_read_back) for each in found.parameters])


def _course(course: Course, *, is_read_back: bool) -> tuple[Piece, ...]:
    during = course.running_during
    if during is None:
        during = "ours, as read back" if is_read_back else "not seen"
    note = "managed here before" if course.is_managed else "not managed before"
    return (
        course.parameter,
        Span(text_of(course.ours), "strong"),
        text_of(course.before),
        course.running_before if course.running_before is not None else "not seen",
        during,
        course.running_after if course.running_after is not None else "not seen",
        Span("left as somebody changed it", "bad") if course.is_clash else note,
    )


def _ending(found: PostMortem) -> Iterator[Block]:
    override = found.override
    if override.ended_at is None:
        yield (Span("It has not ended: ", "warn"), state_span(override, found.at))
    else:
        late = found.late_seconds or 0.0
        yield Span(f"Ended {ended_text(override)}.", "bad" if late > _LATE_SECONDS else "good")
    if override.overdue_at is not None:
        yield Span(f"The alarm that it was overdue was raised at {moment_text(override.overdue_at)}.", "bad")
    yield Table(LINK_HEAD, link_rows(override))
    yield from _red(f"Would not have ended it: {link}" for link in found.weak_links)


def _timeline(found: PostMortem) -> Block:
    if not found.timeline:
        return "No row of the audit log speaks of it."
    rows: list[tuple[Piece, ...]] = [
        (
            moment_text(event.at),
            event.actor,
            Span(event.action, "strong") if event.is_own else event.action,
            event.subject,
            event_text(event),
            str(event.seq),
        )
        for event in found.timeline
    ]
    return Table(("WHEN", "WHO", "DID", "TO", "DETAIL", "ROW"), rows)


def _measured(found: PostMortem) -> Iterator[Block]:
    predicted = found.override.predicted
    yield f"Predicted: {predicted or _NO_PREDICTION}."
    for name, phase in (("before", found.before), ("during", found.during), ("after", found.after)):
        yield _rests_on(name, phase)
    shown = [each for each in found.effects if not _is_nought(each)]
    shown.sort(key=lambda each: (each.is_moved is not True, each.metric))
    if shown:
        head = ("METRIC", "IS", "BEFORE", "DURING", "AFTER", "MOVED")
        yield Table(head, [_effect(each, found) for each in shown])
    else:
        yield "There is no figure of any metric."
    nought = len(found.effects) - len(shown)
    if nought:
        yield Span(f"{counted(nought, 'more metric')} stayed at 0.", "dim")


def _rests_on(name: str, phase: Measured) -> str:
    span = f"{moment_text(phase.starts_at)} to {moment_text(phase.ends_at)}"
    seen = counted(phase.observations, "observation")
    text = f"Measured {name}: {span}, {seen}"
    if phase.is_cut:
        text += " (the last of more)"
    return text + ("." if phase.is_enough else ": not enough observations for figures.")


def _effect(effect: Effect, found: PostMortem) -> tuple[Piece, ...]:
    if effect.is_moved is None:
        moved = Span("cannot be told", "dim")
    elif not effect.is_moved:
        moved = Span("no more than usual", "dim")
    else:
        back = {True: ", and is back", False: ", and is not back", None: ""}[effect.is_back]
        moved = Span(f"more than usual{back}", "warn")
    return (
        effect.metric,
        "per second" if effect.is_rate else "state",
        figure_text(effect.before, found.before),
        figure_text(effect.during, found.during),
        figure_text(effect.after, found.after),
        moved,
    )


def _is_nought(effect: Effect) -> bool:
    figures = [each for each in (effect.before, effect.during, effect.after) if each is not None]
    return all(each.least == 0 == each.greatest for each in figures)


def _side_effects(found: PostMortem) -> Iterator[Block]:
    if found.shifts:
        rows: list[tuple[Piece, ...]] = [
            (
                each.parameter,
                each.before if each.before is not None else "not shown",
                each.after if each.after is not None else "not shown",
                moment_text(each.seen_at),
                "an apply of ours" if each.is_through_us else "not through Setpoint",
            )
            for each in found.shifts
        ]
        yield Table(("OTHER PARAMETER", "RAN", "RUNS", "SEEN", "BY"), rows)
    elif found.before.observations and found.during.observations + found.after.observations:
        yield "No other parameter was seen to change."
    else:
        yield "Whether other parameters changed cannot be told: too few observations."
    for each in found.incidents:
        moved = f"{each.parameter} moved from {each.before or 'nothing'} to {each.after}"
        over = f", over since {moment_text(each.ended_at)}" if each.ended_at is not None else ", open still"
        yield Span(f"Incident at {moment_text(each.found_at)}: {moved}{over}", "bad")
    if not found.incidents:
        yield "No incident came up."
    moved = [effect.metric for effect in found.effects if effect.is_moved]
    if moved:
        yield f"Metrics that moved by more than their own spread before: {', '.join(moved)}"
    elif any(effect.is_moved is False for effect in found.effects):
        yield "No metric moved by more than its own spread before."
    else:
        yield "Whether metrics moved cannot be told: too few observations."


def _lessons(found: PostMortem) -> Iterator[Block]:
    override = found.override
    for parameter, count in sorted(found.again.items()):
        times = counted(count, "time")
        yield f"{parameter} was overridden here {times} before, within 90 days: it could be set for good."
    names = [held.parameter for held in override.held if held.ours is not None]
    if override.review is not None:
        kept = ", ".join(override.review.keep) or "nothing"
        yield f"Kept: {kept}" + (f" ({override.review.change})" if override.review.change else "")
        if override.review.rule:
            yield f"Rule that should follow: {override.review.rule}"
        return
    yield "Nobody has said yet what should stay. A review can keep a parameter, or ask for a rule:"
    keep = " ".join(f"--keep {name}" for name in names)
    yield f'setpoint override review {override.id} --conclusion "..." {keep} --rule "..."'


def _review(found: PostMortem) -> Iterator[Block]:
    override = found.override
    made = override.review
    if made is None:
        if override.is_open:
            yield "It is reviewed once it is over."
            return
        yield review_span(override, found.at)
        if found.has_others:
            yield f"Better by somebody else than {override.by}, who started it."
        return
    yield f"{made.by}, {moment_text(made.at)}: {made.conclusion}"
    if found.is_reviewed_by_starter:
        others = ", although others are known who could have" if found.has_others else ""
        yield Span(f"Written by who started the override{others}.", "warn" if found.has_others else "dim")


def _red(lines: Sequence[str] | Iterator[str]) -> Iterator[Block]:
    return (Span(line, "bad") for line in lines)


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
