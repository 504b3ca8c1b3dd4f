"""Observing Oracle Database: one request out, one reply in. Pure: a driver carries both."""

from __future__ import annotations

from setpoint.engines.oracle.observe.entry import entry, read_entry, unless_moved
from setpoint.engines.oracle.observe.harvest import harvest
from setpoint.engines.oracle.observe.query import observe
from setpoint.engines.oracle.observe.reading import read

__all__ = ["entry", "harvest", "observe", "read", "read_entry", "unless_moved"]
