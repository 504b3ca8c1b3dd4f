"""The shipped catalogs and classes, and every parameter of them through the whole of a change."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.oracle.stage import Stage

from setpoint.catalog import Context, Kind, Version
from setpoint.config.budget import compile_claims, judge
from setpoint.config.facts import Facts
from setpoint.engines.oracle import ENGINE
from setpoint.engines.oracle.dialect import GRAMMAR, literal, quote_name
from setpoint.engines.oracle.dialect.knowledge import NOT_SYSTEM
from setpoint.engines.oracle.dialect.knowledge import shipped as find_shipped
from setpoint.engines.readback import is_same_state
from setpoint.errors import InputError
from setpoint.policy.classification import OTHERWISE, read_classification


def shipped(family):
    catalog = find_shipped(family)
    assert catalog is not None
    return catalog


FAMILIES = ("19", "21", "23")
CLASSES = read_classification((Path(ENGINE.data) / "classes.yaml").read_text(), "classes.yaml")


@pytest.mark.parametrize(
    ("version", "family"), [("19.24.0.0.0", "19"), ("21.3", "21"), ("23.4.0.24.05", "23"), ("23.26.1", "23")]
)
def test_a_version_has_the_catalog_of_its_release(version, family):
    assert ENGINE.family(Version.parse(version)) == family


@pytest.mark.parametrize("family", FAMILIES)
def test_every_fact_says_how_it_is_known(family):
    catalog = shipped(family)
    assert "not verified on an engine" in catalog.data.evidence
    for each in catalog.parameters:
        assert "Not verified on an engine" in each.description
        assert ("seen in a public listing" in each.description) != (
            "not seen on a server" in each.description
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_is_classified(family):
    for each in shipped(family).parameters:
        assert CLASSES.why(each)[0] or each.category in CLASSES.categories, each.name
    assert CLASSES.engine == "oracle"


def test_every_named_class_is_of_a_parameter_that_exists():
    known = {each.name for family in FAMILIES for each in shipped(family).parameters}
    assert set(CLASSES.named) <= known


def test_what_no_catalog_knows_is_guarded_more_than_speed(stage):
    stage.database.specs["brand_new"] = stage.database.specs["open_cursors"]
    for instance in stage.database.instances.values():
        instance.memory[0, "brand_new"] = ["1"]
    stage.database.state += 1
    assert CLASSES.classes_of(stage.look()[1].get("brand_new")) != OTHERWISE


@pytest.mark.parametrize("family", FAMILIES)
def test_no_default_lies_outside_its_own_range(family):
    for each in shipped(family).parameters:
        if each.default is not None:
            text = each.format(each.default, GRAMMAR)
            assert each.is_same(each.parse(text, GRAMMAR), each.default), each.name


def test_releases_differ_as_the_facts_say():
    gone = shipped("19").diff(shipped("21"))
    assert "sec_case_sensitive_logon" in gone.removed
    assert "optimizer_session_type" in gone.added
    assert "vector_memory_size" in shipped("21").diff(shipped("23")).added


def test_claims_count_one_target_or_the_two_areas():
    catalog = shipped("19")
    claims = compile_claims(ENGINE.claims(), catalog)
    facts = Facts(ram_bytes=16 << 30)

    def total(**texts):
        values = {name: catalog.parse(name, text) for name, text in texts.items()}
        return judge(claims, values, facts).total

    areas = {"sga_target": "4G", "sga_max_size": "6G", "pga_aggregate_target": "1G"}
    assert total(memory_target="8G", pga_aggregate_limit="2G", **areas) == 8 << 30
    assert total(memory_target="0", pga_aggregate_limit="3G", **areas) == 7 << 30
    assert total(memory_target="0", pga_aggregate_limit="0", **areas) == 6 << 30


def texts_of(parameter):
    """Answer texts that a parameter takes."""
    low = int(parameter.min) if parameter.min is not None else 0
    high = int(parameter.max) if parameter.max is not None else max(low, 1) * 1000 + 1000
    match parameter.kind:
        case Kind.BOOL:
            return st.sampled_from(["TRUE", "false", "on"])
        case Kind.ENUM:
            return st.sampled_from(parameter.values)
        case Kind.STRING:
            return st.text(
                st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=30
            )
        case Kind.LIST:
            word = st.text(st.sampled_from("ab/.,' \";"), min_size=1, max_size=6).filter(str.strip)
            return st.lists(word.map(str.strip), min_size=1, max_size=3).map(tuple)
        case _:
            return st.integers(low, high).map(str)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_is_written_reads_back_as_the_same_value(data):
    parameter = data.draw(st.sampled_from(shipped(data.draw(st.sampled_from(FAMILIES))).parameters))
    text = data.draw(texts_of(parameter))
    value = parameter.parse(text, GRAMMAR)
    written = literal(parameter, text)
    assert written.count("'") % 2 == 0
    shown = written
    if parameter.kind is Kind.LIST:
        shown = GRAMMAR.write_list([item.replace("''", "'") for item in unquoted(written)])
    elif parameter.kind in (Kind.STRING, Kind.ENUM):
        shown = written[1:-1].replace("''", "'")
    assert parameter.is_same(parameter.parse(shown, GRAMMAR), value)


def unquoted(written):
    """Take string literals apart without the grammar: an even number of quotes ends one."""
    items, item, inside = [], "", False
    position = 0
    while position < len(written):
        character = written[position]
        if not inside:
            inside = character == "'"
        elif written.startswith("''", position):
            item, position = f"{item}''", position + 1
        elif character == "'":
            items, item, inside = [*items, item], "", False
        else:
            item += character
        position += 1
    return items


@given(
    st.lists(st.text(st.sampled_from("ab,'\" ;-"), min_size=1).filter(lambda t: t == t.strip()), max_size=4)
)
def test_a_list_survives_being_written(items):
    assert GRAMMAR.read_list(GRAMMAR.write_list(items)) == tuple(items)


@pytest.mark.parametrize("name", ["a b", "a;b", "1a", "__x", "", "x'", 'x"'])
def test_what_is_no_name_stands_in_no_statement(name):
    with pytest.raises(InputError):
        quote_name(name)


@pytest.mark.parametrize(
    ("size", "written"), [("0", "0"), ("1536", "1536"), ("3K", "3K"), ("2TB", "2048G"), ("1P", "1048576G")]
)
def test_a_size_is_written_with_a_letter_that_every_release_takes(size, written):
    assert literal(shipped("19").get("sga_target"), size) == written


@pytest.mark.parametrize("text", ["", "'open", "1Q", "1.5", "12 34"])
def test_a_text_that_is_no_number_is_refused(text):
    with pytest.raises(InputError):
        shipped("19").parse("open_cursors", text)


@pytest.mark.parametrize("text", ["'open", '"open', "'a'b"])
def test_a_list_with_a_broken_quote_is_refused(text):
    with pytest.raises(InputError):
        shipped("19").parse("control_files", text)


@pytest.fixture(scope="module")
def lasting():
    with pytest.MonkeyPatch.context() as patch:
        yield Stage(patch)


def dynamic():
    changing = {Context.IMMEDIATE, Context.RECONNECT}
    found: dict[str, list[str]] = {}
    for each in shipped("19").parameters:
        if each.context in changing:
            found.setdefault(each.category, []).append(each.name)
    return found


@pytest.mark.parametrize("category", dynamic())
def test_every_parameter_that_can_change_ends_where_it_began(lasting, category):
    before, catalog = lasting.look()
    names = dynamic()[category]
    desired = {name: another(catalog.get(name), before.settings[name].value) for name in names}
    plan = lasting.plan(desired)
    why = {each.parameter: each.why for each in plan.blocked}
    assert {step.parameter for step in plan.steps if step.parameter} | why.keys() == set(names)
    assert all(why.values())
    with closing(lasting.connect()) as driver:
        application = lasting.application(driver, plan)
        verified = application.run()
        waiting = {each.parameter for each in verified.drifts if each.is_deviation}
        assert waiting == set(plan.restarts)
        application.undo(range(len(plan.steps)))
    after, catalog = lasting.look()
    assert all(
        is_same_state(each, setting, after.settings[each], catalog)
        for each, setting in before.settings.items()
    )


def another(parameter, value):
    """Answer a text that is not the running value."""
    match parameter.kind:
        case Kind.BOOL:
            return "FALSE" if value == "TRUE" else "TRUE"
        case Kind.ENUM:
            return next(word for word in parameter.values if word != value)
        case Kind.STRING | Kind.LIST:
            return f"{value or ''}x"
        case _:
            number = int(value or 0)
            step = (16 << 20) if parameter.kind is Kind.SIZE else 1
            is_high = parameter.max is not None and number + step > parameter.max
            return str(number - 1 if is_high else number + step)


def test_session_only_parameters_are_fixed_for_an_instance():
    fixed = [each for each in shipped("23").parameters if NOT_SYSTEM in each.flags]
    assert {each.context for each in fixed} == {Context.FIXED}
    assert "txn_priority" in {each.name for each in fixed}
