"""Whoever starts, extends or ends an override is killed at every point there is; others end it.

A parameter of the instance was ours before, another a person's; after the override each is as it was.
"""

from __future__ import annotations

import shutil
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from tests.chaos.nursery import Child, Nursery
from tests.chaos.site import Site, await_that
from tests.fix_postgresql import MAJORS

from setpoint import Setpoint
from setpoint.config.override import Override, OverrideState
from setpoint.control.overrides.spool import Spool
from setpoint.control.worker.reconciler import POLL_SECONDS
from setpoint.engines.simulated.driver import keep, server_at

WANTED = {"sort_memory": "65536", "page_cost": "2.0"}
STOOD = {"sort_memory": "8192", "page_cost": "5.0"}
LEASE_SECONDS = 1.0
LATEST_SECONDS = LEASE_SECONDS + POLL_SECONDS + 4.0
"""The law, and the work on a machine that does all of this at once."""

AT_ONCE = 12
ACKNOWLEDGED = {"override.active", "override.ending", "override.ended", "override.switch"}
"""What is written by itself; the others are part of a larger transaction, which ends after the call."""

_NUMBERS = count(1)
FEW = [
    pytest.param("sqlite", True, 4, id="sqlite"),
    pytest.param("sqlite", False, 1, id="sqlite-guarded-all", marks=pytest.mark.slow),
    pytest.param("sqlite", True, 1, id="sqlite-all", marks=pytest.mark.slow),
    pytest.param("postgresql", True, 1, id="postgresql-all", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def nursery(tmp_path_factory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery")) as made:
        yield made


@dataclass
class Scene:
    """One instance and one store, as they were before somebody died."""

    folder: Path
    store: str
    nursery: Nursery
    is_unguarded: bool

    @property
    def address(self) -> str:
        return f"file:{self.folder / 'shop.json'}"

    def order(self, **more: object) -> dict:
        common = {"store": self.store, "state": str(self.folder / "host"), "lease": LEASE_SECONDS}
        return {**common, "is_unguarded": self.is_unguarded, **more}

    def open(self) -> closing[Setpoint]:
        return closing(Setpoint.open(self.store, actor="ada"))

    def overrides(self) -> tuple[Override, ...]:
        with self.open() as setpoint:
            return setpoint.overrides.all()

    def state(self) -> tuple[dict[str, str], dict[str, str]]:
        server = server_at(self.address)
        return {**server.persisted}, {name: server.running[name] for name in WANTED}

    def demand_all_is_back(self) -> None:
        """What stood before stands, is whose it was, and the record is whole."""
        persisted, running = self.state()
        assert persisted == STOOD
        assert running == STOOD
        with self.open() as setpoint:
            store = setpoint._context.store
            assert {each.parameter: (each.ours, each.restore) for each in store.journal.owned("shop")} == {
                "sort_memory": ("8192", None)
            }
            assert store.journal.unfinished("shop") is None
            assert setpoint.verify_audit().is_intact
            assert not store.journal.verify().faults
            assert not store.verify_records().faults
            assert setpoint.plan("shop").plan.is_empty

    def demand_that_nothing_acknowledged_is_lost(self, trail: list[str]) -> None:
        """Each record that a call has answered for is in the log."""
        with self.open() as setpoint:
            actions = [row.action for row in setpoint._context.store.audit.rows(subject="shop")]
        for line in trail:
            word, _, action = line.partition(" put ")
            if word == "after" and action in ACKNOWLEDGED:
                assert action in actions


def demand_end(scene: Scene, child: Child) -> None:
    """Have another process end what the dead one left; it has as long as the law says."""
    worker = scene.nursery.work(**scene.order())
    try:
        await_that(lambda: not any(each.is_open for each in scene.overrides()), "all is over")
    except AssertionError as fault:
        raise AssertionError(worker.where()) from fault
    finally:
        worker.kill()
    for over in scene.overrides():
        assert over.state is OverrideState.ENDED
        assert over.late_seconds <= LATEST_SECONDS
    scene.demand_that_nothing_acknowledged_is_lost(child.trail)
    scene.demand_all_is_back()
    folder = next((scene.folder / "host").glob("setpoint/*"), scene.folder)
    assert not Spool(folder / "spool").orders()
    assert not Spool(folder / "guardian").orders()


def start(scene: Scene, death: int) -> Child:
    order = scene.order(instance="shop", settings=WANTED, seconds=1.0, death=death)
    child = scene.nursery.have("start", **order)
    child.wait()
    return child


def end(scene: Scene, death: int) -> Child:
    child = scene.nursery.have("end", **scene.order(id=scene.overrides()[0].id, death=death))
    child.wait()
    return child


def extend(scene: Scene, death: int) -> Child:
    child = scene.nursery.have("extend", **scene.order(id=scene.overrides()[0].id, seconds=60.0, death=death))
    child.wait()
    return child


def after_start(scene: Scene, child: Child) -> None:
    demand_end(scene, child)


def after_end(scene: Scene, child: Child) -> None:
    override = scene.overrides()[0]
    if override.state is OverrideState.ACTIVE:
        # Nobody was told that it is to end: it is in force as before.
        assert "after put override.ending" not in child.trail
        assert scene.state()[0] == WANTED
        scene.nursery.have("end", **scene.order(id=override.id)).wait()
    demand_end(scene, child)


def after_extend(scene: Scene, child: Child) -> None:
    override = scene.overrides()[0]
    assert override.state is OverrideState.ACTIVE
    assert scene.state()[0] == WANTED
    assert len(override.extensions) == ("before spool put" in child.trail)
    scene.nursery.have("end", **scene.order(id=override.id)).wait()
    demand_end(scene, child)


class Template:
    """A scene that is copied for each death; on a server by a database made after it."""

    def __init__(self, folder: Path, dsn: str, nursery: Nursery, *, is_unguarded: bool) -> None:
        self.folder, self.dsn, self.nursery, self.is_unguarded = folder, dsn, nursery, is_unguarded
        self.name = f"points_{next(_NUMBERS)}"
        self.making = threading.Lock()
        site = Site(folder, store=self._new_database(self.name))
        server = server_at(site.address())
        server.persisted["page_cost"] = server.running["page_cost"] = STOOD["page_cost"]
        keep(site.address(), server)
        site.setpoint.change_settings("instance:shop", {"sort_memory": STOOD["sort_memory"]}, reason="ours")
        site.setpoint.apply(site.setpoint.plan("shop").plan)
        site.setpoint.close()
        self.store = site.store

    def scene(self, folder: Path, *, is_active: bool) -> Scene:
        """Copy it; with an override in force where that is wanted."""
        with self.making:
            store = self._new_database(f"points_{next(_NUMBERS)}", self.name)
            if not self.dsn:
                for path in self.folder.glob("store.db*"):
                    shutil.copy(path, folder)
                store = str(folder / "store.db")
        shutil.copy(self.folder / "shop.json", folder)
        made = Scene(folder, store, self.nursery, self.is_unguarded)
        with made.open() as setpoint:
            instance = setpoint.configuration().instance("shop")
            moved = type(instance)(engine=instance.engine, target=made.address, settings=instance.settings)
            setpoint.change_instance("shop", moved, reason="copied")
        if is_active:
            child = self.nursery.have("start", **made.order(instance="shop", settings=WANTED, seconds=600.0))
            child.wait()
            assert "id" in (child.answer or {}), child.answer or child.log
        return made

    def _new_database(self, name: str, template: str = "template1") -> str:
        if not self.dsn:
            return ""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
            info = connection.info
        return f"postgresql://{info.user}@{info.host}:{info.port}/{name}"


@pytest.mark.parametrize(("kind", "is_unguarded", "stride"), FEW)
@pytest.mark.parametrize(
    ("work", "check"),
    [(start, after_start), (end, after_end), (extend, after_extend)],
    ids=["start", "end", "extend"],
)
def test_it_ends_wherever_somebody_dies(
    request, tmp_path, nursery, work: Callable, check: Callable, kind, is_unguarded, stride
):
    dsn = ""
    if kind == "postgresql":
        dsn = request.getfixturevalue("postgres_server")(MAJORS[-1]).dsn
    (tmp_path / "template").mkdir()
    template = Template(tmp_path / "template", dsn, nursery, is_unguarded=is_unguarded)
    beside = nursery.work(**Scene(tmp_path / "template", template.store, nursery, is_unguarded).order())

    def one(death: int) -> tuple[Child, str]:
        folder = tmp_path / f"{death}"
        folder.mkdir()
        scene = template.scene(folder, is_active=work is not start)
        child = work(scene, death)
        try:
            check(scene, child)
        except Exception as fault:  # noqa: BLE001 - each is told, with its point
            where = traceback.extract_tb(fault.__traceback__)[-1]
            what = f"{where.line}: {fault}"[:600]
            return child, f"killed at point {death}, {child.trail[-1:]}: {what} {child.answer} {child.log}"
        return child, ""

    beside.kill()
    whole, fault = one(100_000)
    assert not fault
    assert whole.answer
    assert "id" in whole.answer, whole.answer
    points = range(1, len(whole.trail) + 1, stride)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        dead = [*pool.map(one, points)]
    assert not any(child.answer for child, _ in dead)
    faults = [fault for _, fault in dead if fault]
    assert not faults, "\n".join(faults)
