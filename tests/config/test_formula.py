from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.invented import CATALOG, UNITS

from setpoint.config.facts import Facts
from setpoint.config.formula import Formula, compile_formula
from setpoint.config.formula_syntax import MAX_DEPTH, MAX_LENGTH
from setpoint.config.variables import FACTS, Type, Variable, fact_values, parameter_variables, show, to_base
from setpoint.errors import InputErrors

GB = 2**30
MB = 2**20
SCOPE = {**parameter_variables(CATALOG), **FACTS}
HOST: dict[str, Any] = {
    **fact_values(Facts(ram_bytes=16 * GB, vcpu=8, connections=200, storage="ssd", role="primary")),
    "pool": 128 * MB,
    "work": 4 * MB,
    "upkeep": -1024,
    "safe": True,
    "method": "plain",
    "patience": 0,
}


def made(text: str, expects: Type | None = None) -> Formula:
    return compile_formula(text, SCOPE, UNITS, expects=expects)


def value(text: str, **changes: Any) -> Any:
    return made(text).evaluate({**HOST, **changes}).value


def faults(text: str, expects: Type | None = None) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        made(text, expects)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ram / 4", 4 * GB),
        ("min(ram / 4, 3GB)", 3 * GB),
        ("max(1, 2, 3)", 3),
        ("clamp(ram / 64, 1MB, 128MB)", 128 * MB),
        ("round_down(10MB, 4MB)", 8 * MB),
        ("round_up(10MB, 4MB)", 12 * MB),
        ("round_up(2.1)", 3),
        ("log2(vcpu)", 3),
        ("if(vcpu >= 8 and storage = 'ssd', 1.1, 4)", 1.1),
        ("storage in ('ssd', \"nvme\")", True),
        ("not (role = 'standby') or false", True),
        ("ram / 8kB", 2 * 1024 * 1024),
        ("-(1 - 3) * 2", 4),
        ("2 - 1 - 1", 0),
        ("8 / 2 / 2", 2),
        ("1.5GB", 1.5 * GB),
        ("90s + 500ms", 90_500_000),
        ("if(upkeep < 0, work, upkeep)", 4 * MB),
        ("patience > 0 or safe", True),
        ("method != 'fancy'", True),
        ("known(data_size)", False),
        ("if(known(neighbours), neighbours, 0)", 0),
        ("1 +\n  2", 3),
    ],
)
def test_a_formula_means_what_it_says(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("ram + 1", "1:5", "+ does not go with a size and a number"),
        ("ram * work", "1:5", "* does not go with a size and a size"),
        ("1 / ram", "1:3", "/ does not go with a number and a size"),
        ("min(ram, vcpu)", "1:1", "min does not take a size, a number"),
        ("if(vcpu, 1, 2)", "1:1", "if does not take"),
        ("ram and safe", "1:1", "`and` joins truths"),
        ("not ram", "1:1", "`not` joins truths"),
        ("-storage", "1:1", "- needs a number"),
        ("storage < 'ssd'", "1:9", "< does not compare a text and a text"),
        ("storage = 'sdd'", "1:11", "storage is never 'sdd'"),
        ("storage in ('ssd', 'usb')", "1:20", "storage is never 'usb'"),
        ("ram in ('ssd')", "1:1", "`in` looks for a text"),
        ("ramm / 2", "1:1", "nothing is called 'ramm' (did you mean ram"),
        ("paths = 'x'", "1:1", "nothing is called 'paths'"),
        ("frob(1)", "1:1", "there is no function 'frob'"),
        ("clamp(1, 2)", "1:1", "clamp does not take 2 operands"),
        ("clamp(storage, 1, 2)", "1:1", "clamp does not take a text, a number, a number"),
        ("round_up(storage, 1)", "1:1", "round_up does not take a text, a number"),
        ("log2(ram)", "1:1", "log2 does not take a size"),
        ("clamp(1, 3, 2)", "1:1", "the lower bound of clamp is above the upper one"),
        ("1gb", "1:1", "'gb' is no unit of this engine"),
        ("1GB /\n  (2 - 2)", "1:5", "division by zero"),
        ("1 / 0", "1:3", "division by zero"),
        ("log2(0)", "1:1", "log2 of a number"),
        ("round_up(1, 0)", "1:1", "the step to round to"),
        ("known(1)", "1:1", "known does not take"),
        ("", "1:1", "empty"),
        ("1 +", "1:4", "ends too early"),
        ("1 2", "1:3", "not expected"),
        ("ram.__class__", "1:1", "nothing is called"),
        ("9" * 40, "1:1", "beyond all magnitude"),
    ],
)
def test_a_fault_is_found_when_compiled_and_names_its_column(text: str, place: str, words: str) -> None:
    (fault,) = faults(text)
    assert f":{place}: " in fault
    assert words in fault


def test_all_faults_of_a_formula_come_at_once() -> None:
    found = faults("foo + bar(1) + (1 / 0)")
    assert [fault.split(":")[2] for fault in found] == ["1", "7", "19"]


def test_the_expected_type_is_demanded_and_zero_fits_any_number() -> None:
    assert "a size is needed and this is a number" in faults("vcpu", Type.BYTES)[0]
    assert made("0", Type.BYTES).type is Type.BYTES
    assert made("0", Type.DURATION).evaluate({}).text == "0"
    assert faults("0", Type.TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "1" + ")" * 400,
        "(" * 10_000,
        "-" * 900 + "1",
        "not " * 200 + "safe",
        "+".join(["1"] * 400),
        "9**9**9**9",
        "9^9^9",
        "*".join(["999999999GB"] * 40),
        "1" * 100_000,
        "r\u0430m / 4",
        "ram \u2215 4",
        "ram\u200b/4",
        "ram / \uff14",
        "__import__('os')",
        "ram; ram",
        "[ram for x in 1]",
        "lambda: 1",
        "'" * 999,
        "max(" * 40 + "1",
        "1e999",
        "\x00",
    ],
)
def test_hostile_formulas_are_refused_with_a_column(text: str) -> None:
    for fault in faults(text):
        source, line, column, *_ = fault.split(":")
        assert source == "<formula>"
        assert int(line) >= 1
        assert int(column) >= 1


def test_caps_let_honest_formulas_through() -> None:
    assert value(" " * (MAX_LENGTH - 1) + "1") == 1
    assert value("+".join(["1"] * MAX_DEPTH)) == MAX_DEPTH


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        ("ram / connections", {"connections": 0}, ":1:5: division by zero"),
        ("ram * vcpu", {"vcpu": 1e300}, ":1:5: the result is beyond all magnitude"),
        ("vcpu", {"vcpu": math.inf}, ":1:1: the result is beyond all magnitude"),
        ("vcpu", {"vcpu": math.nan}, ":1:1: the result is beyond all magnitude"),
        ("log2(vcpu)", {"vcpu": 0}, ":1:1: log2"),
        ("round_down(ram, work)", {"work": 0}, ":1:1: the step"),
        ("clamp(vcpu, 1, connections)", {"connections": 0}, ":1:1: the lower bound"),
    ],
)
def test_faults_that_only_values_bring_name_their_column(
    text: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputErrors, match=words):
        value(text, **changes)


def test_an_unknown_fact_makes_the_result_unknown_with_its_name() -> None:
    answer = made("min(ram / 4, data_size)").evaluate(HOST)
    assert (answer.value, answer.unknown, answer.is_known) == (None, "data_size", False)
    assert answer.explanation == "min(ram / 4, data_size) is unknown, because data_size is not known"
    assert answer.text == "unknown"
    assert [given.text for given in answer.inputs] == ["16GB", "unknown"]
    assert made("ram").evaluate({}).unknown == "ram"
    undecided = made("if(data_size > 1GB, ram, 0)").evaluate(HOST)
    assert [given.name for given in undecided.inputs] == ["data_size"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("known(data_size) and data_size > 1GB", False),
        ("data_size > 1GB and false", False),
        ("data_size > 1GB or true", True),
        ("data_size > 1GB or safe", True),
        ("data_size > 1GB and safe", None),
        ("if(data_size > 1GB, 1, 2)", None),
        ("if(safe, 1, data_size / 1GB)", 1),
    ],
)
def test_one_decisive_side_is_enough(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("min(ram / 4, pool)", {"pool": "128MB"}),
        ("min(ram / 4, 1GB)", {"ram": "16GB"}),
        ("if(vcpu > 4, ram / 4, pool)", {"vcpu": "8", "ram": "16GB"}),
        ("if(vcpu > 9, ram / 4, pool)", {"vcpu": "8", "pool": "128MB"}),
        ("clamp(ram / 4, work, pool)", {"pool": "128MB"}),
        ("safe or vcpu > 100", {"safe": "true"}),
        ("storage in ('ssd') and vcpu < 4", {"vcpu": "8"}),
        ("1GB", {}),
    ],
)
def test_an_answer_names_the_inputs_that_decided_it(text: str, inputs: dict[str, str]) -> None:
    answer = made(text).evaluate(HOST)
    assert {given.name: given.text for given in answer.inputs} == inputs
    assert "\n" not in answer.explanation
    for name, shown in inputs.items():
        assert f"{name} is {shown}" in answer.explanation


def test_an_answer_does_not_change_with_the_values_it_was_made_from() -> None:
    values = dict(HOST)
    answer = made("ram / 4").evaluate(values)
    values["ram"] = 1
    assert answer.explanation == "ram / 4 = 4GB, because ram is 16GB"


@pytest.mark.parametrize(
    ("amount", "type_", "text"),
    [
        (4 * GB, Type.BYTES, "4GB"),
        (GB + 1, Type.BYTES, "1.0GB"),
        (1536 * MB, Type.BYTES, "1.5GB"),
        (0, Type.BYTES, "0"),
        (30_000_000, Type.DURATION, "30s"),
        (0.5, Type.BYTES, "0.5 bytes"),
        (1.1, Type.NUMBER, "1.1"),
        (False, Type.BOOL, "false"),
    ],
)
def test_values_are_shown_as_people_write_them(amount: Any, type_: Type, text: str) -> None:
    assert show(amount, type_, UNITS) == text


def test_parameters_count_in_bytes_and_special_values_stay_negative() -> None:
    pool, upkeep = CATALOG.get("pool"), CATALOG.get("upkeep")
    assert to_base(16384, pool, CATALOG.grammar) == 128 * MB
    assert to_base(-1, upkeep, CATALOG.grammar) == -1024
    assert to_base(("a",), CATALOG.get("paths"), CATALOG.grammar) is None
    assert to_base(True, CATALOG.get("safe"), CATALOG.grammar) is True
    assert fact_values(Facts())["role"] is None


numbers = st.integers(0, 1000)


@st.composite
def arithmetic(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0:
        return str(draw(numbers))
    operator = draw(st.sampled_from("+-*"))
    left, right = draw(arithmetic(depth=depth - 1)), draw(arithmetic(depth=draw(st.integers(0, depth - 1))))
    return f"({left} {operator} {right})"


@given(arithmetic())
def test_arithmetic_agrees_with_arithmetic(text: str) -> None:
    assert value(text) == eval(text)  # noqa: S307 - made of digits, + - * and parentheses only


@given(st.text(alphabet="ramvcpu()+-*/<>=!,'\"0123456789.GBMs \nandotif", max_size=60))
def test_any_text_is_compiled_or_refused_in_our_own_words(text: str) -> None:
    try:
        formula = made(text)
    except InputErrors as refused:
        unplaced = [fault for fault in refused.faults if not fault.where]
        formula = None
    else:
        unplaced = []
    assert not unplaced
    assert formula is None or formula.type in Type


@given(st.integers(1, 2**42), st.integers(1, 2**42), st.integers(1, 2**42))
def test_clamp_min_and_max_keep_their_laws(one: int, two: int, three: int) -> None:
    scope = {name: Variable(name, Type.BYTES) for name in "abc"}
    low, high = sorted((two, three))
    values = {"a": one, "b": low, "c": high}
    clamped = compile_formula("clamp(a, b, c)", scope, UNITS).evaluate(values).value
    assert clamped == compile_formula("min(max(a, b), c)", scope, UNITS).evaluate(values).value
    assert low <= clamped <= high  # type: ignore[operator]


@given(st.integers(0, 2**42), st.integers(1, 2**24))
def test_rounding_stays_within_one_step(amount: int, step: int) -> None:
    scope = {name: Variable(name, Type.BYTES) for name in ("a", "step")}
    values = {"a": amount, "step": step}
    down: Any = compile_formula("round_down(a, step)", scope, UNITS).evaluate(values).value
    up: Any = compile_formula("round_up(a, step)", scope, UNITS).evaluate(values).value
    assert down <= amount <= up < amount + step
    assert amount - step < down
