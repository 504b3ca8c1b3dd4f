"""Observing SQL Server: one batch out, one reply in. Pure: a driver carries both."""

from __future__ import annotations

from setpoint.engines.sqlserver.observe.entry import entry, read_entry, unless_moved
from setpoint.engines.sqlserver.observe.harvest import harvest
from setpoint.engines.sqlserver.observe.query import observe
from setpoint.engines.sqlserver.observe.reading import read

__all__ = ["entry", "harvest", "observe", "read", "read_entry", "unless_moved"]
