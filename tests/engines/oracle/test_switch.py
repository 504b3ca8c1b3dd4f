"""The scheduler's jobs: armed before the change, acting on what is still ours, and saying why where not."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from setpoint.config.override import LinkState
from setpoint.engines.oracle import ENGINE
from setpoint.engines.order import Back, Order
from setpoint.engines.session import drive

SOON = datetime.now(UTC) - timedelta(seconds=1)


def order(*backs, deadline=SOON, override="inc-1"):
    return Order(
        override=override, instance="ora", engine="oracle", target="host=db1 service=orcl", backs=backs,
        deadline=deadline, written_at=SOON,
    )  # fmt: skip


def ask(stage, verb, asked):
    with closing(stage.connect()) as driver:
        return drive(getattr(ENGINE.switch(), verb)(asked), driver)


def test_each_parameter_has_its_own_job_and_all_act(stage):
    stage.database.meddle("undo_retention", "1200")
    asked = order(
        Back(parameter="open_cursors", ours="500"),
        Back(parameter="undo_retention", ours="1h", back="1200"),
        Back(parameter="db_keep_cache_size", ours="128M"),
        Back(parameter="parallel_max_servers", ours="40", running="8"),
    )
    armed = ask(stage, "arm", asked)
    assert (armed.state, len(stage.database.jobs)) == (LinkState.ARMED, 4)
    stage.apply({"open_cursors": "500", "undo_retention": "3600", "db_keep_cache_size": "128M"})
    stage.apply({"parallel_max_servers": "40"})
    stage.database.run_jobs()
    assert stage.setting("open_cursors").value == "50"
    assert stage.setting("open_cursors").entry is None
    assert stage.setting("undo_retention").entry.text == "1200"
    assert stage.setting("db_keep_cache_size").value == "0"
    assert stage.setting("parallel_max_servers").value == "8"
    assert ask(stage, "look", asked).state is LinkState.DISARMED


def test_a_persons_later_value_stays(stage):
    ask(stage, "arm", order(Back(parameter="open_cursors", ours="500")))
    stage.apply({"open_cursors": "500"})
    stage.database.meddle("open_cursors", "501")
    stage.database.run_jobs()
    assert stage.setting("open_cursors").value == "501"


def test_texts_lists_and_truths_are_recognised_as_ours(stage):
    desired = {"service_names": ("a", "b'c"), "fal_client": "x'y", "timed_statistics": "off"}
    ask(stage, "arm", order(*(Back(parameter=name, ours=text) for name, text in desired.items())))
    stage.apply(desired)
    stage.database.run_jobs()
    assert stage.setting("fal_client").value == ""
    assert stage.setting("timed_statistics").value == "TRUE"
    assert stage.setting("service_names").entry is None


def test_an_entry_of_one_instance_is_put_back_for_it_alone(stage):
    database = stage.set_up(sids=("orcl1", "orcl2"), sid="orcl2")
    database.meddle("open_cursors", "300")
    ask(stage, "arm", order(Back(parameter="open_cursors", ours="500")))
    stage.apply({"open_cursors": "500"})
    database.run_jobs()
    assert stage.setting("open_cursors").value == "300"
    assert database.entries == {(0, "*", "open_cursors"): ["300"]}


def test_a_value_in_memory_alone_is_put_back_too(stage):
    stage.set_up(file="")
    ask(stage, "arm", order(Back(parameter="open_cursors", ours="500", back="50", is_passing=True)))
    stage.apply({"open_cursors": "500"})
    stage.database.run_jobs()
    assert stage.setting("open_cursors").value == "50"


def test_a_job_that_failed_is_told(stage):
    asked = order(Back(parameter="open_cursors", ours="500"))
    ask(stage, "arm", asked)
    stage.apply({"open_cursors": "500"})
    stage.database.specs["open_cursors"].low = 400
    stage.database.run_jobs()
    assert ask(stage, "look", asked).state is LinkState.FAILED


def test_orders_are_told_apart_by_override_and_by_deadline(stage):
    back = Back(parameter="open_cursors", ours="500")
    first, second = order(back), order(back, override="inc-2")
    ask(stage, "arm", first)
    assert ask(stage, "look", second).state is LinkState.DISARMED
    ask(stage, "arm", second)
    ask(stage, "disarm", first)
    assert ask(stage, "look", first).state is LinkState.DISARMED
    assert ask(stage, "look", second).state is LinkState.ARMED
    later = order(back, override="inc-2", deadline=SOON + timedelta(hours=1))
    assert ask(stage, "look", later).state is LinkState.FAILED


@pytest.mark.parametrize(
    ("change", "state", "word"),
    [
        (lambda d: setattr(d, "role", "PHYSICAL STANDBY"), LinkState.ABSENT, "standby"),
        (
            lambda d: d.__dict__.update(role="PHYSICAL STANDBY", open_mode="MOUNTED"),
            LinkState.ABSENT,
            "standby",
        ),
        (lambda d: d.privileges.discard("CREATE JOB"), LinkState.FAILED, "CREATE JOB"),
        (lambda d: d.privileges.discard("ALTER SYSTEM"), LinkState.FAILED, "ALTER SYSTEM"),
        (lambda d: d.meddle("job_queue_processes", "0"), LinkState.FAILED, "job_queue_processes"),
    ],
)
def test_what_is_in_the_way_is_told_and_nothing_is_turned_on(stage, change, state, word):
    asked = order(Back(parameter="open_cursors", ours="500"))
    change(stage.database)
    stage.database.state += 1
    armed = ask(stage, "arm", asked)
    assert armed.state is state
    assert word in armed.detail
    assert ask(stage, "look", asked) == armed
    assert not stage.database.jobs


@pytest.mark.parametrize(
    "back",
    [
        Back(parameter="no_such", ours="1"),
        Back(parameter="open_cursors", ours="500", back="many"),
        Back(parameter="fal_client", ours="x" * 3900),
    ],
)
def test_what_a_job_cannot_put_back_arms_none(stage, back):
    assert ask(stage, "arm", order(back)).state is LinkState.FAILED
    assert not stage.database.jobs


def test_a_login_that_may_not_see_the_role_can_still_arm(stage):
    stage.database.unseen = {"v$database"}
    asked = order(Back(parameter="open_cursors", ours="500"))
    assert ask(stage, "look", asked).state is LinkState.DISARMED
