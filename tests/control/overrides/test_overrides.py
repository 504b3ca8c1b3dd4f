"""Overrides on a simulated instance, with time as an argument: started, held, ended, and never longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs
from tests.control.conftest import NAME, PART
from tests.control.overrides.ordering import wait_until
from tests.control.town import START, Clock, found

from setpoint import Setpoint
from setpoint.config.override import EndReason, LinkKind, LinkState, OverrideState
from setpoint.control import overridden
from setpoint.control.overrides import ending, extending, watching
from setpoint.control.overrides.starting import propose, start
from setpoint.control.overrides.wish import Wish
from setpoint.control.past import find_made
from setpoint.control.worker.reconciler import Reconciler
from setpoint.engines.simulated.driver import SimulatedDriver, keep, server_at
from setpoint.engines.simulated.server import set_clock
from setpoint.errors import (
    ConflictError,
    InputErrors,
    NotPermittedError,
    OverBudgetError,
    RefusedError,
    StalePlanError,
    UnreachableError,
)
from setpoint.store.leases import Leases

HALF_HOUR = 1800.0


def wish(seconds: float = HALF_HOUR, **settings: str) -> Wish:
    return Wish(settings=settings or {"sort_memory": "65536"}, seconds=seconds, because="the queue is full")


class Emergency:
    """One instance in an emergency, under a clock that the test moves."""

    def __init__(self, setpoint: Setpoint) -> None:
        self.clock = Clock()
        self.context = replace(
            setpoint._context, now=self.clock, wait=self.clock.wait, moment=lambda: None, timeout_seconds=0.5
        )
        store = self.context.store
        store.leases = Leases(
            store._database, now=lambda _: self.clock(), monotonic=lambda: self.clock().timestamp()
        )
        self.setpoint = Setpoint(self.context)
        self.reconciler = Reconciler()

    def start(self, wanted: Wish | None = None, **options):
        (started,) = start(self.context, [NAME], wanted or wish(), **options)
        if started.fault is not None:
            raise started.fault
        return started.override

    def now(self, id_: str):
        return self.context.store.overrides.get(id_).value

    def reconcile(self, **span: float) -> None:
        """Let time pass, and a worker that was there all along do what is due."""
        self.clock.pass_by(**span)
        self.reconciler.poll(self.context)
        wait_until(lambda: not self.reconciler.is_ending)
        self.reconciler.poll(self.context)

    def actions(self) -> list[str]:
        rows = self.context.store.audit.rows(subject=NAME, action="override.")
        return [row.action.removeprefix("override.") for row in rows]


@pytest.fixture(autouse=True)
def slow_switch(server):
    """Have the server's own switch never fire, as if its clock stood: what ends an override is a worker."""
    set_clock(server.address, lambda: START)


@pytest.fixture
def emergency(setpoint) -> Emergency:
    return Emergency(setpoint)


def test_an_override_is_on_its_instance_at_once_and_off_it_at_its_deadline(emergency, server):
    override = emergency.start()
    assert server.running["sort_memory"] == "65536"
    assert override.state is OverrideState.ACTIVE
    emergency.reconcile(seconds=HALF_HOUR - 1)
    assert server.running["sort_memory"] == "65536"
    emergency.reconcile(seconds=1)
    assert server.running["sort_memory"] == "4096"
    assert "sort_memory" not in server.persisted
    over = emergency.now(override.id)
    assert (over.state, over.ending_why) == (OverrideState.ENDED, EndReason.DEADLINE)
    assert over.ended_by is LinkKind.RECONCILER
    assert emergency.actions() == ["started", "active", "ending", "ended"]
    assert not emergency.context.store.journal.owned(NAME)


def test_while_it_is_in_force_it_is_the_topmost_layer_and_no_drift(emergency):
    emergency.setpoint.change_settings(PART, {"sort_memory": "8192"}, reason="ours")
    emergency.setpoint.apply(emergency.setpoint.plan(NAME).plan)
    override = emergency.start()
    assert emergency.setpoint.plan(NAME).plan.is_empty
    resolved = emergency.setpoint.effective(NAME)["sort_memory"]
    assert str(resolved.layer) == f"override {override.id}"
    assert not any(drift.is_deviation for drift in emergency.setpoint.drift(NAME)[1])
    assert emergency.setpoint.view().setting(NAME, "sort_memory", emergency.clock()).text == "65536"


def test_a_managed_parameter_goes_back_to_what_was_applied(emergency, server):
    emergency.setpoint.change_settings(PART, {"sort_memory": "8192"}, reason="ours")
    emergency.setpoint.apply(emergency.setpoint.plan(NAME).plan)
    emergency.start()
    emergency.reconcile(seconds=HALF_HOUR)
    assert server.persisted["sort_memory"] == "8192"
    assert emergency.setpoint.plan(NAME).plan.is_empty
    (owned,) = emergency.context.store.journal.owned(NAME)
    assert (owned.ours, owned.restore) == ("8192", None)


def test_a_deployment_made_meanwhile_is_kept(emergency, server):
    emergency.setpoint.change_settings(PART, {"sort_memory": "8192"}, reason="ours")
    emergency.setpoint.apply(emergency.setpoint.plan(NAME).plan)
    emergency.start()
    emergency.setpoint.change_settings(PART, {"sort_memory": "16384"}, reason="deployed")
    emergency.reconcile(seconds=HALF_HOUR)
    assert server.running["sort_memory"] == "16384"
    assert emergency.setpoint.plan(NAME).plan.is_empty


def test_a_persons_entry_goes_back_to_what_it_was(emergency, server):
    server.set_by_hand("sort_memory", "5000")
    emergency.start()
    emergency.reconcile(seconds=HALF_HOUR)
    assert server.persisted["sort_memory"] == "5000"
    assert not emergency.context.store.journal.owned(NAME)


def test_a_persons_later_change_is_a_conflict_and_stands(emergency, server):
    override = emergency.start(wish(sort_memory="65536", page_cost="2.0"))
    server.set_by_hand("sort_memory", "7000")
    emergency.reconcile(seconds=HALF_HOUR)
    assert server.running["sort_memory"] == "7000"
    assert server.running["page_cost"] == "4.0"
    over = emergency.now(override.id)
    assert over.state is OverrideState.CONFLICT
    assert [(clash.parameter, clash.found) for clash in over.clashes] == [("sort_memory", "7000")]


def test_a_plan_made_while_it_is_in_force_does_not_bring_it_back_when_it_is_over(emergency, server):
    override = emergency.start()
    server.set_by_hand("sort_memory", "7000")
    made = emergency.setpoint.plan(NAME).plan
    assert [step.parameter for step in made.steps if step.parameter] == ["sort_memory"]
    with pytest.raises(ConflictError, match="holds sort_memory"):
        emergency.setpoint.apply(made)
    emergency.reconcile(seconds=HALF_HOUR + 1)
    assert not emergency.now(override.id).is_open
    with pytest.raises(StalePlanError, match="an override asked for"):
        emergency.setpoint.apply(made)
    assert server.persisted["sort_memory"] == "7000"


def test_the_plan_of_its_start_is_nobodys_to_apply(emergency, server):
    override = emergency.start()
    (row,) = emergency.context.store.audit.rows(subject=NAME, action="override.started")
    emergency.reconcile(seconds=HALF_HOUR + 1)
    assert not emergency.now(override.id).is_open
    with pytest.raises(StalePlanError):
        emergency.setpoint.apply(find_made(emergency.context, row.detail["plan"]))
    assert "sort_memory" not in server.persisted


def test_what_a_person_changes_under_it_is_noted_while_it_is_in_force(emergency, server):
    override = emergency.start()
    server.set_by_hand("sort_memory", "7000")
    emergency.clock.pass_by(seconds=30)
    watching.watch(emergency.context, override.id)
    assert emergency.now(override.id).clashes
    assert emergency.now(override.id).state is OverrideState.ACTIVE
    assert "conflict" in emergency.actions()


def test_it_can_be_ended_early_by_hand(emergency, server):
    override = emergency.start()
    emergency.clock.pass_by(minutes=3)
    over = ending.end(emergency.context, override.id, because="the queue is empty")
    assert (over.state, over.ending_why, over.ending_by) == (OverrideState.ENDED, EndReason.BY_HAND, "ada")
    assert server.running["sort_memory"] == "4096"
    with pytest.raises(RefusedError, match="is over"):
        ending.end(emergency.context, override.id, because="again")


def test_it_can_be_extended_and_then_ends_later(emergency, server):
    override = emergency.start()
    longer = extending.extend(emergency.context, override.id, seconds=600, because="not over yet")
    assert longer.deadline == override.deadline + timedelta(seconds=600)
    emergency.reconcile(seconds=HALF_HOUR + 1)
    assert server.running["sort_memory"] == "65536"
    emergency.reconcile(seconds=600)
    assert server.running["sort_memory"] == "4096"
    with pytest.raises(RefusedError, match="cannot be extended"):
        extending.extend(emergency.context, override.id, seconds=600, because="too late")


def test_no_override_lasts_longer_than_a_day_where_no_policy_says_how_long(emergency, server):
    with pytest.raises(RefusedError, match="24 h at most"):
        emergency.start(wish(seconds=25 * 3600))
    override = emergency.start()
    with pytest.raises(RefusedError, match="24 h at most"):
        extending.extend(emergency.context, override.id, seconds=24 * 3600, because="for ever")


def test_while_the_instance_does_not_answer_it_is_tried_for_ever_and_told(emergency, server):
    override = emergency.start()
    server.take_down()
    for _ in range(12):
        emergency.reconcile(seconds=HALF_HOUR / 12 + 2)
        emergency.reconciler._tries.clear()
    assert emergency.now(override.id).state is OverrideState.ENDING
    assert emergency.now(override.id).overdue_at is not None
    assert emergency.actions().count("overdue") == 1
    server.restart()
    emergency.reconcile(seconds=1)
    over = emergency.now(override.id)
    assert over.state is OverrideState.ENDED
    assert over.late_seconds > 10
    assert server.running["sort_memory"] == "4096"


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"cache_size": "262144"}, RefusedError, "restart"),
        ({"page_size": "16384"}, InputErrors, "page_size"),
        ({"sort_memory": "many"}, InputErrors, "sort_memory"),
        ({"nonsense": "1"}, InputErrors, "nonsense"),
        ({"sort_memory": "4096"}, RefusedError, "so already"),
    ],
)
def test_what_cannot_be_overridden_is_refused_and_nothing_is_touched(
    emergency, server, settings, error, says
):
    before = server.persisted, server.running
    with pytest.raises(error, match=says):
        emergency.start(wish(**settings))
    assert (server.persisted, server.running) == before
    assert not emergency.context.store.overrides.all()


def test_all_faults_of_a_wish_are_told_at_once(emergency):
    wrong = Wish(settings={}, seconds=0, because=" ", guards=("no_such_metric < 1",))
    with pytest.raises(InputErrors) as caught:
        start(emergency.context, [NAME], wrong)
    assert len(caught.value.faults) == 4


def test_a_parameter_that_one_override_holds_cannot_be_overridden_again(emergency, server):
    first = emergency.start()
    with pytest.raises(ConflictError, match=first.id):
        emergency.start(wish(sort_memory="1024"))
    second = emergency.start(wish(page_cost="2.0"))
    emergency.reconcile(seconds=HALF_HOUR)
    assert {emergency.now(each.id).state for each in (first, second)} == {OverrideState.ENDED}
    assert (server.running["sort_memory"], server.running["page_cost"]) == ("4096", "4.0")


def test_an_unreachable_instance_is_refused_and_nothing_is_left_to_do(emergency, server):
    server.take_down()
    with pytest.raises(UnreachableError):
        emergency.start()
    assert not emergency.context.store.overrides.all()


def test_a_start_that_was_cut_short_is_ended(emergency, server, monkeypatch):
    class Killed(BaseException):
        """What ends a process ends it here."""

    run = SimulatedDriver.run

    def die(driver, request):
        answer = run(driver, request)
        if request.text.startswith("set "):
            raise Killed
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedDriver, "run", die)
        with pytest.raises(Killed):
            emergency.start()
    (override,) = overridden.overrides(emergency.context)
    assert override.state is OverrideState.STARTING
    emergency.reconcile(seconds=31)
    over = emergency.now(override.id)
    assert (over.state, over.ending_why) == (OverrideState.ENDED, EndReason.CUT_SHORT)
    assert "sort_memory" not in server.persisted


def test_a_guard_that_does_not_hold_ends_it_early(emergency, server):
    override = emergency.start(replace(wish(), guards=("lock_waiters < 50",)))
    for waiters in (10.0, 20.0, 80.0):
        assert emergency.now(override.id).state is OverrideState.ACTIVE
        state = server_at(server.address)
        state.metrics["lock.waiters"] = waiters
        keep(server.address, state)
        emergency.clock.pass_by(seconds=10)
        watching.watch(emergency.context, override.id)
    over = emergency.now(override.id)
    assert (over.state, over.ending_why) == (OverrideState.ENDED, EndReason.GUARDRAIL)
    assert "lock_waiters < 50" in over.ending_because
    assert server.running["sort_memory"] == "4096"


def test_what_the_target_put_back_itself_is_told_as_that(emergency, server):
    override = emergency.start()
    set_clock(server.address, emergency.clock)
    emergency.clock.pass_by(seconds=HALF_HOUR)
    assert server.running["sort_memory"] == "4096"
    emergency.reconcile(seconds=5)
    assert emergency.now(override.id).ended_by is LinkKind.TARGET_SWITCH


def test_every_link_of_the_chain_is_shown_with_its_state(emergency):
    links = {link.kind: link for link in emergency.start().links}
    assert links[LinkKind.TARGET_SWITCH].state is LinkState.ARMED
    assert links[LinkKind.RECONCILER].state is LinkState.ABSENT
    assert "no worker" in links[LinkKind.RECONCILER].detail


def test_only_who_may_act_in_an_emergency_starts_one_and_operators_may_end_it(setpoint, server):
    town = found(setpoint)
    town.lin.observe(NAME)
    for name in ("vic", "mara", "lin"):
        (refused,) = start(getattr(town, name)._context, [NAME], wish())
        assert isinstance(refused.fault, NotPermittedError)
    (started,) = start(town.emil._context, [NAME], wish())
    assert started.fault is None
    with pytest.raises(NotPermittedError):
        ending.end(town.vic._context, started.override.id, because="I do not like it")
    assert ending.end(town.lin._context, started.override.id, because="over").state is OverrideState.ENDED
    assert [row["because"] for row in town.reads("gate.refused")]


LOCKED = """
policy: house
locks:
  - {id: sorting, parameters: [sort_memory]}
emergency:
  - {id: breakers, may break: [locks], quorum: 1}
overrides:
  - {id: short, at most: 1h}
"""


def test_a_locked_parameter_needs_the_emergency_quorum_that_policy_names(setpoint, server):
    setpoint.governance.put_policy("house", LOCKED, reason="begins")
    town = found(setpoint)
    town.lin.observe(NAME)
    (asked,) = start(town.emil._context, [NAME], wish())
    assert "needs approvals (emergency: 1 of approver)" in str(asked.fault)
    change = propose(town.emil._context, NAME, wish())
    (waiting,) = start(town.emil._context, [NAME], wish())
    assert "lacks approvals" in str(waiting.fault)
    town.mara.governance.approve(change.id)
    (other,) = start(town.emil._context, [NAME], wish(sort_memory="32768"))
    assert "needs approvals" in str(other.fault)
    (longer,) = start(town.emil._context, [NAME], wish(seconds=HALF_HOUR + 1))
    assert "needs approvals" in str(longer.fault)
    (started,) = start(town.emil._context, [NAME], wish())
    assert started.fault is None
    assert started.override.change == change.id
    (again,) = start(town.emil._context, [NAME], wish())
    assert isinstance(again.fault, (ConflictError, RefusedError))


SHORT = "policy: house\noverrides:\n  - {id: short, at most: 1h}\n"


def test_policy_caps_how_long_an_override_lasts_extensions_told(setpoint, server):
    setpoint.governance.put_policy("house", SHORT, reason="begins")
    town = found(setpoint)
    (refused,) = start(town.emil._context, [NAME], wish(seconds=3601))
    assert "3600 s at most" in str(refused.fault)
    (started,) = start(town.emil._context, [NAME], wish())
    with pytest.raises(RefusedError, match="3600 s at most"):
        extending.extend(town.emil._context, started.override.id, seconds=1801, because="longer")
    extending.extend(town.emil._context, started.override.id, seconds=1800, because="longer")


def test_several_instances_are_reported_one_by_one_or_all_taken_back(emergency, server):
    answers = start(emergency.context, [NAME, "nobody"], wish())
    assert [each.fault is None for each in answers] == [True, False]
    emergency.reconcile(seconds=HALF_HOUR)
    answers = start(emergency.context, [NAME, "nobody"], wish(), is_all_or_none=True)
    assert all(each.fault is not None for each in answers)
    assert server.running["sort_memory"] == "4096"
    assert answers[0].override.state is OverrideState.ENDED


def test_memory_that_could_be_exceeded_takes_a_named_person(emergency, monkeypatch):
    from setpoint.control.overrides import starting

    monkeypatch.setattr(starting, "weigh", lambda *_: (None, "too much"))
    with pytest.raises(OverBudgetError, match="too much"):
        emergency.start()
    override = emergency.start(replace(wish(), accept_risk="we know"))
    assert override.state is OverrideState.ACTIVE


def test_an_instance_stays_within_reach_while_it_is_overridden(emergency, server):
    override = emergency.start()
    known = emergency.setpoint.configuration().instance(NAME)
    with pytest.raises(ConflictError, match=override.id):
        emergency.setpoint.remove_instance(NAME, reason="gone")
    moved = structs.replace(known, target="memory:elsewhere")
    with pytest.raises(ConflictError, match=override.id):
        emergency.setpoint.change_instance(NAME, moved, reason="moved")
    emergency.setpoint.change_instance(NAME, structs.replace(known, labels={"tier": "1"}), reason="label")
    emergency.reconcile(seconds=HALF_HOUR)
    emergency.setpoint.remove_instance(NAME, reason="gone")


def test_undo_leaves_an_override_alone_and_does_not_take_it_for_an_apply(emergency, server):
    emergency.setpoint.change_settings(PART, {"sort_memory": "8192", "page_cost": "3.0"}, reason="ours")
    emergency.setpoint.apply(emergency.setpoint.plan(NAME).plan)
    override = emergency.start()
    with pytest.raises(ConflictError, match=override.id):
        emergency.setpoint.undo(NAME)
    emergency.reconcile(seconds=HALF_HOUR)
    emergency.setpoint.undo(NAME)
    assert server.persisted == {}


def test_what_the_target_put_back_of_a_managed_parameter_is_ours_again(emergency, server):
    emergency.setpoint.change_settings(PART, {"sort_memory": "8192"}, reason="ours")
    emergency.setpoint.apply(emergency.setpoint.plan(NAME).plan)
    emergency.start()
    set_clock(server.address, emergency.clock)
    emergency.reconcile(seconds=HALF_HOUR)
    (owned,) = emergency.context.store.journal.owned(NAME)
    assert (owned.ours, owned.restore) == ("8192", None)
    emergency.setpoint.change_settings(PART, {}, removed=["sort_memory"], reason="no more")
    emergency.setpoint.apply(emergency.setpoint.plan(NAME).plan)
    assert server.persisted == {}


def test_what_the_target_put_back_of_an_unmanaged_parameter_is_nobodys(emergency, server):
    emergency.start()
    set_clock(server.address, emergency.clock)
    emergency.reconcile(seconds=HALF_HOUR)
    assert not emergency.context.store.journal.owned(NAME)


def test_where_no_worker_runs_the_next_start_ends_what_should_be_over(emergency, server):
    first = emergency.start()
    emergency.clock.pass_by(seconds=HALF_HOUR)
    second = emergency.start(wish(sort_memory="32768"))
    assert emergency.now(first.id).state is OverrideState.ENDED
    assert server.running["sort_memory"] == "32768"
    emergency.reconcile(seconds=HALF_HOUR)
    assert emergency.now(second.id).state is OverrideState.ENDED
    assert server.persisted == {}


def test_what_another_link_put_back_is_no_conflict_although_the_layers_moved_on(emergency, server):
    emergency.setpoint.change_settings(PART, {"sort_memory": "8192"}, reason="ours")
    emergency.setpoint.apply(emergency.setpoint.plan(NAME).plan)
    override = emergency.start()
    emergency.setpoint.change_settings(PART, {"sort_memory": "16384"}, reason="a wish")
    set_clock(server.address, emergency.clock)
    emergency.reconcile(seconds=HALF_HOUR)
    assert emergency.now(override.id).state is OverrideState.ENDED
    assert server.persisted["sort_memory"] == "8192"
    assert [step.text for step in emergency.setpoint.plan(NAME).plan.steps if step.parameter] == ["16384"]


def test_what_the_layers_began_to_ask_for_and_the_target_put_in_is_ours(emergency, server):
    override = emergency.start()
    emergency.setpoint.change_settings(PART, {"sort_memory": "16384"}, reason="from now on")
    emergency.clock.pass_by(seconds=30)
    watching.watch(emergency.context, override.id)  # arms the switch anew, with the layers' text
    set_clock(server.address, emergency.clock)
    emergency.reconcile(seconds=HALF_HOUR)
    assert server.persisted["sort_memory"] == "16384"
    (owned,) = emergency.context.store.journal.owned(NAME)
    assert (owned.ours, owned.restore) == ("16384", None)


def test_an_ending_that_was_cut_short_is_no_persons_change(emergency, server, monkeypatch):
    override = emergency.start()
    emergency.setpoint.change_settings(PART, {"sort_memory": "16384"}, reason="from now on")
    run = SimulatedDriver.run

    def fall_silent(driver, request):
        if request.text.startswith("reload"):
            raise UnreachableError("gone", where=NAME)
        return run(driver, request)

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedDriver, "run", fall_silent)
        emergency.reconcile(seconds=HALF_HOUR)
    assert server.persisted["sort_memory"] == "16384"
    emergency.setpoint.change_settings(PART, {"sort_memory": "8192"}, reason="again")
    emergency.reconciler._tries.clear()
    emergency.reconcile(seconds=30)
    assert emergency.now(override.id).state is OverrideState.ENDED
    assert server.running["sort_memory"] == "8192"
