"""YAML as people write it: places, YAML 1.2 scalars, every fault at once, and round trips."""

from __future__ import annotations

import pytest
from hypothesis import given
from tests.config.fleets import configurations

from setpoint.config.configuration import Configuration, TemplateUse
from setpoint.config.document import Mapping, Scalar, read_yaml
from setpoint.config.fleet_document import (
    parse_size,
    parse_template,
    read_document,
    read_fleet,
    write_fleet,
)
from setpoint.errors import InputErrors, NotFoundError


@given(configurations())
def test_a_written_fleet_reads_back_the_same(configuration):
    text = write_fleet(configuration)
    assert read_fleet(text, "fleet.yaml") == configuration
    assert write_fleet(read_fleet(text, "fleet.yaml")) == text


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "010", "0x1F", "12:30", "1e3", "0600", "1_000", "2026-01-01"]
)
def test_a_plain_scalar_stays_what_it_looks_like(word):
    node = read_yaml(f"key: {word}\n", "x.yaml")
    assert isinstance(node, Mapping)
    assert isinstance(node.entries["key"], Scalar)
    assert node.entries["key"].text == word


def faults_of(text: str) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        read_fleet(text, "fleet.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_every_fault_is_told_at_once_with_its_place():
    faults = faults_of(
        "setpoint: 1\n"
        "flet: {}\n"
        "instances:\n"
        "  a b:\n"
        "    engine: postgresql\n"
        "    password: hunter2\n"
        "  c:\n"
        "    group: nowhere\n"
        "    facts: {ram: plenty, storage: tape}\n"
        "    template: oltp\n"
        "    settings:\n"
        "      jit: {deep: 1}\n"
        "      jit: off\n"
    )
    places = [fault.split(" ")[0] for fault in faults]
    assert places == sorted(places, key=lambda place: [int(part) for part in place.strip(":").split(":")[1:]])
    joined = "\n".join(faults)
    for expected in (
        "2:1:",
        "4:3:",
        "6:15:",
        "'nowhere'",
        "plenty",
        "tape",
        "oltp@1",
        "12:12:",
        "13:7:",
        "no engine",
    ):
        assert expected in joined
    assert "hunter2" not in joined


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", "2:1: 'a' stands twice, first in line 1"),
        ("a: &x 1\nb: *x\n", "anchor &x"),
        ("a: &x 1\nb: *x\n", "2:4: alias *x"),
        ("a: !!python/object:os.system 1\n", "tag"),
        ("<<: {a: 1}\n", "merge key"),
        ("? [a]\n: 1\n", "key must be a plain word"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("a: [1\n", "not readable as YAML"),
        ("a: \x01\n", "not readable as YAML"),
    ],
)
def test_what_yaml_allows_and_we_do_not_is_named(text, expected):
    with pytest.raises(InputErrors) as caught:
        read_yaml(text, "x.yaml")
    assert expected in str(caught.value)


def test_deep_nesting_is_refused_not_survived():
    with pytest.raises(InputErrors, match="nested deeper"):
        read_yaml("[" * 200 + "]" * 200, "x.yaml")


def test_an_empty_text_is_an_empty_mapping():
    assert read_yaml("", "x.yaml") == Mapping(read_yaml("", "x.yaml").place)


@pytest.mark.parametrize(
    "target",
    [
        "host=a password=x",
        "postgresql://u:secret@h/d",
        "host=a sslpassword = 'x'",
        "postgresql://h/d?password=x",
    ],
)
def test_a_password_in_a_target_is_refused_and_not_repeated(target):
    faults = faults_of(f'setpoint: 1\ninstances:\n  a: {{engine: postgresql, target: "{target}"}}\n')
    assert "password stands in the target" in faults[0]
    assert "secret" not in faults[0]


def test_a_group_holds_one_engine():
    faults = faults_of(
        "setpoint: 1\ngroups: {g: {engine: mysql}}\ninstances: {a: {engine: postgresql, group: g}}\n"
    )
    assert "in the mysql group g" in faults[0]


def test_the_format_must_be_named():
    assert "setpoint: 1" in faults_of("instances: {}\n")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("16GB", 2**34), ("512 MiB", 2**29), ("1.5k", 1536), ("0", 0), ("2t", 2**41), ("7B", 7)],
)
def test_sizes_as_people_write_them(text, expected):
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "1 fathom", "-1", "1e3"])
def test_no_size(text):
    with pytest.raises(ValueError, match="no size"):
        parse_size(text)


def test_templates_are_named_with_their_version():
    assert str(parse_template("oltp@3")) == "oltp@3"
    with pytest.raises(ValueError, match="oltp@1"):
        parse_template("oltp")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("setpoint: 1\ninstances: [a]\n", "must be a mapping of names"),
        ("setpoint: 1\ngroups: {g: {}}\n", "no engine is given"),
        ("setpoint: 1\ninstances: {a: 1}\n", "an instance must be a mapping"),
        ("setpoint: 1\ninstances: {a: {engine: [x]}}\n", "must be one value"),
        ("setpoint: 1\ninstances: {a: {engine: x, template: {inputs: {}}}}\n", "no template is named"),
        ("setpoint: 1\ninstances: {a: {engine: x, settings: {1x: 1}}}\n", "no parameter name"),
        (
            "setpoint: 1\ninstances: {a: {engine: x, settings: {jit: 1, JIT: 2}}}\n",
            "stands twice in another case",
        ),
        ("setpoint: 1\ninstances: {a: {engine: x, facts: {vcpu: many}}}\n", "vcpu"),
        ("setpoint: 1\ninstances: {a: {engine: x, facts: {ram: 9999999999TB}}}\n", "larger than any host"),
    ],
)
def test_each_fault_of_form_is_named(document, expected):
    assert any(expected in fault for fault in faults_of(document))


def test_template_inputs_and_null_tables_are_read():
    fleet = read_fleet(
        "setpoint: 1\nfleet: ~\ninstances:\n  a:\n    engine: x\n"
        "    template: {use: oltp@1, inputs: {wal_room: 8GB}}\n    labels: {team: shop}\n",
        "fleet.yaml",
    )
    assert fleet.instances["a"].template == TemplateUse(name="oltp", version=1, inputs={"wal_room": "8GB"})


def test_names_that_are_not_there_say_which_are_near():
    fleet = read_fleet(
        "setpoint: 1\ngroups: {checkout: {engine: x}}\ninstances: {shop-1: {engine: x, group: checkout}}\n",
        "f",
    )
    with pytest.raises(NotFoundError, match="shop-1"):
        fleet.instance("shop-2")
    with pytest.raises(NotFoundError, match="checkout"):
        fleet.group("chekout")
    assert fleet.group("checkout").engine == fleet.instance("shop-1").engine == "x"


POLICY = "policy: production\nlocks:\n  - {parameters: [fsync]}\n"


def test_policies_are_written_as_blocks():
    text = write_fleet(Configuration(policies={"production": POLICY}))
    assert "  production: |\n    policy: production\n    locks:\n" in text
    assert "policies" not in write_fleet(Configuration())


def test_a_document_that_is_silent_on_policies_keeps_those_there_are():
    current = Configuration(policies={"production": POLICY})
    silent = read_document("setpoint: 1\n", "fleet.yaml")
    assert silent.over(current) == current
    emptied = read_document("setpoint: 1\npolicies: ~\n", "fleet.yaml")
    assert emptied.over(current) == Configuration()


@pytest.mark.parametrize("name", ["Production", "pr\u043eduction", "a b", "-a", "a" * 64])
def test_a_policy_has_a_plain_name(name):
    assert "is no name" in faults_of(f'setpoint: 1\npolicies: {{"{name}": "x"}}\n')[0]


def test_a_policy_is_one_text():
    assert "must be one value" in faults_of("setpoint: 1\npolicies: {a: {locks: []}}\n")[0]
