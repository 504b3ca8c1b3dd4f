from __future__ import annotations

import pytest
from tests.invented import CATALOG, CLAIMS

from setpoint.config.budget import compile_claims
from setpoint.config.facts import Facts
from setpoint.errors import InputErrors, OverBudgetError
from setpoint.templates import Template, fill, prepare, read_template

GB = 2**30
CLAIMED = compile_claims(CLAIMS, CATALOG)
HEAD = """
template: small
version: 1
engine: invented
profile: mixed
description: For tests.
inputs:
  share: {type: number, default: "0.25", description: Part of the memory}
  kind: {type: text, default: plain, description: Which method}
settings:
"""


def template(*settings: str) -> Template:
    lines = "".join(f"  - {{{text}, reason: Because., source: The manual}}\n" for text in settings)
    return read_template(HEAD + lines, "small.yaml")


POOL = 'parameter: pool, formula: "ram * share"'
SESSIONS = "parameter: sessions, formula: connections, when: known(connections)"
WORK = 'parameter: work, formula: "min(largest_fit / 2, 64MB)"'


def test_values_are_rounded_to_what_the_engine_keeps_and_explained() -> None:
    filled = fill(template(POOL), Facts(ram_bytes=16 * GB + 12345), CLAIMED)
    (pool,) = filled.settings
    assert pool.text == "4GB"
    assert pool.explanation.startswith("ram * share = 4.0GB, because ram is 16.0GB and share is 0.25")
    assert pool.inputs == {"ram": "16.0GB", "share": "0.25"}
    assert (pool.reason, pool.source) == ("Because.", "The manual")


def test_inputs_replace_defaults_and_faults_are_named_together() -> None:
    prepared = prepare(template(POOL, "parameter: method, formula: kind"), CLAIMED)
    filled = prepared.fill(Facts(ram_bytes=16 * GB), inputs={"share": "0.5", "kind": "fancy"})
    assert filled.texts() == {"pool": "8GB", "method": "fancy"}
    with pytest.raises(InputErrors) as caught:
        prepared.fill(Facts(ram_bytes=GB), inputs={"share": "1GB", "colour": "red"})
    assert "input 'share':1:1: a number is needed and this is a size" in str(caught.value)
    assert "no input 'colour' (it takes share, kind)" in str(caught.value)


def test_the_first_setting_that_counts_is_taken() -> None:
    chosen = template(
        "parameter: cost, value: 1, when: vcpu > 4",
        "parameter: cost, value: 2",
        "parameter: cost, value: 3",
    )
    assert fill(chosen, Facts(vcpu=8), CLAIMED).texts() == {"cost": "1"}
    assert fill(chosen, Facts(vcpu=2), CLAIMED).texts() == {"cost": "2"}
    assert fill(chosen, Facts(), CLAIMED).texts() == {"cost": "2"}


def test_settings_of_other_versions_are_not_there() -> None:
    assert fill(template("parameter: cost, value: 1, since: 2"), Facts(), CLAIMED).texts() == {}


def test_what_the_target_does_not_take_is_left_out_with_its_reason() -> None:
    filled = fill(
        template(
            "parameter: turbo, value: on",
            "parameter: method, value: lz4",
            "parameter: pool, formula: ram",
            "parameter: safe, value: on, when: storage = 'ssd'",
            "parameter: patience, value: 5s, when: vcpu > 4",
        ),
        Facts(vcpu=2),
        CLAIMED,
    )
    assert filled.texts() == {}
    left_out = {each.parameter: each.why for each in filled.left_out}
    assert left_out["turbo"] == "invented 1 has no such parameter"
    assert "'lz4' is not accepted" in left_out["method"]
    assert left_out["pool"] == "ram is not known"
    assert left_out["safe"] == "storage is not known"
    assert left_out["patience"] == "vcpu > 4 = false, because vcpu is 2"


def test_bounds_of_the_catalog_hold() -> None:
    many = template('parameter: sessions, formula: "connections * 1000"')
    assert fill(many, Facts(connections=10**6), CLAIMED).texts() == {"sessions": "262143"}


def test_the_largest_fit_leaves_room_for_all_that_came_before() -> None:
    filled = fill(template(SESSIONS, POOL, WORK), Facts(ram_bytes=16 * GB, connections=200), CLAIMED)
    assert filled.texts() == {"sessions": "200", "pool": "4GB", "work": "13294kB"}
    assert filled.verdict.fits
    assert {each.parameter: each.why for each in fill(template(WORK), Facts(), CLAIMED).left_out} == {
        "work": "ram is not known"
    }


def test_what_is_set_elsewhere_counts_but_the_templates_own_values_do_not() -> None:
    prepared = prepare(template(POOL, WORK), CLAIMED)
    facts = Facts(ram_bytes=16 * GB)
    few = prepared.fill(facts, current={"sessions": 10})
    many = prepared.fill(facts, current={"sessions": 1000})
    assert few.texts()["work"] != many.texts()["work"]
    assert prepared.fill(facts, current={"sessions": 10, "work": 64, "pool": 16}).texts() == few.texts()


def test_what_cannot_fit_is_refused_with_the_nearest_that_does() -> None:
    prepared = prepare(template(SESSIONS, POOL, WORK), CLAIMED)
    with pytest.raises(
        OverBudgetError, match=r"template small@1: .*it fits with at most \d+ connections"
    ) as caught:
        prepared.fill(Facts(ram_bytes=4 * GB, connections=1000))
    most = int(caught.value.next_step.split("at most ")[1].split()[0])
    assert prepared.fill(Facts(ram_bytes=4 * GB, connections=most)).verdict.fits
    with pytest.raises(OverBudgetError, match="at least"):
        prepared.fill(Facts(ram_bytes=4 * GB, connections=most + 1))


def test_faults_of_formulas_are_named_together_with_line_and_parameter() -> None:
    broken = template(
        'parameter: pool, formula: "ram / 0"',
        "parameter: cost, formula: ram",
        "parameter: paths, formula: ram",
        "parameter: safe, value: on, when: ram",
        "parameter: work, formula: larges_fit",
    )
    with pytest.raises(InputErrors) as caught:
        prepare(broken, CLAIMED)
    text = str(caught.value)
    assert "small.yaml:11 pool" not in text  # the dividend is only known when filled
    assert "small.yaml:12 cost:1:1: a number is needed and this is a size" in text
    assert "small.yaml:13 paths: paths is a list" in text
    assert "small.yaml:14 safe when:1:1: a truth is needed and this is a size" in text
    assert "did you mean largest_fit?" in text


def test_faulty_defaults_of_inputs_are_named() -> None:
    setting = f"  - {{{POOL}, reason: a, source: b}}\n"
    broken = read_template(HEAD.replace('"0.25"', "1GB") + setting, "x.yaml")
    with pytest.raises(InputErrors, match=r"x.yaml input 'share':1:1: a number is needed"):
        prepare(broken, CLAIMED)
