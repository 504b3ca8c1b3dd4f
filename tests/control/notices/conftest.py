"""A scene on a store in a file, and on a store in a database."""

from __future__ import annotations

import pytest
from tests.control.notices.scene import Scene
from tests.store.conftest import where

from setpoint.store import Store

__all__ = ["where"]


@pytest.fixture
def scene(where):
    with Store.create(where) as store:
        made = Scene(store)
        yield made
        made.close()
