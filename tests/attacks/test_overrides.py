"""Overrides: an emergency is no way round locks, limits, approvals, separation of duties or the audit log."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.attacks.scene import PART, POLICY, SHOP, Attacked
from tests.control.overrides.ordering import wait_until

from setpoint.config.override import OverrideState
from setpoint.control.checks import MAX_VALUE
from setpoint.control.overrides import orders
from setpoint.control.overrides.wish import Wish
from setpoint.control.worker.reconciler import Reconciler
from setpoint.errors import OverBudgetError, RefusedError, SetpointError
from setpoint.policy.person import Grant, Role
from setpoint.policy.selector import ALL, Selector

HALF_HOUR = 1800.0


def wish(seconds: float = HALF_HOUR, guards: tuple[str, ...] = (), accept_risk: str = "", **settings) -> Wish:
    return Wish(
        settings=settings,
        seconds=seconds,
        because="the queue is full",
        guards=guards,
        accept_risk=accept_risk,
    )


@pytest.fixture
def worker(town):
    """A worker of the store's own, asked as time passes."""
    reconciler = Reconciler()

    def look(**span: float) -> None:
        town.clock.pass_by(**span)
        reconciler.poll(town.context)
        wait_until(lambda: not reconciler.is_ending)
        reconciler.poll(town.context)

    look.reconciler = reconciler
    yield look
    reconciler.stop()


def newest(town: Attacked):
    return town.founder.overrides.all(instance=SHOP)[0]


# Who may, and what


@pytest.mark.parametrize("who", ["vic", "olaf", "mara", "pola", "ada"])
def test_who_has_no_part_in_emergencies_starts_none(town, who):
    with town.refused("may not act in an emergency"):
        getattr(town, who).overrides.start(SHOP, wish(sort_memory="8192"))
    assert not town.founder.overrides.all()


@pytest.mark.parametrize("name", ["page_cost", "PAGE_COST", "Page_Cost"])
def test_a_lock_that_no_emergency_breaks_holds(town, name):
    with town.refused("nobody touches it"):
        town.emil.overrides.start(SHOP, replace(wish(), settings={name: "2", "sort_memory": "8192"}))


def test_an_emergency_role_elsewhere_is_none_here(town):
    scope = Selector(instances=("lab",))
    town.grant("emil", Grant(role=Role.EMERGENCY, scope=scope))
    with town.refused("may not act in an emergency"):
        town.emil.overrides.start(SHOP, wish(sort_memory="8192"))
    done = town.emil.overrides.start(ALL, wish(sort_memory="8192"))
    assert {each.instance: each.override is not None for each in done} == {"lab": True, SHOP: False}
    assert "sort_memory" not in town.server.persisted


def test_one_parameter_by_two_spellings_is_one(town):
    with pytest.raises(SetpointError):
        town.emil.overrides.start(SHOP, wish(sort_memory="8192", SORT_MEMORY="16384"))
    assert not town.founder.overrides.all(is_open_only=True)


def test_a_held_parameter_by_another_spelling_is_held(town):
    town.emil.overrides.start(SHOP, wish(sort_memory="8192"))
    with town.refused("holds sort_memory"):
        town.emil.overrides.start(SHOP, wish(SORT_MEMORY="16384"))


def test_of_two_for_one_name_one_is_started(town):
    from setpoint.control.overrides import starting

    done = starting.start(town.emil._context, [SHOP, SHOP], wish(sort_memory="8192"))
    assert sorted(each.override is not None for each in done) == [False, True]


@pytest.mark.parametrize(
    "bad", [0.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e18, 1e300, 25 * 3600.0]
)
def test_a_length_that_is_none_starts_nothing(town, bad):
    with town.refused("."):
        town.emil.overrides.start(SHOP, wish(bad, sort_memory="8192"))


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf"), 1e18, 1e300, 24 * 3600.0])
def test_a_length_that_is_none_extends_nothing(town, bad):
    started = town.emil.overrides.start(SHOP, wish(sort_memory="8192"))[0].override
    with town.refused("."):
        town.emil.overrides.extend(started.id, seconds=bad, because="longer")
    assert newest(town).deadline == started.deadline


def test_an_override_grows_by_extensions_no_longer_than_policy_lets_one_be(town):
    town.decide(POLICY + "overrides: {at most: 1h}\n")
    started = town.emil.overrides.start(SHOP, wish(sort_memory="8192"))[0].override
    town.emil.overrides.extend(started.id, seconds=HALF_HOUR, because="longer")
    with town.refused("3600 s at most|60m|1h"):
        town.emil.overrides.extend(started.id, seconds=1.0, because="longer")


def test_risk_is_accepted_with_a_reason(town):
    for reason in ("", "   "):
        with town.refused("exceed|memory|reason"):
            town.emil.overrides.start(SHOP, wish(sort_memory="1000000000", accept_risk=reason))


def test_guards_are_formulas_and_not_without_number(town):
    for bad in (("1" * 100_000 + " < 2",), ("__import__('os')",), ("temp_bytes < 1",) * 1000):
        with town.refused("."):
            town.emil.overrides.start(SHOP, wish(guards=bad, sort_memory="8192"))


def test_no_password_is_overridden_and_so_kept(town):
    """What a layer may not hold, an order on disk, a job on the server and the store may not either."""
    bad = wish(connection_greeting="host=db1 password=hunter22")
    for attempt in (town.emil.overrides.start, town.emil.overrides.propose):
        with town.refused("a password stands in the text"):
            attempt(SHOP, bad)
    with town.refused("longer"):
        town.emil.overrides.start(SHOP, wish(connection_greeting="x" * (MAX_VALUE + 1)))
    state = town.context.state
    kept = [Path(town.founder.where), *(each for each in state.rglob("*") if each.is_file())]
    assert not [each for each in kept if b"hunter22" in each.read_bytes()]


# Approvals

GLASS = "emergency:\n  - {id: glass, may break: [locks], classes: [durability]}\n"


def asked(town: Attacked, **settings):
    """Have a lock that asks, and an approved override of it."""
    town.decide(POLICY.replace(GLASS, ""))
    change = town.emil.overrides.propose(SHOP, wish(durable="off"))
    return town.mara.governance.approve(change.id)


def test_an_approval_is_for_its_settings_its_time_and_its_instance(town):
    asked(town)
    with town.refused("needs approvals"):
        town.emil.overrides.start(SHOP, wish(HALF_HOUR + 1, durable="off"))
    with town.refused("needs approvals"):
        town.emil.overrides.start(SHOP, wish(durable="off", sort_memory="8192"))
    town.emil.overrides.start(SHOP, wish(durable="off"))
    assert town.server.running["durable"] == "off"
    town.emil.overrides.end(newest(town).id, because="enough")
    assert town.server.running["durable"] == "on"
    with town.refused("needs approvals"):
        town.emil.overrides.start(SHOP, wish(durable="off"))


def test_who_asked_gives_no_voice_and_nothing_else_carries_it_out(town):
    change = asked(town)
    with pytest.raises(RefusedError):
        town.emil.governance.carry_out(change.id)
    assert town.founder.governance.change(change.id)[0].state == "open"


def test_of_two_threads_on_one_approval_one_starts(town):
    asked(town)
    barrier, came = threading.Barrier(2), []

    def start() -> None:
        barrier.wait()
        try:
            came.append(town.emil.overrides.start(SHOP, wish(durable="off"))[0].override is not None)
        except SetpointError:
            came.append(False)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(came) == [False, True]
    assert len([row for row in town.rows("change.spent") if row.subject == SHOP]) == 1
    assert len(town.rows("override.started")) == 1


def test_an_extension_needs_its_own_approval(town):
    asked(town)
    started = town.emil.overrides.start(SHOP, wish(durable="off"))[0].override
    with town.refused("needs approvals"):
        town.emil.overrides.extend(started.id, seconds=60, because="longer")
    change = town.emil.overrides.propose(SHOP, wish(HALF_HOUR + 60, DURABLE="off"))
    with town.refused("lacks approvals"):
        town.emil.overrides.extend(started.id, seconds=60, because="longer")
    town.mara.governance.approve(change.id)
    with town.refused("needs approvals"):
        town.emil.overrides.extend(started.id, seconds=61, because="longer")
    longer = town.emil.overrides.extend(started.id, seconds=60, because="longer")
    assert longer.deadline == started.deadline + timedelta(seconds=60)
    with town.refused("needs approvals"):
        town.emil.overrides.extend(started.id, seconds=60, because="longer")


# What an end carries in


def test_an_end_carries_in_nothing_that_needs_approval(town, worker):
    town.server.set_by_hand("durable", "on")
    town.emil.overrides.start(SHOP, wish(sort_memory="8192", durable="off"))
    town.olaf.change_settings(PART, {"durable": "off"}, reason="quietly")
    worker(seconds=HALF_HOUR)
    assert town.server.running["durable"] == "on"


def test_an_end_carries_in_no_more_memory_than_somebody_accepted(town, worker):
    """What an apply asks somebody to accept by name comes in by no override's end either."""
    town.olaf.change_settings(PART, {"sort_memory": "8192"}, reason="ours")
    town.olaf.apply(town.olaf.plan(SHOP).plan)
    town.olaf.change_settings(PART, {"sort_memory": "1000000000"}, reason="more")
    made = town.olaf.plan(SHOP).plan
    assert made.over_budget
    with pytest.raises(SetpointError, match=r"exceed|memory"):
        town.olaf.apply(made)
    town.emil.overrides.start(SHOP, wish(60, sort_memory="16384"))
    worker(seconds=60)
    assert town.server.persisted["sort_memory"] == "8192"


APART = POLICY + "separation: {author may apply: false}\n"


def test_an_end_carries_in_nothing_that_its_author_may_not_apply(town, worker):
    town.grant("olaf", Grant(role=Role.OPERATOR), Grant(role=Role.EMERGENCY))
    town.olaf.change_settings(PART, {"sort_memory": "8192"}, reason="ours")
    town.olaf.apply(town.olaf.plan(SHOP).plan)
    town.decide(APART)
    town.olaf.change_settings(PART, {"sort_memory": "9000"}, reason="mine")
    made = town.olaf.plan(SHOP).plan
    with town.refused("somebody else"):
        town.olaf.apply(made)
    with town.refused("somebody else"):
        town.olaf.overrides.start(SHOP, wish(60, sort_memory="16384"))


def test_an_end_carries_in_nothing_for_a_starter_who_may_do_nothing_any_more(town, worker):
    """A limit that binds whoever has a role binds them still when the role was taken away."""
    limited = POLICY + "limits:\n  - {id: small, must: sort_memory <= 32MB, roles: [emergency]}\n"
    town.olaf.change_settings(PART, {"sort_memory": "8192"}, reason="ours")
    town.olaf.apply(town.olaf.plan(SHOP).plan)
    town.decide(limited)
    town.emil.overrides.start(SHOP, wish(60, sort_memory="16384"))
    town.olaf.change_settings(PART, {"sort_memory": "65536"}, reason="more")
    town.remove("emil")
    worker(seconds=60)
    assert town.server.persisted["sort_memory"] == "8192"


def test_an_end_brings_back_nothing_old_that_needs_approval(town, worker):
    """What stood before Setpoint comes back when a layer lets go of it, and as an apply would: approved."""
    town.server.set_by_hand("durable", "off")
    made, _ = town.approved(durable="on")
    town.olaf.apply(made)
    town.emil.overrides.start(SHOP, wish(60, durable="off"))
    town.olaf.change_settings(PART, {}, removed=["durable"], reason="let go")
    worker(seconds=60)
    assert newest(town).state is OverrideState.ENDED
    assert town.server.running["durable"] == "on"
    with town.refused("needs approvals"):
        town.olaf.apply(town.olaf.plan(SHOP).plan)


def test_layers_that_come_to_nothing_keep_no_override_on(town, worker, monkeypatch):
    """A template that does not fit the host any more is no reason for an override to stay."""

    def fail(*_: object, **__: object) -> None:
        raise OverBudgetError("the template cannot fit")

    town.olaf.change_settings(PART, {"sort_memory": "8192"}, reason="ours")
    town.olaf.apply(town.olaf.plan(SHOP).plan)
    town.emil.overrides.start(SHOP, wish(60, sort_memory="16384", pool_pages="128"))
    monkeypatch.setattr(orders, "desired_of", fail)
    worker(seconds=60)
    assert town.server.persisted == {"sort_memory": "8192"}
    assert newest(town).state is OverrideState.ENDED


# Ends


def test_who_may_not_apply_ends_none(town):
    town.emil.overrides.start(SHOP, wish(sort_memory="8192"))
    with town.refused("may not apply"):
        town.vic.overrides.end(newest(town).id, because="enough")
    assert newest(town).state is OverrideState.ACTIVE


def test_an_end_needs_nobodys_right_and_no_right_clock(town, worker):
    town.emil.overrides.start(SHOP, wish(sort_memory="8192"))
    town.remove("emil")
    worker(seconds=HALF_HOUR)
    assert newest(town).state is OverrideState.ENDED
    assert "sort_memory" not in town.server.persisted


def test_an_undo_brings_no_override_back(town, worker):
    made, _ = town.approved(durable="off")
    town.olaf.apply(made)
    town.emil.overrides.start(SHOP, wish(durable="on"))
    with pytest.raises(SetpointError, match="holds durable"):
        town.olaf.undo(SHOP)
    worker(seconds=HALF_HOUR)
    assert town.server.running["durable"] == "off"
    with town.refused("needs approvals"):
        town.olaf.undo(SHOP)


# Reviews


def test_a_review_writes_no_layer_for_who_may_not_edit(town, worker):
    town.emil.overrides.start(SHOP, wish(sort_memory="8192"))
    worker(seconds=HALF_HOUR)
    head = town.context.head()[0].id
    with town.refused("may not"):
        town.vic.overrides.review(newest(town).id, conclusion="keep", keep=["sort_memory"])
    reviewed = town.emil.overrides.review(newest(town).id, conclusion="keep", keep=["SORT_MEMORY"])
    assert town.context.head()[0].id == head
    assert reviewed.review.change.startswith("change ")


def test_a_review_keeps_nothing_that_policy_locks(town, worker):
    town.grant("olaf", Grant(role=Role.OPERATOR), Grant(role=Role.EMERGENCY))
    town.olaf.overrides.start(SHOP, wish(durable="off"))
    worker(seconds=HALF_HOUR)
    town.olaf.overrides.review(newest(town).id, conclusion="keep", keep=["durable"])
    made = town.olaf.plan(SHOP).plan
    with town.refused("needs approvals"):
        town.olaf.apply(made)
