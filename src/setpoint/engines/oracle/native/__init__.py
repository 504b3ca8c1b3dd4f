"""Scripts for SQL*Plus. Pure: requests and steps in, texts out, and what SQL*Plus printed back into rows."""

from __future__ import annotations

from setpoint.engines.oracle.native.client import SqlplusClient

__all__ = ["SqlplusClient"]
