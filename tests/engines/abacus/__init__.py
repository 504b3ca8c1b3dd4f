"""A seventh engine, as somebody else would write it: installed as a package of its own by its test."""

from __future__ import annotations

from abacus.engine import ENGINE

__all__ = ["ENGINE"]
