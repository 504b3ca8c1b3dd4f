"""A compliance report as one HTML page: no script, nothing to fetch, all text escaped, fit for print."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from setpoint.faces.cli.compliance_view import (
    COUNTS,
    count_texts,
    gather,
    running_text,
    score_text,
    seen_text,
)
from setpoint.faces.cli.page import escape
from setpoint.faces.cli.wording import counted, moment_text
from setpoint.policy.compliance import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from setpoint.faces.cli.compliance_view import Alike
    from setpoint.policy.compliance import Control, Report, ReportPoint, RollUp

_CONTENT = "default-src 'none'; style-src 'unsafe-inline'"
_WIDTH, _HEIGHT, _LEFT, _EDGE = 720, 160, 40, 12


def report_html(report: Report) -> str:
    """Write a report as a page in ASCII, so that it reads the same in whatever encoding it is kept."""
    return "\n".join(_page(report)).encode("ascii", "xmlcharrefreplace").decode() + "\n"


def _page(report: Report) -> Iterator[str]:
    from importlib.resources import files

    style = files("setpoint.faces.cli").joinpath("compliance_page.css").read_text("utf-8")
    title = f"Compliance of {report.scope}, {moment_text(report.at)}"
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_CONTENT}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(title)}</title>"
    yield f"<style>\n{style}</style></head><body>"
    yield f"<h1>Compliance of {_text(report.scope)}</h1>"
    yield f"<p>With {_text(report.profile.title)}, on {moment_text(report.at)}, {_rests_on(report)}.</p>"
    yield from _tiles(report)
    yield from _trend(report.trend)
    yield from _groups(report.groups)
    yield from _instances(report)
    yield from _controls(report)
    yield "</body></html>"


def _text(text: str) -> str:
    """Escape a text for any place in the page; control characters are shown, not sent."""
    return html.escape(escape(text), quote=True)


def _rests_on(report: Report) -> str:
    revision = f" of revision <code>{_text(report.revision[:12])}</code>" if report.revision else ""
    hours = report.stale_after_seconds / 3600
    return (
        f"{counted(len(report.profile.controls), 'control')}{revision}, judged on what was last seen; "
        f"what was seen longer than {hours:g} h ago is unknown"
    )


def _tiles(report: Report) -> Iterator[str]:
    counts = report.fleet.counts
    named = (
        ("score", score_text(counts), "fail" if report.is_failing else "pass"),
        ("instances", str(report.fleet.instances), ""),
        *(
            (status.value, count, status.value.replace(" ", "-") if count != "0" else "")
            for status, count in zip(Status, count_texts(counts), strict=True)
        ),
    )
    yield '<ul class="tiles">'
    for name, figure, style in named:
        yield f'<li><b class="{style}">{_text(figure)}</b>{_text(name)}</li>'
    yield "</ul>"
    yield (
        '<p class="soft">The score is the share of passes in what applies and is not waived; what is unknown '
        "counts like a failure.</p>"
    )


def _trend(points: Sequence[ReportPoint]) -> Iterator[str]:
    if not points:
        return
    yield "<h2>Trend</h2>"
    yield from _plot(points)
    rows = (
        (moment_text(point.at), score_text(point.counts), *count_texts(point.counts))
        for point in reversed(points)
    )
    yield from _table(("recorded", "score", *COUNTS), ([_text(cell) for cell in row] for row in rows))


def _plot(points: Sequence[ReportPoint]) -> Iterator[str]:
    """Draw the scores over time; reports in which nothing applied leave no point."""
    known = [(point, point.counts.score) for point in points if point.counts.score is not None]
    if not known:
        return
    first, last = known[0][0].at.timestamp(), known[-1][0].at.timestamp()
    span, width, height = (last - first) or 1.0, _WIDTH - _LEFT - _EDGE, _HEIGHT - 2 * _EDGE
    places = [
        (
            _LEFT + (width * (point.at.timestamp() - first) / span if last > first else width / 2),
            _EDGE + height * (1 - score),
            f"{moment_text(point.at)}: {score_text(point.counts)}, {point.counts.failed} failed",
        )
        for point, score in known
    ]
    yield f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img">'
    yield "<title>Score over time</title>"
    for share in (0.0, 0.5, 1.0):
        y = _EDGE + height * (1 - share)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _EDGE}" y2="{y:.1f}"/>'
        yield f'<text x="0" y="{y + 4:.1f}">{share:.0%}</text>'
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    yield f'<polyline points="{line}"/>'
    for x, y, told in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{_text(told)}</title></circle>'
    yield "</svg>"


def _groups(groups: Sequence[RollUp]) -> Iterator[str]:
    if len(groups) < 2:  # noqa: PLR2004 - one group is the fleet again
        return
    yield "<h2>Groups</h2>"
    rows = (
        (each.name or "(no group)", str(each.instances), score_text(each.counts), *count_texts(each.counts))
        for each in groups
    )
    head = ("group", "instances", "score", *COUNTS)
    yield from _table(head, ([_text(cell) for cell in row] for row in rows))


def _instances(report: Report) -> Iterator[str]:
    yield "<h2>Instances</h2>"
    rows = (
        (
            each.name,
            each.group,
            each.environment,
            f"{each.engine} {each.version}".strip(),
            score_text(each.counts),
            *count_texts(each.counts),
            "" if each.observed_at is None else moment_text(each.observed_at),
            seen_text(each),
        )
        for each in report.instances
    )
    head = ("instance", "group", "environment", "engine", "score", *COUNTS, "observed at", "age")
    yield from _table(head, ([_text(cell) for cell in row] for row in rows))


def _controls(report: Report) -> Iterator[str]:
    """Write the controls that came to something, the worst result first, each with its evidence."""
    worst: dict[str, list[Alike]] = {}
    for each in gather(report):
        worst.setdefault(each.control.id, []).append(each)
    yield "<h2>Controls and evidence</h2>"
    for found in worst.values():
        yield from _control(found[0].control)
        yield from _table(("status", "instances", "runs", "why"), map(_evidence, found))
    idle = [each for each in report.profile.controls if each.id not in worst]
    if idle:
        yield "<h2>Controls that mean no instance</h2>"
        yield from _table(
            ("control", "demands"), ([f"<code>{_text(each.id)}</code>", _text(each.title)] for each in idle)
        )


def _control(control: Control) -> Iterator[str]:
    yield f"<h3><code>{_text(control.id)}</code> {_text(control.title)}</h3>"
    told = (f"severity {control.severity}", control.why, control.source)
    yield f'<p class="soft">{"; ".join(_text(each) for each in told if each)}</p>'


def _evidence(alike: Alike) -> list[str]:
    status = alike.status.value
    return [
        f'<span class="{status.replace(" ", "-")}">{_text(status)}</span>',
        f"{len(alike.instances)}: {_text(', '.join(alike.instances))}",
        _text(running_text(alike.exhibits)),
        _text(alike.explanation),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write a table; cells are HTML already."""
    yield f"<table><thead><tr>{''.join(f'<th>{_text(each)}</th>' for each in head)}</tr></thead><tbody>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
    yield "</tbody></table>"
