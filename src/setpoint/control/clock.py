"""The only place in the control plane that reads the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Answer the time now, in UTC."""
    return datetime.now(UTC)
