"""Scripts for sqlcmd. Pure: requests and steps in, texts out, and what sqlcmd printed back into rows."""

from __future__ import annotations

from setpoint.engines.sqlserver.native.client import SqlcmdClient

__all__ = ["SqlcmdClient"]
