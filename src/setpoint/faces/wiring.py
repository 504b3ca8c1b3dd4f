"""Wiring: the one place that picks adapters. Which store, who acts, where passwords come from."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.control.context import Context
from setpoint.integrations.secrets import read_secret

if TYPE_CHECKING:
    from setpoint.store import Store

STORE_VARIABLE = "SETPOINT_STORE"
ACTOR_VARIABLE = "SETPOINT_ACTOR"


def default_store() -> str:
    """Answer where the store is when nobody says: the environment's word, else a file of this user."""
    named = os.environ.get(STORE_VARIABLE)
    if named:
        return named
    home = os.environ.get("XDG_DATA_HOME")
    return str((Path(home) if home else Path.home() / ".local" / "share") / "setpoint" / "setpoint.db")


def default_actor() -> str:
    """Answer who acts when nobody says: the environment's word, else the login name."""
    named = os.environ.get(ACTOR_VARIABLE)
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def open_store(where: str) -> Store:
    """Open a store; raise `StoreUnavailableError` when there is none."""
    from setpoint.store import Store

    return Store.open(where or default_store())


def create_store(where: str) -> Store:
    """Make a store, or bring an older one up to date."""
    from setpoint.store import Store

    return Store.create(where or default_store())


def make_context(store: Store, *, actor: str = "", timeout_seconds: float = 5.0) -> Context:
    """Put together what controllers are handed."""
    return Context(
        store=store, actor=actor or default_actor(), read_secret=read_secret, timeout_seconds=timeout_seconds
    )
