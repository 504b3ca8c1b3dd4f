"""SQL Server: what it offers, how it is observed, and how it is changed.

`ENGINE` is made on first use, so that naming this package costs nothing and loads no database client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.engines.sqlserver.engine import SqlServerEngine

    ENGINE: SqlServerEngine

__all__ = ["ENGINE"]


def __getattr__(name: str) -> SqlServerEngine:
    if name == "ENGINE":
        from setpoint.engines.sqlserver.engine import ENGINE as engine  # noqa: N811 - the same object

        return engine
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
