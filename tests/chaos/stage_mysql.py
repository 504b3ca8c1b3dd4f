"""A stage for kills on MariaDB and MySQL: a store, one private server, and the processes around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.chaos.nursery import Child, Nursery
from tests.chaos.site import await_that
from tests.chaos.site_mysql import OURS, PARAMETER, MysqlSite
from tests.live.mysql.scene import by_hand

from setpoint.config.override import Override, OverrideState
from setpoint.control.worker.reconciler import POLL_SECONDS

LEASE_SECONDS = 2.0
WORK_SECONDS = 3.0
"""What ending an override may take on a machine that does other things besides."""

MIDDLE, AFTER = (f"{when} run SET @setpoint_seen" for when in ("before", "after"))
"""Where an ending has written down what it will do, and has not done it; and where it has.

The statement that writes begins with its look.
"""


class MysqlStage:
    """The event scheduler is off, and the guard process out of the way, but where they are what is tested."""

    def __init__(self, site: MysqlSite, nursery: Nursery) -> None:
        self.site = site
        self.nursery = nursery
        self.place = site.folder / "host"
        by_hand(site.server, "SET GLOBAL event_scheduler = OFF")

    def order(self, **more: object) -> dict:
        common = {"store": self.site.store, "state": str(self.place), "lease": LEASE_SECONDS}
        return {**common, "is_unguarded": True, **more}

    def worker(self, **more: object) -> Child:
        return self.nursery.work(**self.order(**more))

    def start(self, seconds: float, **more: object) -> str:
        """Have an override started; answer its id once it is active."""
        order = self.order(instance="shop", settings={PARAMETER: OURS}, seconds=seconds, **more)
        child = self.nursery.have("start", **order)
        child.wait()
        assert child.answer, child.log
        assert "id" in child.answer, child.answer
        return child.answer["id"]

    def await_deadline(self, id_: str) -> None:
        deadline = self.site.now(id_).deadline
        await_that(lambda: self.site.host().now() > deadline, "the deadline")

    def demand_law(self, id_: str, *, later: float = 0.0) -> Override:
        """It is over, once, in time; nothing of it stands; the record is whole and says so."""
        await_that(lambda: not self.site.now(id_).is_open, f"{id_} is over")
        over = self.site.now(id_)
        assert over.state is OverrideState.ENDED
        assert self.site.is_off
        assert over.late_seconds <= LEASE_SECONDS + POLL_SECONDS + WORK_SECONDS + later
        self.demand_record()
        return over

    def demand_record(self, word: str = "ended") -> None:
        assert self.site.actions().count(word) == 1
        store = self.site.setpoint._context.store
        assert self.site.setpoint.verify_audit().is_intact
        assert not store.journal.verify().faults
        assert not store.verify_records().faults
        assert not store.journal.owned("shop")
        assert store.journal.unfinished("shop") is None

    def take_store_away(self) -> Callable[[], None]:
        """Move the store's files away; answer how they come back."""
        away = self.site.folder / "away"
        away.mkdir()
        names = [path.name for path in self.site.folder.glob("store.db*")]
        for name in names:
            (self.site.folder / name).rename(away / name)

        def bring_back() -> None:
            for path in self.site.folder.glob("store.db*"):
                path.unlink()
            for name in names:
                (away / name).rename(self.site.folder / name)

        return bring_back

    @property
    def spool(self) -> Path:
        return next(self.place.glob("setpoint/*/spool"))
