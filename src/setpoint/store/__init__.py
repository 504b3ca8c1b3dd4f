"""What is remembered: revisions, the audit chain, snapshots, plans and the journal of applies.

One code for SQLite (a file, the default) and PostgreSQL (by URL). Importing this package loads no database
client; that happens when a store is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.store.store import Store

__all__ = ["Store"]


def __getattr__(name: str) -> object:
    """Load the facade on first use (PEP 562)."""
    if name == "Store":
        from setpoint.store.store import Store

        return Store
    message = f"module 'setpoint.store' has no attribute {name!r}"
    raise AttributeError(message)
