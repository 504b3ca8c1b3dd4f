"""How Oracle writes things: values, statements, scopes, and what its own views do not tell."""

from __future__ import annotations

from setpoint.engines.oracle.dialect.grammar import GRAMMAR, OracleGrammar
from setpoint.engines.oracle.dialect.scope import ALL, Scope, container_of, sid_of
from setpoint.engines.oracle.dialect.statements import (
    MOVED,
    PINNED,
    alter_system_reset,
    alter_system_set,
    block,
    executing,
    guard,
    guarded,
    literal,
    own_sid,
    quote_literal,
    quote_name,
    running,
    standing,
)

__all__ = [
    "ALL",
    "GRAMMAR",
    "MOVED",
    "PINNED",
    "OracleGrammar",
    "Scope",
    "alter_system_reset",
    "alter_system_set",
    "block",
    "container_of",
    "executing",
    "guard",
    "guarded",
    "literal",
    "own_sid",
    "quote_literal",
    "quote_name",
    "running",
    "sid_of",
    "standing",
]
