"""The server: a dictionary in a file, one lock, and values that wait for a restart."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from abacus.grammar import GRAMMAR
from setpoint.catalog import Catalog, Context, Version
from setpoint.catalog.catalog import CatalogData
from setpoint.engines.port import Reply
from setpoint.errors import HeldError, RefusedError, StalePlanError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.engines.plan import Request
    from setpoint.engines.port import Target

FOLDER = Path(__file__).parent


def catalog_of(version: str) -> Catalog:
    """Read what a version offers."""
    import msgspec

    body = (FOLDER / "catalog" / f"{version}.json").read_bytes()
    return Catalog(msgspec.json.decode(body, type=CatalogData), GRAMMAR)


class Abacus:
    """One server, in one file."""

    def __init__(self, place: str) -> None:
        self.path = Path(place)

    @contextmanager
    def alone(self) -> Generator[dict[str, Any]]:
        """Have its state alone; what is changed in it is kept."""
        with self.path.with_suffix(".mutex").open("a") as mutex:
            fcntl.flock(mutex, fcntl.LOCK_EX)
            fresh = {"version": "1", "entries": {}, "running": {}, "starts": 0, "lock": None}
            state = json.loads(self.path.read_text()) if self.path.exists() else fresh
            for each in catalog_of(state["version"]).parameters:
                state["running"].setdefault(each.name, default_of(each.name, state))
            yield state
            self.path.write_text(json.dumps(state))

    def restart(self) -> None:
        """Load every entry; connections and their lock are gone."""
        with self.alone() as state:
            state["starts"] += 1
            state["lock"] = None
            for name in state["running"]:
                state["running"][name] = state["entries"].get(name, default_of(name, state))

    def put(self, name: str, text: str | None) -> None:
        """Change an entry, and make it run where that needs no restart."""
        with self.alone() as state:
            _put(state, name, text)


class AbacusDriver:
    """The `Driver` port."""

    def __init__(self, target: Target) -> None:
        self._server, self._instance, self._token = Abacus(target.address), target.instance, uuid4().hex
        with self._server.alone() as state:
            self._starts = state["starts"]
            self.version = Version.parse(state["version"])
        self._is_holding = False

    def run(self, request: Request) -> Reply:
        """Run ``all``, ``entry NAME``, ``put NAME TEXT`` or ``drop NAME``."""
        with self._server.alone() as state:
            self._check(state)
            if any(state["entries"].get(name) != text for name, text in map(json.loads, request.ahead)):
                raise StalePlanError("the entry moved", where=self._instance)
            verb, _, rest = request.text.partition(" ")
            name, _, text = rest.partition(" ")
            if verb == "all":
                return Reply(rows=((json.dumps(state),),))
            if verb == "entry":
                return Reply(rows=((state["entries"].get(name),),))
            if verb not in ("put", "drop"):
                raise RefusedError(f"{verb!r} is no bead of it", where=self._instance)
            _put(state, name, text if verb == "put" else None)
            return Reply()

    def lock(self, holder: str, *, is_preempting: bool = False) -> None:
        """Take the only lock, which a dead process leaves to anybody."""
        with self._server.alone() as state:
            self._check(state)
            held = state["lock"]
            if held and held["token"] != self._token and not is_preempting and _is_alive(held["process"]):
                raise HeldError(f"{held['holder']} holds it", where=self._instance, next_step="wait")
            state["lock"] = {"token": self._token, "holder": holder, "process": os.getpid()}
        self._is_holding = True

    def reconnect(self, timeout_seconds: float) -> None:
        """Connect again."""
        del timeout_seconds
        self.close()
        with self._server.alone() as state:
            self._starts = state["starts"]

    def close(self) -> None:
        """Give the lock back."""
        with self._server.alone() as state:
            if state["lock"] and state["lock"]["token"] == self._token:
                state["lock"] = None
        self._is_holding = False

    def _check(self, state: dict[str, Any]) -> None:
        lost = self._is_holding and (not state["lock"] or state["lock"]["token"] != self._token)
        if lost or state["starts"] != self._starts:
            raise UnreachableError("the connection is gone", where=self._instance)


def default_of(name: str, state: dict[str, Any]) -> str:
    """Answer the text of a default."""
    parameter = catalog_of(state["version"]).get(name)
    assert parameter.default is not None
    return parameter.format(parameter.default, GRAMMAR)


def _put(state: dict[str, Any], name: str, text: str | None) -> None:
    catalog = catalog_of(state["version"])
    if text is None:
        state["entries"].pop(name, None)
    else:
        catalog.parse(name, text)
        state["entries"][name] = text
    if catalog.get(name).context is Context.IMMEDIATE:
        state["running"][name] = default_of(name, state) if text is None else text


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
