"""Endings put back what is ours, and nothing else, however often and by whomever they are run."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
from tests.engines.scene import AT, Scene

from setpoint.engines.ending import make_ending, run_ending
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import StepKind
from setpoint.engines.session import observe
from setpoint.engines.simulated import ENGINE
from setpoint.engines.simulated.driver import SimulatedDriver

OURS = Back(parameter="sort_memory", ours="16MB", back=None)
OVER = Back(parameter="checkpoint_interval", ours="1200", back="600")


def order_of(scene: Scene, *backs: Back) -> Order:
    return Order(
        override="o1",
        instance="shop",
        engine="simulated",
        target=scene.target.address,
        backs=backs,
        deadline=AT + timedelta(minutes=30),
        written_at=AT,
    )


def ending_of(scene: Scene, *backs: Back, **options):
    with closing(SimulatedDriver(scene.target)) as driver:
        seen = observe(ENGINE, driver, "shop", at=AT)
    return make_ending(ENGINE, order_of(scene, *backs), *seen, **options)


def end(scene: Scene, *backs: Back):
    with closing(SimulatedDriver(scene.target)) as driver:
        return run_ending(ENGINE, driver, order_of(scene, *backs), now=lambda: AT, holder="guard")


@pytest.fixture
def scene():
    return Scene()


def steps_of(ending):
    return [(step.kind, step.parameter, step.text) for step in ending.plan.steps if step.parameter]


def test_what_is_ours_goes_back_to_what_stood_before(scene):
    scene.apply({"sort_memory": "16MB", "checkpoint_interval": "1200"})
    ending = ending_of(scene, OURS, OVER, revision="head", released=("sort_memory",))
    assert steps_of(ending) == [
        (StepKind.RESET, "sort_memory", None),
        (StepKind.SET, "checkpoint_interval", "600"),
    ]
    assert (ending.clashes, ending.done) == ((), ())
    assert (ending.plan.revision, ending.plan.released) == ("head", ("sort_memory",))
    ended = end(scene, OURS, OVER)
    assert ended.is_over
    assert scene.is_as_before


def test_an_ending_that_is_run_again_does_nothing(scene):
    scene.apply({"sort_memory": "16MB"})
    end(scene, OURS)
    again = end(scene, OURS)
    assert again.verified is None
    assert again.ending.done == ("sort_memory",)
    assert again.is_over


def test_a_text_of_the_same_meaning_is_ours(scene):
    scene.apply({"sort_memory": "16384"})
    assert end(scene, OURS).is_over
    assert scene.is_as_before


@pytest.mark.parametrize("theirs", ["32MB", None])
def test_a_persons_later_change_stands(scene, theirs):
    scene.change(persisted={"sort_memory": "8MB"}, running={"sort_memory": "8192"})
    over = Back(parameter="sort_memory", ours="16MB", back="8MB")
    scene.apply({"sort_memory": "16MB", "durable": "off"})
    if theirs is None:
        scene.server.persisted.pop("sort_memory")
    else:
        scene.change(persisted={"sort_memory": theirs})
    ended = end(scene, over, Back(parameter="durable", ours="off", back=None))
    assert ended.ending.clashes == ("sort_memory",)
    assert ended.is_over
    assert scene.server.persisted.get("sort_memory") == theirs
    assert "durable" not in scene.server.persisted


@pytest.mark.parametrize(("back", "before"), [(OURS, None), (OVER, "600")])
def test_what_is_back_and_not_loaded_is_loaded(scene, back, before):
    scene.apply({back.parameter: back.ours})
    scene.server.persisted.pop(back.parameter)
    if before is not None:
        scene.change(persisted={back.parameter: before})
    ending = ending_of(scene, back)
    assert [step.kind for step in ending.plan.steps] == [StepKind.RELOAD]
    assert ending.done == (back.parameter,)
    assert end(scene, back).is_over
    assert scene.is_as_before


def test_an_override_that_set_what_stood_is_done(scene):
    same = Back(parameter="checkpoint_interval", ours="10min", back="600")
    ending = ending_of(scene, same)
    assert (ending.is_over, ending.done) == (True, ("checkpoint_interval",))


def test_what_the_engine_rounds_is_loaded_once(scene):
    scene.apply({"pool_pages": "100"})
    same = Back(parameter="pool_pages", ours="200", back="100")
    assert ending_of(scene, same).is_over


def test_a_parameter_the_instance_does_not_list_is_blocked_and_never_forgotten(scene):
    ending = ending_of(scene, Back(parameter="gone.away", ours="1", back=None))
    assert [each.parameter for each in ending.plan.blocked] == ["gone.away"]
    assert not ending.is_over


def test_an_ending_takes_the_instance_from_whoever_is_at_it(scene):
    scene.apply({"sort_memory": "16MB"})
    with closing(scene.grace()) as other:
        other.lock("apply by grace")
        assert end(scene, OURS).is_over
    assert scene.is_as_before
