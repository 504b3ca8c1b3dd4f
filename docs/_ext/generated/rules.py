"""Every engine's rules, each from its own docstring and from what it declares to need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.registry import engine_names, get_engine

from .markdown import cell, code, prose, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.recommend import Rule


def write() -> str:
    """Write a section per engine that has rules: a table of all, then each that is its own.

    A rule that one engine has from another stands in both tables and is described once, where it is from.
    """
    engines = {name: tuple(get_engine(name).rules()) for name in engine_names()}
    homes = _homes(engines)
    sections: list[str] = []
    for name, rules in engines.items():
        if rules:
            rows = [[f"[{r.code}](#rule-{r.code.lower()})", cell(r.title), r.severity.value] for r in rules]
            own = [_section(rule) for rule in rules if homes[rule.code] == name]
            lent = sorted({homes[rule.code] for rule in rules} - {name})
            told = [f"Those of {engine} are described [there](#{engine}).\n" for engine in lent]
            overview = table(["code", "title", "severity"], rows)
            sections.append("\n".join([f"## {name}\n", overview, *told, *own]))
    return "\n".join(sections)


def _homes(engines: Mapping[str, tuple[Rule, ...]]) -> dict[str, str]:
    """Answer each code's engine: the one in whose folder the rule is written, else the first that has it."""
    homes: dict[str, str] = {}
    for name, rules in engines.items():
        folder = type(get_engine(name)).__module__.rpartition(".")[0]
        for rule in rules:
            if rule.code not in homes or rule.examine.__module__.startswith(f"{folder}."):
                homes[rule.code] = name
    return homes


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
