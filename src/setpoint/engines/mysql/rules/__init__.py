"""Tuning knowledge for MySQL and MariaDB."""

from __future__ import annotations

from typing import Any

RULES: tuple[Any, ...] = ()
