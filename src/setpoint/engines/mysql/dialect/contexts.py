"""The words of an engine's context: how a variable can be changed, as catalogs say it."""

from __future__ import annotations

DYNAMIC = "dynamic"
"""Changed while the server runs, and kept by SET PERSIST where there is that."""

NOT_KEPT = "dynamic, not kept"
"""Changed while the server runs; SET PERSIST refuses it."""

PERSIST_ONLY = "persist only"
"""Given at a start; kept for it by SET PERSIST_ONLY."""

FILE_ONLY = "file only"
"""Given at a start, by an option file or the command line alone."""

FIXED = "fixed"
"""Tells what the server is."""
