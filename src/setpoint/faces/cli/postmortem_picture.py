"""The time of an override as a picture: when it was on its instance, and what happened around it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.faces.cli.page import escape
from setpoint.faces.cli.postmortem_story import event_text
from setpoint.faces.cli.wording import moment_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from setpoint.control.overrides.postmortem import PostMortem
    from setpoint.control.overrides.timeline import Event

_WIDTH, _LEFT, _EDGE, _LANE, _TOP = 1000, 110, 16, 26, 34
_MOST_TITLE = 200
_LANES = {
    "override": "override",
    "apply": "applies",
    "people": "people",
    "guardrail": "guardrails",
    "incident": "incidents",
    "drift": "drift",
    "refusal": "refusals",
    "other": "other",
}
_COLOURS = {"incident": "#b3261e", "guardrail": "#b3261e", "refusal": "#8a5a00", "drift": "#8a5a00"}
_INK = "#1c2430"


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a time lies in the picture."""

    first: float
    span_seconds: float

    def x(self, at: datetime) -> float:
        share = (at.timestamp() - self.first) / self.span_seconds
        return _LEFT + (_WIDTH - _LEFT - _EDGE) * min(max(share, 0.0), 1.0)


def draw_time(found: PostMortem) -> Iterator[str]:
    """Draw the time of an override, a lane for each kind of event, as SVG for inside a page."""
    kinds = [kind for kind in _LANES if any(event.kind == kind for event in found.timeline)] or ["override"]
    height = _TOP + _LANE * len(kinds) + _EDGE
    scale = _scale(found)
    yield f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img">'
    yield f"<title>{_text(f'The time of override {found.override.id}')}</title>"
    yield from _marks(found, scale, height)
    for number, kind in enumerate(kinds):
        y = _TOP + _LANE * number + _LANE / 2
        yield f'<text x="0" y="{y + 4:.1f}">{_LANES[kind]}</text>'
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _EDGE}" y2="{y:.1f}"/>'
        yield from (_dot(event, scale, y) for event in found.timeline if event.kind == kind)
    yield "</svg>"


def _scale(found: PostMortem) -> _Scale:
    override = found.override
    times = [override.started_at, override.deadline, override.ended_at or found.at, found.at]
    if found.is_final:
        times = [override.started_at, override.deadline, found.after.ends_at]
    times += [event.at for event in found.timeline if event.at <= max(times)]
    first, last = min(times).timestamp(), max(times).timestamp()
    return _Scale(first, (last - first) or 1.0)


def _marks(found: PostMortem, scale: _Scale, height: int) -> Iterator[str]:
    """Draw the time for which it was on its instance, and its deadline."""
    override = found.override
    start, end = scale.x(override.started_at), scale.x(override.ended_at or found.at)
    bottom = height - _EDGE
    yield (
        f'<rect x="{start:.1f}" y="{_TOP}" width="{max(end - start, 1.0):.1f}" height="{bottom - _TOP}"'
        ' fill="#e8eef7"><title>on its instance</title></rect>'
    )
    marks = [(override.started_at, "started", 12), (override.deadline, "deadline", 12)]
    if override.ended_at is not None:
        marks.append((override.ended_at, "ended", 26))
    for at, name, y in marks:
        x = scale.x(at)
        colour = "#b3261e" if name == "deadline" else _INK
        yield f'<line x1="{x:.1f}" y1="{_TOP - 4}" x2="{x:.1f}" y2="{bottom}" style="stroke: {colour}"/>'
        anchor = "end" if x > _WIDTH / 2 else "start"
        yield f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{name} {at:%H:%M:%S}</text>'


def _dot(event: Event, scale: _Scale, y: float) -> str:
    told = f"{moment_text(event.at)} {event.actor}: {event.action} {event_text(event)[:_MOST_TITLE]}"
    colour = _COLOURS.get(event.kind, _INK)
    return (
        f'<circle cx="{scale.x(event.at):.1f}" cy="{y:.1f}" r="4" style="fill: {colour}">'
        f"<title>{_text(told)}</title></circle>"
    )


def _text(text: str) -> str:
    return html.escape(escape(text), quote=True)
