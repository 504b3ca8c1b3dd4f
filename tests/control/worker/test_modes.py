"""Modes: drift is left alone, handed to people, or put right; each refusal is told once."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from tests.control.town import found
from tests.control.worker.site import START

from setpoint.config.fleet_document import read_fleet
from setpoint.config.override import Held, Override, OverrideState
from setpoint.control import change, configure, execution, past
from setpoint.control.rollouts.controller import RolloutController
from setpoint.control.rollouts.drafting import RolloutWish
from setpoint.control.rollouts.rows import read_rows
from setpoint.control.rollouts.starting import start
from setpoint.engines.simulated.driver import restart
from setpoint.errors import InputErrors, UnreachableError
from setpoint.policy.person import Role
from setpoint.policy.rollout import Amount, RolloutRules, TargetState
from setpoint.policy.selector import ALL, parse_selector
from setpoint.store.records import Apply

OWN = {"sort_memory": "8MB"}
WINDOW = """
policy: hours
windows:
  - {id: night, what: change, opens: 02:00, closes: 03:00, zone: UTC, why: at night only}
"""
ASKING = """
policy: safety
approvals: {durability: 1}
locks:
  - {id: careful, classes: [durability], outcome: ask}
"""
RESTARTS = WINDOW.replace("what: change", "what: restart")


def drifted(site, mode, **fields):
    server = site.add("shop", mode=mode, settings=OWN, **fields)
    site.look("shop")
    return server


def test_observe_does_nothing(site):
    server = drifted(site, "observe")
    assert "sort_memory" not in server.persisted
    assert site.actions("plan.", "apply.", "enforce.", "drift.") == ["drift.found"]


def test_propose_plans_and_tells_once(site):
    server = drifted(site, "propose")
    assert "sort_memory" not in server.persisted
    (row,) = site.rows("drift.proposed")
    assert (row.subject, row.detail["parameters"], row.detail["verdict"]) == (
        "shop",
        ["sort_memory"],
        "allow",
    )
    assert past.find_made(site.context, row.detail["plan"]).instance == "shop"
    for _ in range(3):
        site.wait(700)
        site.look("shop")
    assert len(site.rows("drift.proposed")) == 1
    assert len(site.rows("plan.made")) == 1


def test_enforce_puts_it_right(site):
    server = drifted(site, "enforce")
    assert server.running["sort_memory"] == "8192"
    site.look("shop")
    assert site.actions("drift.", "enforce.") == ["drift.found", "drift.ended"]


def test_enforce_puts_right_what_somebody_moves_again_and_again(site):
    server = drifted(site, "enforce")
    for _ in range(3):
        site.set_by_hand("shop", sort_memory="1MB")
        site.look("shop")
        assert server.running["sort_memory"] == "8192"


def test_what_policy_refuses_is_told_once_and_not_tried_in_a_hot_loop(site):
    server = site.add("shop", mode="enforce", settings=OWN)
    site.setpoint.governance.put_policy("hours", WINDOW, reason="agreed")
    for _ in range(5):
        site.look("shop")
    assert "sort_memory" not in server.persisted
    (row,) = site.rows("enforce.refused")
    assert "at night only" in row.detail["because"]
    assert site.actions("gate.refused") == []
    # One look each, and one for the plan, which was made once.
    assert len(site.store.snapshots.history("shop")) == 6


def test_when_the_window_opens_it_is_put_right(site):
    server = site.add("shop", mode="enforce", settings=OWN)
    site.setpoint.governance.put_policy("hours", WINDOW, reason="agreed")
    site.look("shop")
    site.wait(14.5 * 3600)
    site.look("shop")
    assert server.running["sort_memory"] == "8192"


@pytest.mark.parametrize("state", [OverrideState.STARTING, OverrideState.ENDING])
def test_while_an_override_starts_or_ends_the_instance_is_left_alone(site, state):
    server = site.add("shop", mode="enforce", settings=OWN)
    held = Held(parameter="durable", ours="off", before=None, running_before="on")
    override = Override(
        id="shop/o1",
        batch="b",
        instance="shop",
        held=(held,),
        by="ada",
        account="",
        because="x",
        started_at=START,
        deadline=START + timedelta(hours=9),
        state=state,
    )
    kept = site.store.overrides.put(
        override.id, override, version=0, actor="ada", action="override.started", detail={}, at=site.at
    )
    site.look("shop")
    assert "sort_memory" not in server.persisted
    ended = msgspec.structs.replace(override, state=OverrideState.ENDED)
    site.store.overrides.put(
        override.id,
        ended,
        version=kept.version,
        actor="ada",
        action="override.ended",
        detail={},
        at=site.at,
    )
    site.look("shop")
    assert server.running["sort_memory"] == "8192"


def test_what_waits_for_a_restart_only_waits(site):
    server = site.add("shop", mode="enforce", settings={"cache_size": "256MB"}, restart_command="true")
    for _ in range(4):
        site.look("shop")
    assert server.persisted["cache_size"] == "256MB"
    assert server.running["cache_size"] != "256MB"
    assert len(site.rows("enforce.refused")) <= 1


def test_a_waiver_that_the_plan_would_move_stands(site):
    site.add("shop", mode="enforce", settings={**OWN, "durable": "off"})
    site.setpoint.governance.add_waiver(
        owner="worker",
        reason="accepted",
        scope=parse_selector("instance=shop"),
        parameter="durable",
        ends_at=site.at + timedelta(days=3),
    )
    site.look("shop")
    assert "durable" not in site.server("shop").persisted
    (row,) = site.rows("enforce.refused")
    assert "waiver" in row.detail["because"]


def test_in_a_restart_window_it_is_restarted(site, monkeypatch):
    server = site.add("shop", mode="enforce", settings={"cache_size": "256MB"}, restart_command="restart it")
    address = site.setpoint.configuration().instance("shop").target
    monkeypatch.setattr(execution, "run_restart_command", lambda _: restart(address))
    site.setpoint.governance.put_policy("hours", RESTARTS, reason="agreed")
    site.look("shop")
    assert server.running["cache_size"] == "131072"
    site.wait(14.5 * 3600)
    site.look("shop")
    assert server.running["cache_size"] == "262144"


class TestAmongPeople:
    """The worker is a service with a token of its own, and may no more than that lets it."""

    @pytest.fixture
    def town(self, site):
        site.add("shop", settings={"durable": "off"})
        site.setpoint.governance.put_policy("safety", ASKING, reason="begins")
        made = found(site.setpoint)
        site.at = made.clock.at
        site.clocks.append(made.clock)
        return made

    def worker(self, site, town, *roles):
        town.settle("robot", *roles)
        robot = town.robot._context
        site.context = replace(robot, now=lambda: site.at, wait=site.wait)

    def set_mode(self, town, mode):
        instance = msgspec.structs.replace(town.founder.configuration().instance("shop"), mode=mode)
        configure.commit(
            town.founder._context,
            lambda known: configure.with_instance(known, "shop", instance),
            reason="agreed",
            permit=town.permit(),
        )

    def test_a_plan_that_needs_approvals_is_proposed_once(self, site, town):
        self.set_mode(town, "propose")
        self.worker(site, town, Role.OPERATOR)
        for _ in range(3):
            site.look("shop")
            site.wait(700)
        (change,) = town.lin.governance.changes()
        assert (change.author, change.subject, change.state) == ("robot", "shop", "open")
        town.mara.governance.reject(change.id, reason="not now")
        for _ in range(3):
            site.look("shop")
            site.wait(700)
        assert len(town.lin.governance.changes()) == 1

    def test_what_is_enforced_waits_for_its_approval(self, site, town):
        self.set_mode(town, "enforce")
        self.worker(site, town, Role.OPERATOR)
        site.look("shop")
        (change,) = town.lin.governance.changes()
        assert "durable" not in site.server("shop").persisted
        town.mara.governance.approve(change.id)
        site.look("shop")
        assert site.server("shop").persisted == {"durable": "off"}
        assert town.lin.governance.change(change.id)[0].state == "spent"

    def test_a_worker_that_may_only_look_only_looks(self, site, town):
        self.set_mode(town, "enforce")
        self.worker(site, town, Role.VIEWER)
        for _ in range(3):
            site.look("shop")
            site.wait(700)
        assert site.server("shop").persisted == {}
        assert len(site.rows("enforce.refused")) == 1
        assert site.actions("gate.refused") == []

    def test_what_a_worker_may_not_see_it_does_not_try(self, site, town):
        self.worker(site, town)
        assert site.sweep_for(120) == []
        assert site.actions("gate.refused") == []


def test_the_mode_is_part_of_the_configuration(site):
    site.add("shop", mode="enforce")
    site.add("web")
    text = site.setpoint.export_fleet()
    assert text.count("mode: enforce") == 1
    assert "mode: observe" not in text
    assert read_fleet(text, "here") == site.setpoint.configuration()
    with pytest.raises(InputErrors, match="'loose' is no mode"):
        read_fleet(text.replace("mode: enforce", "mode: loose"), "here")
    bad = msgspec.structs.replace(site.setpoint.configuration().instance("web"), mode="loose")
    with pytest.raises(InputErrors, match="'loose' is no mode"):
        site.setpoint.change_instance("web", bad, reason="a try")


def test_what_a_killed_worker_left_undone_is_done_at_the_next_look(site, monkeypatch):
    server = site.add("shop", mode="enforce", settings=OWN)

    def die(*_, **__):
        patch.setattr(site.store.sights, "note", lambda *_: None)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(change, "apply", die)
        with pytest.raises(KeyboardInterrupt):
            site.look("shop")
    site.look("shop")
    assert server.running["sort_memory"] == "8192"


def test_an_apply_that_fails_is_not_tried_in_a_hot_loop(site, monkeypatch):
    server, tried = site.add("shop", mode="enforce", settings=OWN), []

    def fail(*_, **__):
        tried.append(1)
        raise UnreachableError("it does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(change, "apply", fail)
        with pytest.raises(UnreachableError):
            site.look("shop")
        site.look("shop")
    assert len(tried) == 1
    site.wait(601)
    site.look("shop")
    assert server.running["sort_memory"] == "8192"


def rolled_out(site, **changed):
    """Start a rollout over everything, whose second wave waits for the first to have soaked."""
    fields = {"baseline_seconds": 0, "soak_seconds": 100, "waves": (Amount(share=1.0),), **changed}
    settings, rules = {"checkpoint_interval": "600"}, RolloutRules(**fields)
    wish = RolloutWish(selector=ALL, because="fewer checkpoints", settings=settings, rules=rules)
    made = start(site.context, wish)
    controller = RolloutController("worker-1")

    def poll(seconds: float) -> dict[str, TargetState]:
        for _ in range(int(seconds // 20)):
            site.wait(20)
            controller.poll(site.context)
        return {name: each.state for name, each in read_rows(site.context, made.id).targets.items()}

    return poll


def test_what_drifts_while_it_waits_for_its_wave_is_put_right_and_reached(site):
    for name in ("shop", "store"):
        site.add(name, mode="enforce", settings=OWN)
        site.look(name)
    poll = rolled_out(site)
    (waits,) = (name for name, state in poll(60).items() if state is TargetState.WAITING)
    site.set_by_hand(waits, sort_memory="1024")
    site.look(waits)
    running = site.server(waits).running
    assert (running["sort_memory"], running["checkpoint_interval"]) == ("8192", "300")
    assert set(poll(240).values()) == {TargetState.KEPT}


def test_what_drifts_right_before_its_turn_holds_no_rollout_up(site):
    site.add("shop", mode="enforce", settings=OWN)
    site.look("shop")
    poll = rolled_out(site, baseline_seconds=60)
    site.set_by_hand("shop", sort_memory="1024")
    assert set(poll(240).values()) == {TargetState.KEPT}
    assert site.server("shop").running["sort_memory"] == "8192"


def test_what_was_cut_short_while_it_was_put_right_holds_no_rollout_up(site):
    """Whoever enforces leaves the instance to the rollout then, so that one has to go on with it."""
    site.add("shop", mode="enforce", settings={**OWN, "pool_pages": "128"})
    site.look("shop")
    poll = rolled_out(site, baseline_seconds=60)
    site.set_by_hand("shop", sort_memory="1024", pool_pages="32")
    die_in_the_first_step(site, change.plan(site.context, "shop").plan)
    assert set(poll(240).values()) == {TargetState.KEPT}
    running = site.server("shop").running
    assert [running[name] for name in ("sort_memory", "pool_pages", "checkpoint_interval")] == [
        "8192",
        "128",
        "600",
    ]


def die_in_the_first_step(site, made):
    """Leave what a process leaves that was killed once its first step had its effect."""
    with subprocess.Popen(["true"]) as gone:
        pass
    record = Apply(
        id="cut-short",
        instance=made.instance,
        plan_hash=made.hash,
        revision=made.revision,
        actor="worker",
        host=socket.gethostname(),
        pid=gone.pid,
        started_at=site.at,
        steps=len(made.steps),
    )
    site.store.journal.begin(record)
    site.store.journal.intend(record.id, 1, None, at=site.at)
    site.set_by_hand(made.instance, **{made.steps[0].parameter: made.steps[0].text})
