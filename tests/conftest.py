"""What every test may use; one fixture file per subject."""

from __future__ import annotations

pytest_plugins = ["tests.fix_postgresql"]
