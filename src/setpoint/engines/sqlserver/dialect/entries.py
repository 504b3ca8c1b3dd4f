"""Where one parameter's entry stands: what is looked at before it is written, here and in native scripts."""

from __future__ import annotations

from setpoint.engines.sqlserver.dialect.grammar import GRAMMAR
from setpoint.engines.sqlserver.dialect.scoped import PREFIX
from setpoint.engines.sqlserver.dialect.statements import folded_sql, quote_literal


def entry_value(parameter: str) -> str:
    """Write the expression for an entry as text."""
    if GRAMMAR.fold_name(parameter).startswith(PREFIX):
        return "CONVERT(nvarchar(60), value)"
    return "CONVERT(nvarchar(60), CONVERT(bigint, value))"


def entry_source(parameter: str) -> str:
    """Write where a parameter's entry stands, down to its row."""
    folded = GRAMMAR.fold_name(parameter)
    if folded.startswith(PREFIX):
        name = quote_literal(folded.removeprefix(PREFIX))
        return f"FROM sys.database_scoped_configurations WHERE LOWER(name) = {name}"
    return f"FROM sys.configurations WHERE {folded_sql('name')} = {quote_literal(folded)}"
