"""What `template` shows: a template, a filled one, and the weighing of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import counted

if TYPE_CHECKING:
    from setpoint.faces.cli.page import Block
    from setpoint.templates.choose import Choice
    from setpoint.templates.filled import Filled
    from setpoint.templates.template import Template, TemplateSetting


def template_document(template: Template) -> dict[str, Any]:
    """Answer a template for programs."""
    return {
        "template": str(template),
        "engine": template.engine,
        "profile": template.profile,
        "since": template.since,
        "until": template.until,
        "description": template.description,
        "inputs": [
            {
                "name": each.name,
                "type": each.type.value,
                "default": each.default,
                "description": each.description,
            }
            for each in template.inputs
        ],
        "signs": [
            {"when": each.when, "reason": each.reason, "is_against": each.is_against}
            for each in template.signs
        ],
        "settings": [
            {
                "parameter": each.parameter,
                "value": each.value,
                "formula": each.formula,
                "when": each.when,
                "since": each.since,
                "until": each.until,
                "reason": each.reason,
                "source": each.source,
            }
            for each in template.settings
        ],
    }


def template_page(template: Template) -> list[Block]:
    """Write a template for people."""
    page: list[Block] = [
        (Span(str(template), "strong"), f" for {template.engine}, profile {template.profile}"),
        template.description,
    ]
    inputs = [(each.name, each.type.value, each.default, each.description) for each in template.inputs]
    if inputs:
        page += ["inputs:", Table(("NAME", "TYPE", "DEFAULT", "MEANS"), inputs, 2)]
    signs = [("against" if each.is_against else "for", each.reason, each.when) for each in template.signs]
    if signs:
        page += ["what speaks for and against it:", Table(("", "REASON", "WHEN"), signs, 2)]
    page.append(f"{counted(len(template.settings), 'setting')}:")
    for each in template.settings:
        page += _setting_lines(each)
    return page


def filled_answer(filled: Filled) -> Answer:
    """Answer for a filled template: settings with reasons, what was left out, and the memory."""
    verdict = filled.verdict
    document = {
        "template": str(filled.template),
        "settings": [
            {
                "parameter": each.parameter,
                "text": each.text,
                "reason": each.reason,
                "source": each.source,
                "explanation": each.explanation,
                "inputs": each.inputs,
            }
            for each in filled.settings
        ],
        "left_out": [{"parameter": each.parameter, "why": each.why} for each in filled.left_out],
        "budget": {
            "total_bytes": verdict.total,
            "available_bytes": verdict.available,
            "fits": verdict.fits,
            "assumptions": list(verdict.assumptions),
        },
    }
    rows = [(each.parameter, each.text, each.reason) for each in filled.settings]
    page: list[Block] = [
        (Span(str(filled.template), "strong"), f": {counted(len(rows), 'setting')}"),
        Table(("PARAMETER", "VALUE", "WHY"), rows, 2),
    ]
    if filled.left_out:
        left = [(each.parameter, each.why) for each in filled.left_out]
        page += ["left out:", Table(("PARAMETER", "WHY"), left, 2)]
    page += ["memory:", *(f"  {line}" for line in verdict.explain().splitlines())]
    return Answer(document, page)


def choice_answer(name: str, choice: Choice) -> Answer:
    """Answer for a weighing: the best first, and why not the others."""
    document = {
        "instance": name,
        "best": str(choice.best.template),
        "is_workload_known": choice.is_workload_known,
        "candidates": [
            {
                "template": str(each.template),
                "score": each.score,
                "speaks_for": list(each.speaks_for),
                "speaks_against": list(each.speaks_against),
                "unknown": list(each.unknown),
            }
            for each in choice.candidates
        ],
    }
    best = str(choice.best.template)
    page: list[Block] = [
        *choice.explain().splitlines(),
        Span(f"next: setpoint template assign {name} {best} --because ...", "dim"),
    ]
    return Answer(document, page)


def _setting_lines(setting: TemplateSetting) -> list[Block]:
    value = setting.value if setting.value is not None else setting.formula
    bounds = [f"from version {setting.since}"] if setting.since else []
    bounds += [f"before version {setting.until}"] if setting.until else []
    bounds += [f"when {setting.when}"] if setting.when else []
    note = f"  ({', '.join(bounds)})" if bounds else ""
    return [
        (f"  {setting.parameter} = ", Span(value, "strong"), Span(note, "dim")),
        f"      {setting.reason}",
        Span(f"      {setting.source}", "dim"),
    ]
