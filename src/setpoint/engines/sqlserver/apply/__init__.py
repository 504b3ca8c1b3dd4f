"""Changing SQL Server: the steps from what was observed to what is desired, each with its way back. Pure.

A step writes one option's configured value with sp_configure; one RECONFIGURE makes all of them run, one
restart ends the plan where an option needs it. What cannot be reached is blocked with its reason.
"""

from __future__ import annotations

from setpoint.engines.sqlserver.apply.making import order, reloading, steps

__all__ = ["order", "reloading", "steps"]
