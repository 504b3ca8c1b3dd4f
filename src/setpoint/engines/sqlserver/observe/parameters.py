"""A parameter of the live catalog, made from what the server's views say and from what they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Context, Dimension, Kind, Parameter
from setpoint.engines.sqlserver.dialect import GRAMMAR, PREFIX, find_known, find_scoped
from setpoint.engines.sqlserver.dialect.knowledge import FIXED, NOT_ON_MANAGED_INSTANCE, SELF_CONFIGURING
from setpoint.engines.sqlserver.dialect.marks import ADVANCED, engine_context
from setpoint.engines.sqlserver.dialect.scoped_parameters import SCOPED_CONTEXT, known_scoped_parameter

if TYPE_CHECKING:
    from setpoint.engines.sqlserver.observe.reply import OptionRow, ScopedRow

_OTHER = "other"
"""The category of what came with a version later than our knowledge."""


def option_parameter(row: OptionRow) -> Parameter:
    """Answer the parameter of one option; the server's own bounds and words win."""
    known, name = find_known(row.name), GRAMMAR.fold_name(row.name)
    unit = known.unit if known is not None else ""
    kind = _option_kind(row, unit)
    default = known.default if known is not None else None
    return Parameter(
        name=name,
        kind=kind,
        context=_option_context(row, name),
        engine_context=engine_context(row.name),
        unit=unit or None,
        default=bool(default) if kind is Kind.BOOL and default is not None else default,
        min=None if kind is Kind.BOOL else row.minimum if default is None else min(row.minimum, default),
        max=None if kind is Kind.BOOL else row.maximum,
        category=known.category if known is not None else _OTHER,
        description=known.description if known is not None else row.description,
        flags=tuple(_option_flags(row, name)),
        build=f"0, or {SELF_CONFIGURING[name]} and more" if name in SELF_CONFIGURING else "",
    )


def scoped_parameter(row: ScopedRow) -> Parameter:
    """Answer the parameter of one database-scoped configuration; an unknown one is plain text."""
    known = find_scoped(row.name)
    if known is not None:
        return known_scoped_parameter(known)
    return Parameter(
        name=PREFIX + row.name.lower(),
        kind=Kind.STRING,
        context=Context.IMMEDIATE,
        engine_context=SCOPED_CONTEXT,
        folds_case=True,
        category=_OTHER,
    )


def _option_kind(row: OptionRow, unit: str) -> Kind:
    found = GRAMMAR.units.find(unit) if unit else None
    if found is not None:
        return Kind.SIZE if found.dimension is Dimension.BYTES else Kind.DURATION
    return Kind.BOOL if (row.minimum, row.maximum) == (0, 1) else Kind.INTEGER


def _option_context(row: OptionRow, name: str) -> Context:
    if name in FIXED:
        return Context.FIXED
    return Context.RELOAD if row.is_dynamic else Context.RESTART


def _option_flags(row: OptionRow, name: str) -> list[str]:
    flags = [ADVANCED] if row.is_advanced else []
    return [*flags, "not on a managed instance"] if name in NOT_ON_MANAGED_INSTANCE else flags
