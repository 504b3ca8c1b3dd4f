"""How the values of catalogs are written for people: defaults, ranges, evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.faces.cli.page import Span

if TYPE_CHECKING:
    from setpoint.catalog import Catalog, Parameter
    from setpoint.catalog.succession import Fate
    from setpoint.faces.cli.page import Piece


def plain(value: object) -> str:
    """Write a bare value of a catalog."""
    if value is None:
        return "-"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value)) or "''"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return f"{value:g}" if isinstance(value, float) else str(value) or "''"


def formatted(found: Catalog, parameter: Parameter) -> str:
    """Write a parameter's default as the engine would show it."""
    if parameter.default is None:
        return "-"
    return parameter.format(parameter.default, found.grammar) or "''"


def range_text(parameter: Parameter) -> str:
    """Write what a parameter takes: its words, or its bounds."""
    if parameter.values:
        return ", ".join(parameter.values)
    if parameter.min is None and parameter.max is None:
        return "-"
    unit = f" {parameter.unit}" if parameter.unit else ""
    return f"{plain(parameter.min)} to {plain(parameter.max)}{unit}"


def fate_text(fate: Fate) -> Piece:
    """Say what a server does with an old name."""
    words: dict[str, Piece] = {
        "alias": "taken still",
        "ignored": Span("has no effect", "warn"),
        "refused": Span("refused", "bad"),
    }
    return words[fate.value]


def evidence_of(found: Catalog, parameter: Parameter) -> str:
    """Say how the facts of a parameter are known: its own word, or that of the whole catalog."""
    return parameter.evidence or found.data.evidence
