"""A stand-in for a database, and a session over it, for the tests of this folder."""

from __future__ import annotations

import pytest
from tests.engines.oracle.stage import Stage

from setpoint.engines import ending, session


@pytest.fixture(autouse=True)
def nothing_to_wait_for(monkeypatch):
    """A stand-in shows at once what was done: who waits for it to settle waits in vain."""
    for module in (ending, session):
        monkeypatch.setattr(module, "_SETTLE_SECONDS", 0.1)


@pytest.fixture
def stage(monkeypatch):
    return Stage(monkeypatch)
