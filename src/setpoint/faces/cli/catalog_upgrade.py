"""`catalog upgrade`: what an upgrade of one instance meets, as a document and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from setpoint.faces.cli.catalog_values import fate_text
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import age_text, moment_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from setpoint.catalog import Upgrade
    from setpoint.catalog.upgrade import Renaming, Trouble
    from setpoint.config.observation import Observation
    from setpoint.faces.cli.page import Block, Tone


def answer_upgrade(
    observation: Observation,
    found: Upgrade,
    *,
    age: timedelta,
    is_stale: bool,
    classes_of: Callable[[str], list[str]],
) -> Answer:
    """Answer what an upgrade meets; the exit code is 1 where something would keep it from starting."""
    document = {
        "instance": observation.instance,
        "engine": found.engine,
        "old": found.old,
        "new": found.new,
        "is_free": found.is_free,
        "observed_at": observation.at,
        "is_stale": is_stale,
        "evidence": found.evidence,
        "obstacles": [_trouble_document(each) for each in found.obstacles],
        "notices": [_trouble_document(each) for each in found.notices],
        "renamed": [_renaming_document(each) for each in found.renamed],
        "redefaulted": [
            {
                "parameter": each.name,
                "old": each.old,
                "new": each.new,
                "differences": list(each.differences),
                "classes": classes_of(each.name),
            }
            for each in found.redefaulted
        ],
        "restarts": [{"parameter": each.parameter, "old": each.old.value} for each in found.restarts],
        "unverified": {
            "settings": [
                {"parameter": each.parameter, "place": each.place, "why": each.why} for each in found.unjudged
            ],
            "parameters": [
                {"parameter": name, "evidence": evidence} for name, evidence in sorted(found.weak.items())
            ],
            "unseen": list(observation.unseen),
        },
    }
    page = _page(observation, found, age, classes_of, is_stale=is_stale)
    return Answer(document, page, exit_code=0 if found.is_free else 1)


def _trouble_document(each: Trouble) -> dict[str, Any]:
    return {
        "parameter": each.parameter,
        "place": each.place,
        "text": each.text,
        "why": each.why,
        "next_step": each.next_step,
    }


def _renaming_document(each: Renaming) -> dict[str, Any]:
    return {
        "parameter": each.parameter,
        "new": each.new,
        "place": each.place,
        "old_name": each.fate.value,
        "carries_value": each.carries_value,
        "note": each.note,
        "source": each.source,
    }


def _page(
    observation: Observation,
    found: Upgrade,
    age: timedelta,
    classes_of: Callable[[str], list[str]],
    *,
    is_stale: bool,
) -> list[Block]:
    name = observation.instance
    page: list[Block] = [
        (Span(name, "strong"), f"  {found.engine} {found.old} -> {found.new}"),
        f"  seen {moment_text(observation.at)}, {age_text(age)}",
    ]
    if is_stale:
        page.append(Span(f"  that is long ago; `setpoint observe {name}` looks again", "warn"))
    page += _troubles("would keep it from starting", found.obstacles, "bad")
    page += _troubles("taken, but not as it stands", found.notices, "warn")
    page += _rest(found, classes_of)
    page += _unverified(observation, found)
    if found.is_free:
        page.append(Span(f"nothing is known that would keep {found.new} from starting", "good"))
    return page


def _troubles(title: str, troubles: Sequence[Trouble], tone: Tone) -> list[Block]:
    if not troubles:
        return []
    rows = [
        (Span(each.parameter, tone), each.text, each.place, each.why, each.next_step) for each in troubles
    ]
    head = ("PARAMETER", "VALUE", "WHERE", "WHY", "WHAT TO DO")
    return [f"{title}: {len(rows)}", Table(head, rows, 2)]


def _rest(found: Upgrade, classes_of: Callable[[str], list[str]]) -> list[Block]:
    page: list[Block] = []
    if found.renamed:
        renamed = [
            (
                each.parameter,
                each.new,
                each.place,
                fate_text(each.fate),
                each.note,
            )
            for each in found.renamed
        ]
        head = ("PARAMETER", "NOW", "WHERE", "OLD NAME", "NOTE")
        page += [f"renamed: {len(renamed)}", Table(head, renamed, 2)]
    if found.redefaulted:
        changed = [
            (
                each.name,
                "" if each.differences else each.old or "''",
                Span(", ".join(each.differences) or each.new or "''", "warn"),
                ", ".join(classes_of(each.name)),
            )
            for each in found.redefaulted
        ]
        head = ("PARAMETER", found.old, found.new, "CLASSES")
        page += [f"defaults that change under it: {len(changed)}", Table(head, changed, 2)]
    if found.restarts:
        page.append(f"need a restart now: {', '.join(each.parameter for each in found.restarts)}")
    return page


def _unverified(observation: Observation, found: Upgrade) -> list[Block]:
    page: list[Block] = [Span(f"catalog of {found.new}: {found.evidence}", "dim")]
    page += [
        Span(f"  not judged: {each.parameter} ({each.place}): {each.why}", "warn") for each in found.unjudged
    ]
    page += [Span(f"  not seen: {each}", "warn") for each in observation.unseen]
    by_evidence: dict[str, list[str]] = {}
    for name, evidence in sorted(found.weak.items()):
        by_evidence.setdefault(evidence, []).append(name)
    page += [
        Span(f"  {evidence}: {', '.join(names)}", "dim") for evidence, names in sorted(by_evidence.items())
    ]
    return page
