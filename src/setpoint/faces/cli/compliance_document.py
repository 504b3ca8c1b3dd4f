"""A compliance report for programs: one JSON document, or lines of CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from setpoint.faces.cli.page import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.policy.compliance import Counts, InstanceReport, Report, ReportPoint, Result, RollUp

_HEAD = (
    *("instance", "group", "environment", "engine", "version", "control", "severity", "status"),
    *("parameter", "running", "origin", "explanation", "waivers", "observed_at", "age_seconds"),
)
_ACTIVE = frozenset("=+-@＝＋－＠")  # noqa: RUF001 - the wide forms are what a spreadsheet takes for the narrow


def report_document(report: Report) -> dict[str, Any]:
    """Answer a whole report; `status` is one of ``pass fail waived unknown`` and ``not applicable``."""
    return {
        **report_head(report),
        "controls": [
            {
                "id": each.id,
                "title": each.title,
                "severity": each.severity,
                "why": each.why,
                "source": each.source,
                "scope": " and ".join(map(str, each.scopes)) or "all",
            }
            for each in report.profile.controls
        ],
        "instances": [_instance(each) for each in report.instances],
    }


def report_head(report: Report) -> dict[str, Any]:
    """Answer a report without its controls and instances: when, of what, how it came out, and the trend."""
    return {
        "profile": {"name": report.profile.name, "title": report.profile.title},
        "scope": report.scope,
        "at": report.at,
        "revision": report.revision,
        "stale_after_seconds": report.stale_after_seconds,
        "is_failing": report.is_failing,
        "fleet": _roll_up(report.fleet),
        "groups": [_roll_up(each) for each in report.groups],
        "trend": [_point(each) for each in report.trend],
    }


def report_csv(report: Report) -> str:
    """Write a line for each parameter of each result, sorted by instance, control and parameter.

    No cell begins with what a spreadsheet would run as a formula, and none holds a control character.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    cells = _Cells()
    severities = {each.id: each.severity for each in report.profile.controls}
    for instance in sorted(report.instances, key=_by_name):
        head, tail = _instance_cells(instance, cells)
        for result in sorted(instance.results, key=_by_control):
            start = (*head, cells[result.control], severities[result.control])
            end = (cells[" ".join(result.waivers)], *tail)
            for each in _lines(instance, result):
                writer.writerow((*start, *[cells[cell] for cell in each], *end))
    return text.getvalue()


class _Cells(dict[str, str]):
    """Texts as cells that a spreadsheet takes for texts; they come again and again, so they are kept."""

    def __missing__(self, text: str) -> str:
        safe = escape(text)
        is_active = safe.lstrip()[:1] in _ACTIVE and bool(safe.strip())
        self[text] = cell = f"'{safe}" if is_active else safe
        return cell


_by_name = attrgetter("name")
_by_control = attrgetter("control")
_by_parameter = attrgetter("parameter")


def _instance_cells(instance: InstanceReport, cells: _Cells) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Answer the cells that begin and end every line of an instance."""
    seen = "" if instance.observed_at is None else instance.observed_at.isoformat()
    age = "" if instance.age_seconds is None else f"{instance.age_seconds:.0f}"
    head = (instance.name, instance.group, instance.environment, instance.engine, instance.version)
    return tuple(cells[each] for each in head), (seen, age)


def _lines(instance: InstanceReport, result: Result) -> Iterator[tuple[str, ...]]:
    """Answer status, parameter, running text, origin and explanation, for each parameter or the whole."""
    whole = result.status.value
    if not result.exhibits:
        yield whole, "", "", "", result.explanation
    for each in sorted(result.exhibits, key=_by_parameter):
        # A stale result is unknown as a whole, whatever its parameters were when they were seen.
        is_own = each.status is not None and not instance.is_stale
        status = each.status.value if is_own and each.status else whole
        told = each.note if is_own and each.note else result.explanation
        yield status, each.parameter, each.text or "", each.origin, told


def _instance(instance: InstanceReport) -> dict[str, Any]:
    return {
        "instance": instance.name,
        "engine": instance.engine,
        "version": instance.version,
        "group": instance.group,
        "environment": instance.environment,
        "observed_at": instance.observed_at,
        "age_seconds": None if instance.age_seconds is None else int(instance.age_seconds),
        "is_stale": instance.is_stale,
        **_counts(instance.counts),
        "results": instance.results,
    }


def _roll_up(group: RollUp) -> dict[str, Any]:
    return {"name": group.name, "instances": group.instances, **_counts(group.counts)}


def _point(point: ReportPoint) -> dict[str, Any]:
    return {
        "at": point.at,
        "revision": point.revision,
        "instances": point.instances,
        **_counts(point.counts),
    }


def _counts(counts: Counts) -> dict[str, Any]:
    return {"counts": counts, "score": None if counts.score is None else round(counts.score, 4)}
