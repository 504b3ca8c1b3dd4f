"""Leases: one holder at a time, epochs that never go back; whatever becomes of clocks and processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from setpoint.errors import HeldError
from setpoint.store import Store
from setpoint.store.leases import LONGEST_SECONDS, Leases

AT = datetime(2026, 1, 2, tzinfo=UTC)
SECONDS = 10.0
HOLDERS: tuple[str, ...] = ("ann", "bob", "cec")


class Clocks:
    """The store's clock, and one that nobody can set."""

    def __init__(self) -> None:
        self.at = AT
        self.monotonic = 0.0

    def leases(self, store: Store) -> Leases:
        return Leases(store._database, now=lambda _: self.at, monotonic=lambda: self.monotonic)

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.monotonic += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def leases(store, clocks) -> Leases:
    return clocks.leases(store)


def test_a_free_lease_is_claimed_and_nobody_else_gets_it(leases) -> None:
    lease = leases.claim("sweep", "ann", SECONDS)
    assert (lease.holder, lease.epoch, lease.until) == ("ann", 1, AT + timedelta(seconds=SECONDS))
    assert leases.claim("sweep", "bob", SECONDS) is None
    assert leases.claim("sweep", "ann", SECONDS) is None
    assert leases.holder_of("sweep") == lease
    assert leases.holder_of("other") is None
    assert leases.claim("other", "bob", SECONDS).epoch == 1


def test_a_renewed_lease_lasts_on(leases, clocks) -> None:
    lease = leases.claim("sweep", "ann", SECONDS)
    clocks.wait(SECONDS - 1)
    lease = leases.renew(lease, SECONDS)
    assert (lease.epoch, lease.renewals) == (1, 1)
    clocks.wait(SECONDS - 1)
    assert leases.claim("sweep", "bob", SECONDS) is None
    leases.check(lease)


def test_a_lease_that_is_over_goes_to_the_next_and_its_holder_is_told(leases, clocks) -> None:
    late = leases.claim("sweep", "ann", SECONDS)
    clocks.wait(SECONDS)
    assert leases.holder_of("sweep") is None
    leases.check(late)
    taken = leases.claim("sweep", "bob", SECONDS)
    assert (taken.holder, taken.epoch) == ("bob", 2)
    for use in (leases.check, lambda lease: leases.renew(lease, SECONDS)):
        with pytest.raises(HeldError, match="'sweep' is not ann's any more: bob has it"):
            use(late)
    leases.release(late)
    assert leases.holder_of("sweep") == taken


def test_a_lease_that_is_over_is_renewed_while_nobody_took_it(leases, clocks) -> None:
    lease = leases.claim("sweep", "ann", SECONDS)
    clocks.wait(2 * SECONDS)
    assert leases.renew(lease, SECONDS).epoch == 1
    assert leases.claim("sweep", "bob", SECONDS) is None


def test_epochs_go_on_after_a_release(leases) -> None:
    lease = leases.claim("sweep", "ann", SECONDS)
    leases.release(lease)
    leases.release(lease)
    with pytest.raises(HeldError, match="given back"):
        leases.check(lease)
    assert leases.claim("sweep", "ann", SECONDS).epoch == 2


def test_a_clock_that_was_put_back_holds_nobody_up(store, leases, clocks) -> None:
    lease = leases.claim("sweep", "ann", SECONDS)
    other = clocks.leases(store)
    clocks.at -= timedelta(hours=1)
    assert other.claim("sweep", "bob", SECONDS) is None
    clocks.wait(SECONDS - 1)
    assert other.claim("sweep", "bob", SECONDS) is None
    lease = leases.renew(lease, SECONDS)
    clocks.at -= timedelta(hours=1)
    clocks.wait(SECONDS - 1)
    assert other.claim("sweep", "bob", SECONDS) is None
    clocks.wait(SECONDS)
    assert other.holder_of("sweep") is None
    assert other.claim("sweep", "bob", SECONDS).epoch == 2


def test_nobody_claims_what_a_transaction_rests_on(store, leases, clocks, where) -> None:
    """On PostgreSQL, where claims do not queue behind transactions."""
    lease = leases.claim("sweep", "ann", SECONDS)
    clocks.wait(SECONDS)
    if store._database.is_sqlite:
        pytest.skip("a file has one writer: nobody claims during a transaction")
    with Store.open(where) as second:
        other = clocks.leases(second)
        with store.transaction():
            leases.check(lease)
            assert other.claim("sweep", "bob", SECONDS) is None
        assert other.claim("sweep", "bob", SECONDS).epoch == 2
        with pytest.raises(HeldError), store.transaction():
            leases.check(lease)


def test_claims_of_different_names_do_not_wait_for_each_other(store, leases, clocks, where) -> None:
    if store._database.is_sqlite:
        pytest.skip("a file has one writer at a time")
    with Store.open(where) as second:
        other = clocks.leases(second)
        with store.transaction():
            assert leases.claim("one", "ann", SECONDS).epoch == 1
            assert other.claim("two", "bob", SECONDS).epoch == 1


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), LONGEST_SECONDS + 1])
def test_a_time_that_is_none_is_refused(leases, seconds) -> None:
    with pytest.raises(ValueError, match="a lease lasts"):
        leases.claim("sweep", "ann", seconds)
    with pytest.raises(ValueError, match="holder"):
        leases.claim("sweep", "", SECONDS)


class Holders(RuleBasedStateMachine):
    """Several holders, each with eyes and a lease of its own, over one store."""

    store: Store

    @initialize(number=st.integers(0, 10**9))
    def begin(self, number: int) -> None:
        self.name = f"lease-{number}-{id(self)}"
        self.clocks = Clocks()
        self.eyes = {holder: self.clocks.leases(self.store) for holder in HOLDERS}
        self.held = dict.fromkeys(HOLDERS)
        self.epochs: list[tuple[int, str]] = []
        self.until = AT

    @rule(holder=st.sampled_from(HOLDERS))
    def claim(self, holder: str) -> None:
        is_over = self.until <= self.clocks.at
        lease = self.eyes[holder].claim(self.name, holder, SECONDS)
        if is_over:
            assert lease is not None
        if lease is not None:
            assert lease.epoch == len(self.epochs) + 1
            self.epochs.append((lease.epoch, holder))
            self.held[holder] = lease
            self.until = lease.until

    @rule(holder=st.sampled_from(HOLDERS))
    def renew(self, holder: str) -> None:
        lease = self.held[holder]
        if lease is None:
            return
        try:
            renewed = self.eyes[holder].renew(lease, SECONDS)
        except HeldError:
            assert self.epochs[-1] != (lease.epoch, holder)
            self.held[holder] = None
            return
        assert self.epochs[-1] == (renewed.epoch, holder)
        self.held[holder] = renewed
        self.until = renewed.until

    @rule(holder=st.sampled_from(HOLDERS))
    def release(self, holder: str) -> None:
        lease = self.held[holder]
        if lease is None:
            return
        self.eyes[holder].release(lease)
        if self.epochs[-1] == (lease.epoch, holder):
            self.until = self.clocks.at
        self.held[holder] = None

    @rule(seconds=st.sampled_from([1.0, SECONDS / 2, SECONDS, 3 * SECONDS]))
    def wait(self, seconds: float) -> None:
        self.clocks.wait(seconds)

    @rule(hours=st.sampled_from([-1, 1]))
    def set_clock(self, hours: int) -> None:
        self.clocks.at += timedelta(hours=hours)

    @invariant()
    def one_holds_it(self) -> None:
        passed = []
        for holder, lease in self.held.items():
            if lease is None:
                continue
            try:
                self.eyes[holder].check(lease)
            except HeldError:
                continue
            passed.append((lease.epoch, holder))
        assert len(passed) <= 1
        assert passed in ([], self.epochs[-1:])


def test_whatever_happens_one_holds_it_and_epochs_never_go_back(store) -> None:
    class Here(Holders):
        pass

    Here.store = store
    how = settings(
        max_examples=15,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
    )
    run_state_machine_as_test(Here, settings=how)
