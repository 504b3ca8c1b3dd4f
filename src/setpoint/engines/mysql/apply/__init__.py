"""Changing MySQL: the steps from what was observed to what is desired, each with its way back. Pure.

MySQL 8.0 and later keep values themselves (SET PERSIST); elsewhere what a step sets runs until the next
start, and a line in an option file, written by the instance's agent, makes it last.
"""

from __future__ import annotations

from setpoint.engines.mysql.apply.making import reloading, steps
from setpoint.engines.mysql.apply.order import order

__all__ = ["order", "reloading", "steps"]
