"""Changing Oracle: the steps from what was observed to what is desired, each with its way back. Pure.

What can change while the instance runs is set with SCOPE=BOTH, what cannot with SCOPE=SPFILE and one restart
at the end. Without a server parameter file everything is set in memory alone. What cannot be reached is
blocked with its reason, never left out in silence.
"""

from __future__ import annotations

from setpoint.engines.oracle.apply.making import WayBack, reloading, steps, way_back
from setpoint.engines.oracle.apply.order import order

__all__ = ["WayBack", "order", "reloading", "steps", "way_back"]
