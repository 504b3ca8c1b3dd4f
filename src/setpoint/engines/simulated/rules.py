"""The simulated engine has no tuning knowledge of its own."""

from __future__ import annotations

from typing import Any

RULES: tuple[Any, ...] = ()
