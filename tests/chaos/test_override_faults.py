"""What may come between an override and its end, one thing at a time, at the very moment where it hurts."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import text
from tests.chaos.site import BEFORE, OURS, Site, await_that

from setpoint.config.override import EndReason, LinkKind, LinkState, OverrideState
from setpoint.control import overridden
from setpoint.control.context import Context
from setpoint.control.overrides import chain, ending, guardian, watching
from setpoint.control.overrides.orders import first_order
from setpoint.control.overrides.reverting import revert
from setpoint.control.overrides.spool import Spool
from setpoint.control.overrides.starting import start
from setpoint.control.overrides.wish import Wish
from setpoint.control.worker.reconciler import Reconciler
from setpoint.engines.simulated.driver import SimulatedDriver
from setpoint.errors import SetpointError, UnreachableError
from setpoint.store.journal import Journal

THEIRS = "7000"


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    for folder in tmp_path.glob("state-*"):
        for order in Spool(folder / "guardian").orders():
            guardian.disarm(folder / "guardian", order.override)
    made.setpoint.close()


def lose_connection(monkeypatch, verb: str, meanwhile) -> None:
    """Have the answer to the next such statement be lost once it was done, and something happen."""
    inner, is_lost = SimulatedDriver.run, []

    def run(self, request):
        answer = inner(self, request)
        if request.text.startswith(verb) and not is_lost:
            is_lost.append(True)
            meanwhile()
            raise UnreachableError("the network was cut in the middle of a statement", where="shop")
        return answer

    monkeypatch.setattr(SimulatedDriver, "run", run)


def test_a_person_who_comes_while_an_ending_lost_its_connection_is_not_overwritten(site, monkeypatch):
    context = site.host()
    override = site.start(context)
    lose_connection(monkeypatch, "reset", lambda: site.set_by_hand(THEIRS))
    with pytest.raises(SetpointError):
        ending.end(context, override.id, because="enough")
    assert site.persisted() == THEIRS
    ending.finish(context, override.id)
    assert site.persisted() == THEIRS


def test_a_person_who_comes_while_a_start_lost_its_connection_is_not_overwritten(site, monkeypatch):
    context = site.host()
    lose_connection(monkeypatch, "set", lambda: site.set_by_hand(THEIRS))
    wish = Wish(settings={"sort_memory": OURS}, seconds=60, because="the queue is full")
    (started,) = start(context, ["shop"], wish)
    assert started.fault is not None
    assert site.persisted() == THEIRS


def test_a_person_who_comes_while_the_guard_lost_its_connection_is_not_overwritten(site, monkeypatch):
    context = site.host()
    override = site.start(context)
    instance = context.head()[1].instance("shop")
    order = first_order(override, instance, at=context.now())
    lose_connection(monkeypatch, "reset", lambda: site.set_by_hand(THEIRS))
    with pytest.raises(SetpointError):
        revert(order, read_secret=lambda _: None, holder="the guard", link=LinkKind.GUARD_PROCESS)
    assert site.persisted() == THEIRS


def come_before_the_statement(monkeypatch, meanwhile) -> None:
    """Have something happen once, when a step is written down and its statement was not sent yet."""
    inner, is_over = Journal.intend, []

    def intend(self, *args, **options):
        inner(self, *args, **options)
        if not is_over:
            is_over.append(True)
            meanwhile()

    monkeypatch.setattr(Journal, "intend", intend)


def test_a_person_who_comes_right_before_the_statement_of_a_start_is_not_overwritten(site, monkeypatch):
    come_before_the_statement(monkeypatch, lambda: site.set_by_hand(THEIRS))
    wish = Wish(settings={"sort_memory": OURS}, seconds=60, because="the queue is full")
    start(site.host(), ["shop"], wish)
    (override,) = overridden.overrides(site.host())
    if override.is_open:
        ending.mark(
            site.host(), overridden.find(site.host(), override.id), EndReason.BY_HAND, because="enough"
        )
        ending.finish(site.host(), override.id)
    assert site.persisted() == THEIRS


def test_a_person_who_comes_right_before_the_statement_of_an_ending_is_not_overwritten(site, monkeypatch):
    context = site.host()
    override = site.start(context)
    come_before_the_statement(monkeypatch, lambda: site.set_by_hand(THEIRS))
    with suppress(SetpointError):
        ending.end(context, override.id, because="enough")
    ending.finish(context, override.id)
    assert site.persisted() == THEIRS


def test_an_ending_that_lost_its_connection_does_not_put_the_override_on_again(site, monkeypatch):
    """Whoever else ended it meanwhile has taken the orders away: nobody would take it off a second time."""
    context = site.host()
    override = site.start(context)
    instance = context.head()[1].instance("shop")
    order = first_order(override, instance, at=context.now())
    lose_connection(monkeypatch, "reset", lambda: ending.end(context, override.id, because="enough"))
    with pytest.raises(SetpointError):
        revert(order, read_secret=lambda _: None, holder="the guard", link=LinkKind.GUARD_PROCESS)
    assert site.now(override.id).state is OverrideState.ENDED
    assert site.persisted() is None


def test_an_override_whose_links_all_stand_is_not_said_to_have_lost_one(site):
    context = site.host()
    override = site.start(context)
    armed = {link.kind for link in override.links if link.state is LinkState.ARMED}
    assert LinkKind.GUARD_PROCESS in armed
    before = site.actions()
    watching.watch(context, override.id)
    assert site.actions() == before
    ending.end(context, override.id, because="enough")


def test_an_instance_that_answers_is_ended_however_many_do_not(tmp_path, monkeypatch):
    """More instances hang than a reconciler has threads: the one that answers waits for none of them."""
    holes = [f"hole-{number}" for number in range(12)]
    site = Site(tmp_path, *holes, "shop", scheduler="on")
    context = site.host()
    ids = [site.start(context, name, seconds=60).id for name in [*holes, "shop"]]
    for id_ in ids:
        ending.mark(context, overridden.find(context, id_), EndReason.BY_HAND, because="enough")
    is_over, inner = threading.Event(), Context.connected

    @contextmanager
    def connected(self, name, instance, permit=None):
        if name in holes:
            is_over.wait(60)
            raise UnreachableError("no answer", where=name)
        with inner(self, name, instance, permit) as driver:
            yield driver

    monkeypatch.setattr(Context, "connected", connected)
    reconciler = Reconciler()

    def is_ended() -> bool:
        reconciler.poll(context)
        return site.now(ids[-1]).state is OverrideState.ENDED

    try:
        await_that(is_ended, "the instance that answers was ended", seconds=15)
    finally:
        is_over.set()
        reconciler.stop()
        site.setpoint.close()


def test_a_record_that_was_bent_keeps_no_other_override_from_ending(tmp_path):
    site = Site(tmp_path, "bent", "shop")
    context = site.host()
    site.start(context, "bent")
    override = site.start(context, "shop", seconds=1)
    with site.setpoint._context.store._database.write() as connection:
        triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
        for name in list(triggers):
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("UPDATE record SET body = '{}' WHERE kind = 'override' AND id LIKE 'bent/%'"))
    # The guard process is dead, too.
    guardian.disarm(context.state / "guardian", override.id)
    reconciler = Reconciler()

    def is_off() -> bool:
        with suppress(SetpointError):
            reconciler.poll(context)
        return site.persisted("shop") is None

    await_that(is_off, "the sound override was ended", seconds=15)
    reconciler.stop()
    # Nobody believes the record, so nobody believes by it that the override is over.
    left = Spool(context.state / "guardian").orders()
    assert [order.instance for order in left] == ["bent"]
    assert [order.instance for order in Spool(context.state / "spool").orders()] == ["bent"]
    for order in left:
        guardian.disarm(context.state / "guardian", order.override)
    site.setpoint.close()


def test_what_became_permanent_is_not_taken_back_by_a_guard_that_nobody_told(site):
    """Started on one host, ended early on another; then a person sets the same value for good."""
    here, there = site.host("here"), site.host("there")
    override = site.start(here, seconds=3)
    ending.end(there, override.id, because="it shall stay")
    site.set_by_hand(OURS)
    watching.sync_spool(here, [])
    await_that(lambda: here.now() > override.deadline, "the deadline")
    folder = here.state / "guardian"
    await_that(lambda: not Spool(folder).orders(), "the guard process has nothing to do any more")
    assert site.persisted() == OURS
    assert BEFORE != OURS
    assert chain.outcome_of(here, override.id) is None
