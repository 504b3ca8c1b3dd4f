"""Whatever dies, stops or is away, an override on MariaDB or MySQL ends."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import pytest
from tests.chaos.nursery import Nursery
from tests.chaos.site import await_that
from tests.chaos.site_mysql import OURS, THEIRS, MysqlSite, clear
from tests.chaos.stage_mysql import AFTER, LEASE_SECONDS, MIDDLE, WORK_SECONDS, MysqlStage
from tests.live.mysql.scene import by_hand

from setpoint.config.override import LinkKind, LinkState, OverrideState
from setpoint.control.overrides.spool import Spool
from setpoint.control.worker.reconciler import POLL_SECONDS
from setpoint.errors import StoreUnavailableError


@pytest.fixture(scope="module")
def nursery(tmp_path_factory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery")) as made:
        yield made


@pytest.fixture
def stage(mysql_family_each, nursery, tmp_path) -> Iterator[MysqlStage]:
    site = MysqlSite(tmp_path, mysql_family_each)
    yield MysqlStage(site, nursery)
    nursery.let_go()
    site.setpoint.close()
    if not mysql_family_each.is_running:
        mysql_family_each.start()
    clear(mysql_family_each)


def is_over(stage: MysqlStage, id_: str) -> bool:
    try:
        return not stage.site.now(id_).is_open
    except StoreUnavailableError:
        return False


def test_a_worker_killed_after_the_start_is_replaced_after_the_deadline(stage):
    worker = stage.worker()
    id_ = stage.start(1.0)
    worker.kill()
    stage.await_deadline(id_)
    assert stage.site.persisted() == OURS
    stage.worker()
    assert stage.demand_law(id_).ended_by is LinkKind.RECONCILER


def test_a_worker_killed_in_the_middle_of_an_ending_is_taken_over(stage):
    victim = stage.worker(at=MIDDLE)
    id_ = stage.start(1.0)
    victim.wait()
    assert stage.site.persisted() == OURS
    stage.worker()
    stage.demand_law(id_)


@pytest.mark.slow
def test_a_worker_killed_after_the_effect_leaves_it_to_be_found_done(stage):
    victim = stage.worker(at=AFTER)
    id_ = stage.start(1.0)
    victim.wait()
    assert stage.site.is_off
    assert stage.site.now(id_).state is OverrideState.ENDING
    stage.worker()
    stage.demand_law(id_)


@pytest.mark.slow
def test_a_worker_stopped_in_the_middle_changes_nothing_once_it_was_taken_over(stage):
    zombie = stage.worker(at=MIDDLE, how="stop")
    id_ = stage.start(1.0)
    await_that(lambda: zombie.is_stopped, "it stands in the middle")
    stage.worker()
    stage.demand_law(id_)
    stage.site.set_by_hand(THEIRS)
    before, passed = stage.site.actions(), len(zombie.trail)
    zombie.go_on()
    await_that(lambda: "after release" in zombie.trail[passed:], "it found that it was taken over")
    zombie.send(signal.SIGTERM)
    zombie.wait()
    assert stage.site.running() == THEIRS
    assert stage.site.actions() == before
    stage.demand_record()


@pytest.mark.slow
def test_a_person_who_comes_while_the_worker_is_stopped_is_not_overwritten(stage):
    zombie = stage.worker(at=MIDDLE, how="stop")
    id_ = stage.start(1.0)
    await_that(lambda: zombie.is_stopped, "it stands in the middle")
    stage.site.set_by_hand(THEIRS)
    stage.worker()
    await_that(lambda: is_over(stage, id_), "it is over")
    zombie.go_on()
    zombie.send(signal.SIGTERM)
    zombie.wait()
    assert stage.site.now(id_).state is OverrideState.CONFLICT
    assert stage.site.running() == THEIRS
    stage.demand_record("conflict")


def test_with_the_store_away_the_spool_ends_it_and_the_store_is_told_later(stage):
    stage.worker()
    id_ = stage.start(1.5)
    override = stage.site.now(id_)
    stage.site.setpoint.close()
    bring_back = stage.take_store_away()
    await_that(lambda: stage.site.is_off, "the spool ended it")
    late = (stage.site.host().now() - override.deadline).total_seconds()
    assert late <= LEASE_SECONDS + POLL_SECONDS + WORK_SECONDS
    bring_back()
    await_that(lambda: is_over(stage, id_), "the store was told")
    # Who has a file open goes on with it, wherever it was moved.
    assert stage.site.now(id_).ended_by in (LinkKind.SPOOL, LinkKind.RECONCILER)
    stage.demand_record()


def test_a_target_restarted_in_the_middle_of_an_ending_is_put_back(stage):
    worker = stage.worker(at=MIDDLE, how="stop")
    id_ = stage.start(1.0)
    await_that(lambda: worker.is_stopped, "it stands in the middle")
    stage.site.server.stop("immediate")
    worker.go_on()
    stage.site.server.start()
    stage.demand_law(id_, later=WORK_SECONDS)


def test_a_target_that_is_down_across_the_deadline_is_put_back_when_it_is_up(stage):
    stage.worker()
    id_ = stage.start(1.0)
    stage.site.server.stop("immediate")
    stage.await_deadline(id_)
    await_that(lambda: stage.site.now(id_).state is OverrideState.ENDING, "a worker tries")
    stage.site.server.start()
    stage.demand_law(id_, later=30.0)


@pytest.mark.slow
def test_the_guard_process_alone_ends_it_and_the_next_worker_tells_the_store(stage):
    worker = stage.worker()
    # A guard process takes a while to stand on a busy machine, longer than the short lease of these tests.
    id_ = stage.start(5.0, is_unguarded=False, start_lease=30.0)
    found = {link.kind: link.state for link in stage.site.now(id_).links}
    assert found[LinkKind.TARGET_SWITCH] is LinkState.FAILED
    assert found[LinkKind.GUARD_PROCESS] is LinkState.ARMED
    worker.kill()
    await_that(lambda: stage.site.is_off, "the guard process ended it")
    stage.worker()
    assert stage.demand_law(id_).ended_by is LinkKind.GUARD_PROCESS


def test_with_all_processes_dead_and_store_and_spool_gone_the_event_alone_ends_it(stage):
    by_hand(stage.site.server, "SET GLOBAL event_scheduler = ON")
    worker = stage.worker()
    id_ = stage.start(2.0, is_unguarded=False)
    found = {link.kind: link.state for link in stage.site.now(id_).links}
    assert found[LinkKind.TARGET_SWITCH] is LinkState.ARMED
    assert LinkKind.GUARD_PROCESS not in found
    worker.kill()
    assert Spool(stage.spool).orders()
    shutil.rmtree(stage.place)
    stage.site.setpoint.close()
    bring_back = stage.take_store_away()
    await_that(lambda: stage.site.is_off, "the event ended it")
    assert stage.site.events == []
    bring_back()
    stage.worker()
    await_that(lambda: is_over(stage, id_), "the store was told")
    assert stage.site.now(id_).ended_by is LinkKind.TARGET_SWITCH
    stage.demand_record()
