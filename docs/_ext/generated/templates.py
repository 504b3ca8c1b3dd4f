"""Every engine's templates, each from its own YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.registry import engine_names, get_engine, template_texts
from setpoint.templates.document import read_template

from .markdown import cell, code, prose, table

if TYPE_CHECKING:
    from setpoint.templates import Template
    from setpoint.templates.template import TemplateSetting


def write() -> str:
    """Write a section per template."""
    found = [
        read_template(text, source)
        for name in engine_names()
        for source, text in template_texts(get_engine(name))
    ]
    return "\n".join(map(_section, found))


def _section(template: Template) -> str:
    parts = [
        f"## {template.engine} {template}\n",
        f"{prose(template.description)}\n",
        f"For {template.engine} {_versions(template.since, template.until)}; profile {template.profile}.\n",
    ]
    if template.inputs:
        rows = [[code(i.name), i.type.value, code(i.default), cell(i.description)] for i in template.inputs]
        parts.append("Inputs:\n\n" + table(["name", "type", "default", "meaning"], rows))
    if template.signs:
        rows = [[code(s.when), "against" if s.is_against else "for", cell(s.reason)] for s in template.signs]
        parts.append("Signs:\n\n" + table(["when", "speaks", "because"], rows))
    head = ["parameter", "value", "when", "reason", "source"]
    parts.append("Settings:\n\n" + table(head, [_row(setting) for setting in template.settings]))
    return "\n".join(parts)


def _row(setting: TemplateSetting) -> list[str]:
    conditions = [code(setting.when)] if setting.when else []
    if setting.since or setting.until:
        conditions.append(_versions(setting.since, setting.until))
    value = setting.formula or setting.value or ""
    return [
        code(setting.parameter),
        code(value),
        "; ".join(conditions) or "always",
        cell(setting.reason),
        cell(setting.source),
    ]


def _versions(since: str, until: str) -> str:
    words = [f"from version {since}"] if since else []
    words += [f"before version {until}"] if until else []
    return " and ".join(words) or "any version"
