"""Changing PostgreSQL: the steps from what was observed to what is desired, each with its way back. Pure.

A step persists one parameter with ALTER SYSTEM; one reload makes all of them known, one restart ends the
plan where a parameter needs it. What cannot be reached is blocked with its reason, never left out in silence.
"""

from __future__ import annotations

from setpoint.engines.postgresql.apply.making import reloading, steps
from setpoint.engines.postgresql.apply.order import order

__all__ = ["order", "reloading", "steps"]
