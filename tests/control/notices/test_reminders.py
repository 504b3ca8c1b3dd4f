"""Reminders: what is due gets one row, whoever looks and however often."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import msgspec
import pytest
from tests.control.notices.scene import START, Scene

from setpoint.config.override import Extension, Held, Override, OverrideState, Review
from setpoint.control.notices.reminders import remind

HELD = (Held(parameter="sort_memory", ours="64MB", before=None, running_before="4MB"),)


def put(scene: Scene, version: int = 0, **fields) -> Override:
    override = Override(
        **{
            "id": "shop/o1",
            "batch": "b1",
            "instance": "shop",
            "held": HELD,
            "by": "lin",
            "account": "local:lin@db1",
            "because": "reports",
            "started_at": START,
            "deadline": START + timedelta(minutes=30),
            "state": OverrideState.ACTIVE,
            **fields,
        }
    )
    scene.store.overrides.put(
        override.id,
        override,
        version=version,
        actor="lin",
        action="override.extended" if version else "override.started",
        detail={"override": override.id},
        at=scene.at,
    )
    return override


def remind_at(scene: Scene, **span: float) -> int:
    scene.at = START + timedelta(**span)
    return remind(scene.context)


def test_an_override_is_spoken_of_once_before_its_end(scene):
    put(scene)
    assert remind_at(scene, minutes=24) == 0
    assert remind_at(scene, minutes=25) == 1
    assert remind_at(scene, minutes=26) == 0
    (told,) = scene.rows("override.ending_soon")
    assert (told["override"], told["parameters"]) == ("shop/o1", ["sort_memory"])


def test_one_that_is_extended_is_spoken_of_again(scene):
    override = put(scene)
    remind_at(scene, minutes=27)
    later = START + timedelta(minutes=60)
    extension = Extension(by="lin", at=scene.at, deadline=later, because="longer")
    changed = msgspec.structs.replace(override, deadline=later, extensions=(extension,))
    put(scene, 1, **{name: getattr(changed, name) for name in ("deadline", "extensions")})
    assert remind_at(scene, minutes=50) == 0
    assert remind_at(scene, minutes=56) == 1
    assert len(scene.rows("override.ending_soon")) == 2


def test_a_record_that_was_bent_keeps_none_of_the_others_from_being_spoken_of(scene):
    put(scene, id="shop/o1")
    put(scene, id="shop/o2")
    database = scene.store._database
    with database.write() as connection:
        guard = "record_no_update" if database.is_sqlite else "record_append_only ON record"
        connection.exec_driver_sql(f"DROP TRIGGER {guard}")
        connection.exec_driver_sql("UPDATE record SET body = '{}' WHERE id = 'shop/o1'")
    assert remind_at(scene, minutes=26) == 1
    (told,) = scene.rows("override.ending_soon")
    assert told["override"] == "shop/o2"


@pytest.mark.parametrize(("seconds", "told"), [(44, 0), (45, 1), (59, 1), (60, 0)])
def test_a_short_one_is_spoken_of_in_its_last_quarter_and_never_when_it_is_over(scene, seconds, told):
    put(scene, deadline=START + timedelta(seconds=60))
    assert remind_at(scene, seconds=seconds) == told


@pytest.mark.parametrize("state", [OverrideState.ENDING, OverrideState.ENDED, OverrideState.CONFLICT])
def test_what_is_over_does_not_end_soon(scene, state):
    put(scene, state=state)
    assert remind_at(scene, minutes=29) == 0


def test_a_review_is_asked_for_a_day_before_it_is_due_and_when_it_is(scene):
    due = START + timedelta(days=3)
    override = put(scene, state=OverrideState.ENDED, review_due_at=due)
    assert remind_at(scene, days=1) == 0
    assert remind_at(scene, days=2) == 1
    assert remind_at(scene, days=2.5) == 0
    assert remind_at(scene, days=3) == 1
    assert remind_at(scene, days=9) == 0
    assert [told["is_overdue"] for told in scene.rows("override.review_due")] == [False, True]
    review = Review(by="mara", at=scene.at, conclusion="fine")
    put(scene, 1, id=override.id, state=OverrideState.ENDED, review_due_at=due, review=review)
    assert remind_at(scene, days=10) == 0


def test_many_who_look_at_once_leave_one_row(scene):
    put(scene)
    scene.pass_by(minutes=27)
    barrier, noted = Barrier(6), []

    def look() -> None:
        barrier.wait(30)
        noted.append(remind(scene.context))

    threads = [Thread(target=look) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(noted) == 1
    assert len(scene.rows("override.ending_soon")) == 1


def test_a_controller_reminds_and_tells(scene):
    ops = scene.add(events=("override.ending_soon",))
    put(scene)
    scene.pass_by(minutes=27)
    controller = scene.controller()
    scene.poll(controller)
    scene.poll(controller)
    assert [notice.event for notice in ops.got] == ["override.ending_soon"]
    assert "ends soon" in ops.got[0].text
