"""Selectors: exact words, and no way to slip in or out of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.config.configuration import Instance
from setpoint.errors import InputError
from setpoint.policy.selector import ALL, Selector, parse_selector, selector_of

SHOP = Instance(engine="postgresql", group="shop", environment="production", labels={"tier": "gold"})


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("all", True),
        ("environment=production", True),
        ("environment=staging|production", True),
        ("environment=staging", False),
        ("engine=postgresql,label.tier=gold|silver,instance=db", True),
        ("engine=postgresql,label.tier=silver", False),
        ("label.owner=lin", False),
        ("group=shop,instance=other", False),
        ("environment=Production", False),
        ("environment=prod", False),
        ("environment=prod*", False),
        ("environment=.*", False),
    ],
)
def test_an_instance_fits_when_every_dimension_names_its_word(text, fits):
    assert parse_selector(text).fits("db", SHOP) is fits


def test_an_instance_without_a_word_fits_only_what_does_not_ask():
    bare = Instance(engine="postgresql")
    assert not parse_selector("environment=production").fits("db", bare)
    assert not parse_selector("label.tier=gold").fits("db", bare)
    assert ALL.fits("db", bare)


@pytest.mark.parametrize("word", ["а", "ｐroduction", "production\u200b", "production "])  # noqa: RUF001 - look-alikes are the point
def test_a_word_that_only_looks_alike_is_another(word):
    assert not Selector(environments=(word,)).fits("db", SHOP)


@pytest.mark.parametrize(
    "text",
    ["", "environment", "environment=", "environment=a|", "colour=red", "label.=x", "group=a,group=b", ","],
)
def test_what_is_no_selector_is_refused_with_what_one_looks_like(text):
    with pytest.raises(InputError, match="instance= or label"):
        parse_selector(text)


WORDS = st.lists(st.text("abcXYZ019-_.", min_size=1, max_size=6), min_size=1, max_size=3, unique=True).map(
    tuple
)
SELECTORS = st.dictionaries(
    st.sampled_from(["engine", "group", "environment", "instance", "label.tier", "label.a.b"]), WORDS
).map(selector_of)


@given(SELECTORS)
def test_a_selector_reads_back_as_it_is_written(selector):
    assert parse_selector(str(selector)) == selector


@given(SELECTORS, SELECTORS)
def test_naming_more_dimensions_never_means_more_instances(one, more):
    both = Selector(
        engines=one.engines or more.engines,
        groups=one.groups or more.groups,
        environments=one.environments or more.environments,
        instances=one.instances or more.instances,
        labels={**more.labels, **one.labels},
    )
    for name in ("a", "b", "X"):
        instance = Instance(engine="a", group="b", environment="c", labels={"tier": "X"})
        assert not both.fits(name, instance) or one.fits(name, instance)


def test_whole_engines_and_groups():
    assert ALL.is_all
    assert ALL.fits_engine("postgresql")
    assert parse_selector("engine=postgresql").fits_engine("postgresql")
    assert not parse_selector("engine=postgresql").fits_engine("mysql")
    assert not parse_selector("engine=postgresql,environment=production").fits_engine("postgresql")
    assert parse_selector("group=shop").fits_group("shop", "postgresql")
    assert parse_selector("engine=postgresql").fits_group("shop", "postgresql")
    assert not parse_selector("group=shop,engine=mysql").fits_group("shop", "postgresql")
    assert not parse_selector("group=shop,label.tier=gold").fits_group("shop", "postgresql")
    assert not parse_selector("instance=db").fits_group("shop", "postgresql")
