"""Wiring: the one place that picks adapters. Which store, who acts, where passwords and tokens come from."""

from __future__ import annotations

import getpass
import os
import pwd
import socket
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from setpoint.control.clock import SteadyClock
from setpoint.control.context import Context
from setpoint.control.credential import Credential
from setpoint.errors import InputError
from setpoint.integrations.keys import configuration_folder, read_private, replace
from setpoint.integrations.secrets import read_secret

if TYPE_CHECKING:
    from setpoint.control.worker.dispatch import Dispatch
    from setpoint.control.worker.spooling import Spooler
    from setpoint.store import Store

STORE_VARIABLE = "SETPOINT_STORE"
ACTOR_VARIABLE = "SETPOINT_ACTOR"
TOKEN_VARIABLE = "SETPOINT_TOKEN"  # noqa: S105 - the name of a variable


def default_store() -> str:
    """Answer where the store is when nobody says: the environment's word, else a file of this user."""
    named = os.environ.get(STORE_VARIABLE)
    if named:
        return named
    home = os.environ.get("XDG_DATA_HOME")
    return str((Path(home) if home else Path.home() / ".local" / "share") / "setpoint" / "setpoint.db")


def state_folder(where: str) -> Path:
    """Answer the folder of this user for what must outlive the store's absence.

    `where` is the store's place: the whole path of a file, or a URL without password.
    """
    home = os.environ.get("XDG_STATE_HOME")
    place = sha256(where.encode()).hexdigest()[:16]
    return (Path(home) if home else Path.home() / ".local" / "state") / "setpoint" / place


def spooler_of(where: str) -> Spooler:
    """Answer what ends overrides by the spool of this host while the store at a place does not answer."""
    from setpoint.control.worker.spooling import Spooler
    from setpoint.store.database import Database

    database = Database(where)
    place = database.shown
    return Spooler(
        state_folder(str(Path(place).absolute()) if database.is_sqlite else place) / "spool", read_secret
    )


def default_actor() -> str:
    """Answer who acts in a store of one user: the environment's word, else the login name."""
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
    """Make a store, or bring an older one up to date, and make the keys that it has not yet."""
    from setpoint.control.notary import make_keys
    from setpoint.store import Store

    store = Store.create(where or default_store())
    try:
        make_keys(store)
    except BaseException:
        store.close()
        raise
    return store


def is_server(where: str) -> bool:
    """Tell whether a store lives in a server's database, which several hosts can reach."""
    return (where or default_store()).partition("://")[0].partition("+")[0] in ("postgres", "postgresql")


def make_dispatch(where: str, threads: int, *, is_alone: bool = False) -> Dispatch:
    """Make what hands out a worker's tasks: through the store's database where that is a server's.

    `is_alone` keeps the tasks in this process. Raises `InputError` where the package is not installed that
    shares them.
    """
    from setpoint.control.worker.inprocess import InProcessDispatch

    if is_alone or not is_server(where):
        return InProcessDispatch(threads)
    if find_spec("procrastinate") is None:
        next_step = "pip install 'setpoint[cluster]', or run one with --alone"
        raise InputError("workers that share a server's store need procrastinate", next_step=next_step)
    from setpoint.integrations.procrastination import ProcrastinateDispatch

    return ProcrastinateDispatch(where or default_store(), threads)


def local_account() -> str:
    """Answer the account of whoever runs this process, by its user id: ``local:USER@HOST``."""
    number = os.getuid()
    try:
        user = pwd.getpwuid(number).pw_name
    except KeyError:
        user = f"uid-{number}"
    return f"local:{quote(user)}@{quote(socket.gethostname())}"


def token_file() -> Path:
    """Answer where this user's token is kept."""
    return configuration_folder() / "token"


def read_token(place: str = "") -> str:
    """Answer a token: of a file that is named, else of the environment, else this user's; empty for none.

    Raises `InputError` when a named file is not there, and when others may read one.
    """
    named = os.environ.get(TOKEN_VARIABLE, "").strip()
    if named and not place:
        return named
    file = Path(place).expanduser() if place else token_file()
    found = read_private(file)
    if found is None and place:
        raise InputError("there is no token", where=place)
    return (found or b"").decode("ascii", "replace").strip()


def keep_token(text: str) -> str:
    """Keep a token as this user's own, readable to nobody else; answer where."""
    replace(token_file(), f"{text}\n".encode())
    return str(token_file())


def make_context(
    store: Store, *, actor: str = "", timeout_seconds: float = 5.0, token: str | None = None
) -> Context:
    """Put together what controllers are handed; a `token` of None is looked for where `read_token` says."""
    try:
        credential = Credential(local_account(), read_token() if token is None else token)
    except BaseException:
        store.close()
        raise
    return Context(
        store=store,
        actor=actor or default_actor(),
        read_secret=read_secret,
        now=SteadyClock(store.now),
        timeout_seconds=timeout_seconds,
        credential=credential,
        state=state_folder(str(store.file or store.where)),
    )
