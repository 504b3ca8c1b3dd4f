"""MySQL: what it offers, how it is observed, and how it is changed.

`ENGINE` is made on first use, so that naming this package costs nothing and loads no database client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.engines.mysql.engine import MysqlEngine

    ENGINE: MysqlEngine

__all__ = ["ENGINE"]


def __getattr__(name: str) -> MysqlEngine:
    if name == "ENGINE":
        from setpoint.engines.mysql.engine import ENGINE as engine  # noqa: N811 - the same object

        return engine
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
