"""Every engine's rules, each from its own docstring and from what it declares to need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.registry import engine_names, get_engine

from .markdown import cell, code, prose, table

if TYPE_CHECKING:
    from setpoint.recommend import Rule


def write() -> str:
    """Write a section per engine that has rules: a table of all, then each."""
    sections: list[str] = []
    for name in engine_names():
        rules: list[Rule] = list(get_engine(name).rules())
        if rules:
            rows = [[f"[{r.code}](#rule-{r.code.lower()})", cell(r.title), r.severity.value] for r in rules]
            overview = table(["code", "title", "severity"], rows)
            sections.append("\n".join([f"## {name}\n", overview, *map(_section, rules)]))
    return "\n".join(sections)


def _section(rule: Rule) -> str:
    lines = [
        f"(rule-{rule.code.lower()})=\n### {rule.code}: {prose(rule.title)}\n",
        f"{prose(rule.documentation)}\n",
        f"- Severity: {rule.severity.value}",
        f"- Needs: {_needs(rule)}",
    ]
    if rule.judges:
        lines.append(f"- Waits after a change of: {', '.join(map(code, rule.judges))}")
    lines.append(f"- Source: {prose(rule.source)}\n")
    return "\n".join(lines)


def _needs(rule: Rule) -> str:
    needs = [f"the metric {code(metric)}" for metric in rule.metrics]
    needs += [f"the fact {code(fact.removesuffix('_bytes'))}" for fact in rule.facts]
    if rule.seconds:
        needs.append(f"statistics over {rule.seconds:.0f} s")
    if rule.transactions:
        needs.append(f"{rule.transactions} transactions")
    return ", ".join(needs) or "settings alone"
