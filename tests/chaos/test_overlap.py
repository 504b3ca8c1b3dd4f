"""What proves that no two applies overlapped would see it where two did."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from setpoint.store.records import AuditRow

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
