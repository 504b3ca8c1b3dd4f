"""Database-scoped configurations as parameters of a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Context, Kind, Parameter

if TYPE_CHECKING:
    from setpoint.engines.sqlserver.dialect.scoped import KnownScoped

SCOPED_CONTEXT = "ALTER DATABASE SCOPED CONFIGURATION"


def known_scoped_parameter(known: KnownScoped) -> Parameter:
    """Answer the parameter of a database-scoped configuration by what the manual says."""
    kinds = {"bool": Kind.BOOL, "enum": Kind.ENUM, "minutes": Kind.DURATION}
    kind = kinds.get(known.kind, Kind.INTEGER)
    low, high = known.bounds or (None, None)
    default = known.default if kind is Kind.ENUM else int(known.default)
    return Parameter(
        name=known.parameter,
        kind=kind,
        context=Context.IMMEDIATE,
        engine_context=SCOPED_CONTEXT,
        unit="min" if known.kind == "minutes" else None,
        default=bool(default) if kind is Kind.BOOL else default,
        min=low,
        max=high,
        values=known.words,
        folds_case=kind is Kind.ENUM,
        category=known.category,
        description=known.description,
    )
