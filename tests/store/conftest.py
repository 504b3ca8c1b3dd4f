"""A fresh, empty place for a store: a file, and a database on a private server."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from setpoint.store import Store

_NUMBERS = count(1)


def _place(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    if kind == "sqlite":
        return str(folder / "store.db")
    import psycopg

    dsn = request.getfixturevalue("postgresql").dsn
    name = f"store_{next(_NUMBERS)}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        info = connection.info
        return f"postgresql://{info.user}@/{name}?host={info.host}&port={info.port}"


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request, tmp_path) -> str:
    return _place(request, request.param, tmp_path)


@pytest.fixture
def store(where):
    with Store.create(where) as made:
        yield made
