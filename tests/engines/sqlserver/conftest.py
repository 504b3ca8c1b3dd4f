"""A server for each test, which ends with it."""

from __future__ import annotations

import pytest
from tests.engines.sqlserver.estate import Estate
from tests.engines.sqlserver.wire import WireServer


@pytest.fixture
def server():
    with WireServer(Estate()) as running:
        yield running
        running.shutdown()
        running.end_connections()
