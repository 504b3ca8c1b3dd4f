"""A compliance report for people, whatever it is written on: figures in words, and like results together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from setpoint.faces.cli.page import Span, Table
from setpoint.faces.cli.wording import age_text, counted, moment_text
from setpoint.policy.compliance import OUT_OF_SCOPE, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.faces.cli.page import Block, Piece, Tone
    from setpoint.policy.compliance import (
        Control,
        Counts,
        Exhibit,
        InstanceReport,
        Report,
        ReportPoint,
    )

TONES: dict[Status, Tone] = {
    Status.FAIL: "bad",
    Status.UNKNOWN: "warn",
    Status.WAIVED: "warn",
    Status.PASS: "good",
    Status.NOT_APPLICABLE: "dim",
}
COUNTS = ("FAIL", "UNKNOWN", "WAIVED", "PASS", "N/A")
_BARS = "▁▂▃▄▅▆▇█"
_SHOWN_NAMES = 5
_SHOWN_POINTS = 10


@dataclass(frozen=True, slots=True)
class Alike:
    """One control's result that several instances share, to the last word of its evidence."""

    control: Control
    status: Status
    explanation: str
    exhibits: tuple[Exhibit, ...]
    instances: tuple[str, ...]


def gather(report: Report) -> list[Alike]:
    """Put results that say the same together: the worst first, then in the order of the profile.

    Controls that do not mean an instance are left out.
    """
    found: dict[tuple[str, Status, str, tuple[Exhibit, ...]], list[str]] = {}
    for instance in report.instances:
        for result in instance.results:
            if result.explanation != OUT_OF_SCOPE:
                key = (result.control, result.status, result.explanation, result.exhibits)
                found.setdefault(key, []).append(instance.name)
    controls = {control.id: (number, control) for number, control in enumerate(report.profile.controls)}
    alike = [
        Alike(controls[key[0]][1], key[1], key[2], key[3], tuple(sorted(names)))
        for key, names in found.items()
    ]
    alike.sort(key=lambda each: (each.status.rank, controls[each.control.id][0], each.instances))
    return alike


def score_text(counts: Counts) -> str:
    """Write a score in per cent, rounded down: only what passes wholly is a hundred."""
    judged = counts.judged
    return f"{counts.passed * 1000 // judged / 10:.1f}%" if judged else "-"


def count_texts(counts: Counts) -> tuple[str, ...]:
    """Write counts in the order of `COUNTS`."""
    return tuple(
        str(each)
        for each in (counts.failed, counts.unknown, counts.waived, counts.passed, counts.not_applicable)
    )


def seen_text(instance: InstanceReport) -> str:
    """Say when an instance was last seen."""
    if instance.age_seconds is None:
        return "never"
    stale = ", stale" if instance.is_stale else ""
    return f"{age_text(timedelta(seconds=instance.age_seconds))}{stale}"


def summary(report: Report) -> str:
    """Say in one line how a report came out."""
    counts = report.fleet.counts
    words = ("failed", "unknown", "waived", "passed", "not applicable")
    figures = ", ".join(f"{count} {word}" for count, word in zip(count_texts(counts), words, strict=True))
    return f"{figures}; score {score_text(counts)}"


def sparkline(points: Sequence[ReportPoint]) -> str:
    """Draw the scores of a trend, lowest at 0 and highest at 100 per cent."""
    scores = [point.counts.score for point in points]
    return "".join(" " if each is None else _BARS[min(7, int(each * 8))] for each in scores)


def report_page(report: Report) -> list[Block]:
    """Lay a report out for a terminal: figures, trend, groups, instances, and what does not pass with why.

    A report of one instance shows what passes too.
    """
    controls = counted(len(report.profile.controls), "control")
    instances = counted(report.fleet.instances, "instance")
    head = (
        f" of {report.scope} with {report.profile.title}: {controls}, {instances}, {moment_text(report.at)}"
    )
    page: list[Block] = [(Span("compliance", "strong"), head)]
    if not report.profile.controls:
        return [*page, "no policy demands anything: `setpoint policy put` puts one in force"]
    page.append(Span(summary(report), "bad" if report.is_failing else "good"))
    page += _trend_blocks(report.trend)
    if len(report.groups) > 1:
        groups = [
            (each.name or "(no group)", score_text(each.counts), *count_texts(each.counts))
            for each in report.groups
        ]
        page += ["", Table(("GROUP", "SCORE", *COUNTS), groups)]
    page += [
        "",
        Table(("INSTANCE", "SCORE", *COUNTS, "LAST SEEN"), [_row(each) for each in report.instances]),
    ]
    return page + _results(report)


def _trend_blocks(points: Sequence[ReportPoint]) -> list[Block]:
    if not points:
        return []
    rows = [
        (moment_text(point.at), score_text(point.counts), *count_texts(point.counts))
        for point in points[-_SHOWN_POINTS:]
    ]
    return ["", ("trend ", Span(sparkline(points), "strong")), Table(("WHEN", "SCORE", *COUNTS), rows)]


def _row(instance: InstanceReport) -> tuple[Piece, ...]:
    tone: Tone = "bad" if instance.counts.failed else "good"
    figures = (Span(score_text(instance.counts), tone), *count_texts(instance.counts))
    return (instance.name, *figures, seen_text(instance))


def _results(report: Report) -> list[Block]:
    is_one = len(report.instances) == 1
    rows = [
        _result_row(each, is_one=is_one)
        for each in gather(report)
        if is_one or each.status.rank < Status.PASS.rank
    ]
    if not rows:
        return []
    head = ("STATUS", "SEVERITY", "CONTROL", *(() if is_one else ("INSTANCES",)), "RUNNING", "WHY")
    return ["", Table(head, rows)]


def _result_row(each: Alike, *, is_one: bool) -> tuple[Piece, ...]:
    names = () if is_one else (names_text(each.instances),)
    status = Span(each.status.value, TONES[each.status])
    return (
        status,
        each.control.severity,
        each.control.id,
        *names,
        running_text(each.exhibits),
        each.explanation,
    )


def names_text(names: Sequence[str]) -> str:
    """Write the first names, and how many more there are."""
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def running_text(exhibits: Sequence[Exhibit]) -> str:
    """Write what runs, and from where."""
    return ", ".join(
        f"{each.parameter} = {each.text if each.text is not None else 'unread'}"
        + (f" ({each.origin})" if each.origin else "")
        for each in exhibits
    )
