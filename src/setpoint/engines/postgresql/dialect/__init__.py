"""How PostgreSQL writes things.

Values, configuration files, statements, and what its own views do not tell.
"""

from __future__ import annotations

from setpoint.engines.postgresql.dialect.conf import (
    Entry,
    Fault,
    ParsedFile,
    parse_conf,
    quote_conf,
)
from setpoint.engines.postgresql.dialect.conf_writing import ConfRewriter
from setpoint.engines.postgresql.dialect.grammar import GRAMMAR, PostgresGrammar
from setpoint.engines.postgresql.dialect.statements import (
    alter_system_reset,
    alter_system_set,
    alter_system_set_named,
    quote_identifier,
    quote_literal,
)

__all__ = [
    "GRAMMAR",
    "ConfRewriter",
    "Entry",
    "Fault",
    "ParsedFile",
    "PostgresGrammar",
    "alter_system_reset",
    "alter_system_set",
    "alter_system_set_named",
    "parse_conf",
    "quote_conf",
    "quote_identifier",
    "quote_literal",
]
