"""Observing MySQL: one request out, one reply in. Pure: a driver carries both."""

from __future__ import annotations
