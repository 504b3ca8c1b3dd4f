"""Resolution: order of layers, time, origin chains; and the compiled view that must say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.config.fleets import SETTINGS, configurations

from setpoint.config.configuration import Configuration, Instance
from setpoint.config.layers import Layer, LayerKind
from setpoint.config.resolve import Resolved, resolve
from setpoint.config.view import FleetView, layers_of
from setpoint.errors import NotFoundError

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LAYERS = st.lists(
    st.builds(
        Layer,
        kind=st.sampled_from(LayerKind),
        name=st.sampled_from("abc"),
        settings=SETTINGS,
        starts_at=st.none() | st.integers(-3, 3).map(lambda hours: NOON + timedelta(hours=hours)),
        ends_at=st.none() | st.integers(-3, 3).map(lambda hours: NOON + timedelta(hours=hours)),
    ),
    max_size=6,
)


@given(LAYERS, st.randoms())
def test_the_order_kinds_come_in_does_not_matter(layers, random):
    unique = list({layer.kind: layer for layer in layers}.values())
    shuffled = random.sample(unique, len(unique))
    assert resolve(unique, NOON) == resolve(shuffled, NOON)


@given(LAYERS)
def test_the_highest_layer_in_force_decides(layers):
    for name, setting in resolve(layers, NOON).items():
        speaking = [layer for layer in layers if layer.is_in_force(NOON) and name in layer.settings]
        top = max(layer.kind for layer in speaking)
        assert setting.layer.kind == top
        assert setting.text == [layer for layer in speaking if layer.kind == top][-1].settings[name]


@given(LAYERS)
def test_what_is_not_in_force_might_as_well_not_exist(layers):
    assert resolve(layers, NOON) == resolve([layer for layer in layers if layer.is_in_force(NOON)], NOON)


@given(LAYERS)
def test_chains_rise(layers):
    for setting in resolve(layers, NOON).values():
        kinds = [layer.kind for layer in setting.chain]
        assert kinds == sorted(kinds)


def test_an_override_ends_exactly_at_its_deadline():
    override = Layer(LayerKind.OVERRIDE, "tonight", {"jit": "off"}, ends_at=NOON)
    below = Layer(LayerKind.INSTANCE, "a", {"jit": "on"})
    before = resolve([below, override], NOON - timedelta(microseconds=1))
    assert _texts(before) == {"jit": "off"}
    assert _texts(resolve([below, override], NOON)) == {"jit": "on"}


def test_none_takes_a_parameter_out_of_management_from_that_layer_down():
    fleet = Layer(LayerKind.FLEET, "postgresql", {"jit": "on", "work_mem": "4MB"})
    instance = Layer(LayerKind.INSTANCE, "a", {"jit": None})
    assert _texts(resolve([fleet, instance], NOON)) == {"work_mem": "4MB"}


@given(
    configurations(),
    st.dictionaries(st.sampled_from(["work_mem", "jit", "wal_level"]), st.just("1"), max_size=2),
)
def test_the_view_says_what_resolution_says(configuration, template):
    filled = dict.fromkeys(configuration.instances, template)
    view = FleetView(configuration, revision="r", filled=filled.get)
    for name in configuration.instances:
        layers = layers_of(configuration, name, revision="r", template_settings=template)
        expected = resolve(layers, NOON)
        assert _texts(view.settings(name, NOON)) == _texts(expected)
        for parameter in {*expected, "absent"}:
            one = view.setting(name, parameter, NOON)
            assert (one and one.text) == (expected[parameter].text if parameter in expected else None)
            if one is not None:
                assert [str(layer) for layer in one.chain] == [
                    str(layer) for layer in expected[parameter].chain
                ]


def test_the_view_knows_overrides_and_their_end():
    fleet = Configuration(instances={"a": Instance(engine="postgresql", settings={"jit": "on"})})
    override = Layer(LayerKind.OVERRIDE, "tonight", {"jit": "off"}, ends_at=NOON)
    view = FleetView(fleet, revision="r", filled={}.get, overrides={"a": [override]})
    during = view.setting("a", "jit", NOON - timedelta(seconds=1))
    assert during is not None
    assert (during.text, len(during.chain)) == ("off", 2)
    after = view.setting("a", "jit", NOON)
    assert after is not None
    assert after.text == "on"
    with pytest.raises(NotFoundError):
        view.setting("b", "jit", NOON)
    with pytest.raises(NotFoundError):
        view.settings("b", NOON)


def _texts(resolved: dict[str, Resolved]) -> dict[str, object]:
    return {name: setting.text for name, setting in resolved.items()}
