"""A simulated engine: every mechanism of a real one, without a server."""

from __future__ import annotations

from setpoint.engines.simulated.engine import ENGINE

__all__ = ["ENGINE"]
