"""How SQL Server writes things: names, values, addresses, statements, and what its views do not tell."""

from __future__ import annotations

from setpoint.engines.sqlserver.dialect.address import Address, read_address, server_of
from setpoint.engines.sqlserver.dialect.grammar import GRAMMAR, SqlServerGrammar
from setpoint.engines.sqlserver.dialect.options import Known, find_known
from setpoint.engines.sqlserver.dialect.scoped import PREFIX, KnownScoped, find_scoped
from setpoint.engines.sqlserver.dialect.statements import (
    RECONFIGURE,
    RECONFIGURE_WITH_OVERRIDE,
    folded_sql,
    quote_literal,
    scoped_word,
    set_option,
    set_scoped,
)

NAME = "sqlserver"

__all__ = [
    "GRAMMAR",
    "NAME",
    "PREFIX",
    "RECONFIGURE",
    "RECONFIGURE_WITH_OVERRIDE",
    "Address",
    "Known",
    "KnownScoped",
    "SqlServerGrammar",
    "find_known",
    "find_scoped",
    "folded_sql",
    "quote_literal",
    "read_address",
    "scoped_word",
    "server_of",
    "set_option",
    "set_scoped",
]
