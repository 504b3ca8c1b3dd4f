"""Delivery: nothing that was recorded is left out, order is kept, what is urgent goes first."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from threading import Event

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.control.notices.scene import Scene

from setpoint.config.configuration import Configuration, Instance
from setpoint.errors import StoreUnavailableError
from setpoint.policy.notice import URGENT
from setpoint.policy.selector import parse_selector
from setpoint.store import Store


def test_a_channel_is_told_what_it_wants_in_order_from_when_it_was_added(scene):
    scene.row()
    ops = scene.add(events=("override.*", "rollout.halted"))
    wanted = [scene.row(), scene.row("override.ended"), scene.row("rollout.halted", "r1")]
    scene.row("rollout.done", "r1")
    scene.row("apply.step")
    scene.poll(scene.controller())
    assert sorted(ops.seqs) == wanted
    assert ops.seqs[0] == wanted[2], "what is urgent went first"


def test_a_restart_loses_nothing_and_repeats_nothing_that_was_noted(scene):
    ops = scene.add()
    first = [scene.row(), scene.row()]
    scene.poll(scene.controller())
    later = [scene.row("override.ended")]
    scene.poll(scene.controller())
    assert ops.seqs == first + later


def test_what_was_taken_and_not_noted_comes_again_under_the_same_id(scene):
    ops = scene.add()
    seq = scene.row()
    ops.dies_after = 1
    with pytest.raises(SystemExit):
        scene.poll(scene.controller())
    ops.dies_after = None
    scene.poll(scene.controller())
    one, two = ops.got
    assert (one.seq, one.id, one.body) == (seq, two.id, two.body)


def test_a_channel_that_fails_is_tried_again_ever_more_slowly_and_for_ever(scene):
    ops = scene.add()
    seq = scene.row()
    tries: list[int] = []
    ops.refuses = lambda notice: (tries.append(int((scene.at - notice.at).total_seconds())), True)[1]
    controller = scene.controller()
    for _ in range(400):
        scene.poll(controller)
        scene.pass_by(seconds=1)
    assert tries[:8] == [0, 1, 3, 7, 15, 31, 63, 123]
    assert {later - earlier for earlier, later in pairwise(tries[6:])} == {60}
    ops.refuses = lambda _: False
    scene.pass_by(seconds=60)
    scene.poll(controller)
    assert ops.seqs == [seq]


def test_a_channel_that_fails_is_written_down_once_and_shown_and_so_is_its_recovery(scene):
    ops, others = scene.add(), scene.add("others", events=("notice.*",))
    ops.refuses = lambda _: True
    scene.row()
    controller = scene.controller()
    for _ in range(30):
        scene.poll(controller)
        scene.pass_by(seconds=10)
    (told,) = scene.rows("notice.failed")
    assert "status 500" in told["because"]
    assert "status 500" in scene.standing().fault
    assert scene.standing().behind == 1
    ops.refuses = lambda _: False
    scene.pass_by(seconds=60)
    scene.poll(controller)
    scene.poll(controller)
    assert scene.standing().failing_since is None
    assert scene.standing().behind == 0
    assert [notice.event for notice in others.got] == ["notice.failed", "notice.recovered"]
    assert [notice.event for notice in ops.got] == ["override.started"]


def test_a_channel_that_fails_now_and_then_does_not_fill_the_log_or_feed_itself(scene):
    first, second = scene.add("first"), scene.add("second")
    count = 0

    def is_refused(_):
        nonlocal count
        count += 1
        return count % 2 == 0

    first.refuses = second.refuses = is_refused
    controller = scene.controller()
    for _ in range(50):
        scene.row()
        for _ in range(4):
            scene.poll(controller)
            scene.pass_by(seconds=2)
    rows = len(scene.rows("notice."))
    assert rows <= 2 * 2, "at most one of each for either channel in ten minutes"


def test_a_channel_that_hangs_holds_up_no_other(scene):
    hangs, works = scene.add("hangs"), scene.add("works")
    hangs.gate = Event()
    seqs = [scene.row(), scene.row()]
    controller = scene.controller(patience_seconds=0.05)
    while works.seqs != seqs:
        scene.poll(controller)
    assert hangs.seqs == []
    more = scene.row("override.overdue")
    while works.seqs != [*seqs, more]:
        scene.poll(controller)
    hangs.gate.set()
    while len(hangs.seqs) < 3:
        scene.poll(controller)
    assert sorted(hangs.seqs) == [*seqs, more]


def test_what_is_urgent_waits_behind_no_queue_even_one_that_is_stuck(scene):
    ops = scene.add()
    queue = [scene.row() for _ in range(30)]
    ops.refuses = lambda notice: notice.seq == queue[3]
    controller = scene.controller()
    scene.poll(controller)
    urgent = scene.row("override.conflict")
    scene.poll(controller)
    assert ops.seqs == [*queue[:3], urgent]


def test_what_becomes_urgent_in_the_middle_of_a_queue_is_next(scene):
    ops = scene.add()
    queue = [scene.row() for _ in range(10)]
    urgent: list[int] = []

    def note(notice):
        if notice.seq == queue[4]:
            urgent.append(scene.row("override.overdue"))
        return False

    ops.refuses = note
    scene.poll(scene.controller())
    assert ops.seqs == [*queue[:5], *urgent, *queue[5:]]


def test_two_workers_serve_a_channel_one_at_a_time(scene):
    ops = scene.add()
    ops.gate = Event()
    first, second = scene.controller(patience_seconds=0.05), scene.controller(patience_seconds=30)
    seqs = [scene.row(), scene.row()]
    scene.poll(first)
    while scene.store.leases.holder_of("notices:ops") is None:
        scene.poll(first)
    scene.poll(second)
    assert ops.seqs == []
    ops.gate.set()
    while ops.seqs != seqs:
        scene.poll(second)


def test_what_another_worker_told_just_before_the_claim_is_not_told_again(scene, monkeypatch):
    ops = scene.add()
    seqs = [scene.row(), scene.row()]
    first, second = scene.controller(), scene.controller()
    claim = scene.store.leases.claim

    def claim_late(*given):
        monkeypatch.setattr(scene.store.leases, "claim", claim)
        scene.poll(second)
        return claim(*given)

    monkeypatch.setattr(scene.store.leases, "claim", claim_late)
    scene.poll(first)
    assert ops.seqs == seqs


def test_a_worker_that_is_asked_to_end_tells_the_notice_in_hand_and_leaves_the_rest(scene):
    ops = scene.add()
    seqs = [scene.row() for _ in range(3)]
    first = scene.controller()
    ops.refuses = lambda notice: first._is_ending.set() if notice.seq == seqs[1] else False
    scene.poll(first)
    first.stop()
    assert ops.seqs == seqs[:2]
    ops.refuses = lambda _: False
    scene.poll(scene.controller())
    assert ops.seqs == seqs


def test_a_scope_leaves_out_instances_and_nothing_that_is_of_none(scene):
    instances = {
        "prod": Instance(engine="simulated", target="memory:p", environment="production"),
        "lab": Instance(engine="simulated", target="memory:l", environment="lab"),
    }
    scene.store.revisions.commit(
        Configuration(instances=instances), base=None, author="lin", reason="x", at=scene.at
    )
    ops = scene.add(scope=parse_selector("environment=production"))
    wanted = [scene.row(subject="prod"), scene.row("rollout.started", "r1"), scene.row(subject="gone")]
    scene.row(subject="lab")
    scene.poll(scene.controller())
    assert ops.seqs == wanted


def test_a_removed_channel_is_told_nothing_and_one_of_its_name_begins_anew(scene):
    ops = scene.add()
    controller = scene.controller()
    ops.refuses = lambda _: True
    scene.row()
    scene.poll(controller)
    scene.remove()
    scene.row()
    scene.poll(controller)
    scene.add()
    ops.refuses = lambda _: False
    seq = scene.row()
    scene.pass_by(minutes=2)
    scene.poll(controller)
    assert ops.seqs == [seq]


def test_a_sink_that_is_broken_is_a_channel_that_fails(scene):
    ops = scene.add()
    ops.deliver = lambda *_: 1 // 0
    scene.row()
    scene.poll(scene.controller())
    assert scene.standing().fault == "it failed: ZeroDivisionError"


def test_a_store_that_goes_away_is_told_to_the_worker_and_nothing_is_lost(scene):
    ops = scene.add()
    seq = scene.row()

    def is_gone(_):
        message = "the store does not answer"
        raise StoreUnavailableError(message)

    ops.refuses = is_gone
    controller = scene.controller()
    with pytest.raises(StoreUnavailableError):
        scene.poll(controller)
    ops.refuses = lambda _: False
    scene.poll(controller)
    assert ops.seqs == [seq]


def test_a_long_stretch_that_nobody_wants_is_not_read_twice(scene):
    scene.add(events=("rollout.halted",))
    with scene.store.transaction():
        seqs = [scene.row("apply.step") for _ in range(1_200)]
    scene.poll(scene.controller())
    assert scene.store.cursors.get("notices:other:ops") == seqs[-1]


EVENTS = st.sampled_from(
    ["override.started", "override.ended", "override.overdue", "override.conflict", "rollout.halted"]
)


class Delivery(RuleBasedStateMachine):
    """Rows are written, receivers fail and come back, workers die and others start, several at once."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.scene = Scene(Store.create(Path(self.folder.name) / "s.db"))
        self.ops = self.scene.add(events=("override.*", "rollout.halted"))
        self.workers = [self.scene.controller(), self.scene.controller()]
        self.wanted: list[tuple[int, bool]] = []

    @rule(action=EVENTS, count=st.integers(1, 4))
    def write(self, action, count):
        for _ in range(count):
            self.wanted.append((self.scene.row(action), action in URGENT))
        self.scene.row("apply.step")

    @rule(worker=st.integers(0, 1), seconds=st.integers(0, 90))
    def poll(self, worker, seconds):
        self.scene.pass_by(seconds=seconds)
        self.scene.poll(self.workers[worker])

    @rule(refuses=st.sampled_from(["none", "all", "urgent", "third"]))
    def change(self, refuses):
        choices = {
            "none": lambda _: False,
            "all": lambda _: True,
            "urgent": lambda notice: notice.is_urgent,
            "third": lambda notice: notice.seq % 3 == 0,
        }
        self.ops.refuses = choices[refuses]

    @rule(worker=st.integers(0, 1), after=st.integers(1, 3))
    def kill(self, worker, after):
        """Let a worker die between a notice that is taken and the note that it is."""
        self.ops.dies_after = len(self.ops.got) + after
        with suppress(SystemExit):
            self.scene.poll(self.workers[worker])
        self.ops.dies_after = None
        self.workers[worker] = self.scene.controller()

    @invariant()
    def each_class_is_told_in_order_and_without_a_gap(self):
        for is_urgent in (True, False):
            told = list(dict.fromkeys(each.seq for each in self.ops.got if each.is_urgent is is_urgent))
            wanted = [seq for seq, each in self.wanted if each is is_urgent]
            assert told == wanted[: len(told)]

    def teardown(self):
        if not hasattr(self, "scene"):
            return
        self.ops.refuses = lambda _: False
        self.scene.pass_by(minutes=5)
        self.scene.poll(self.workers[0])
        assert set(self.ops.seqs) == {seq for seq, _ in self.wanted}
        bodies: dict[str, bytes] = {}
        for notice in self.ops.got:
            assert bodies.setdefault(notice.id, notice.body) == notice.body
        self.scene.close()
        self.scene.store.close()
        self.folder.cleanup()


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
