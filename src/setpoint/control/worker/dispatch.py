"""The dispatch port, as controllers know it."""

from __future__ import annotations

from setpoint.integrations.dispatch import Dispatch, Fault, Handler, Task

__all__ = ["Dispatch", "Fault", "Handler", "Task"]
