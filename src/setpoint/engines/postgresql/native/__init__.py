"""Scripts for psql. Pure: requests and steps in, texts out, and what psql printed back into rows."""

from __future__ import annotations

from setpoint.engines.postgresql.native.client import PsqlClient

__all__ = ["PsqlClient"]
