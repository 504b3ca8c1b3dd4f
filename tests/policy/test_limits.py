"""Limits and the memory budget on the texts an instance has."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.policy.cases import AT, RUNNING, subject, waiver

from setpoint.config.facts import Facts
from setpoint.errors import InputErrors
from setpoint.policy.limits import judge_budget, judge_limit, names_in, parameters_in, waiver_of
from setpoint.policy.rules import Limit, MemoryBudget
from setpoint.policy.selector import Selector


def judged(must: str, texts=RUNNING, **more):
    return judge_limit(Limit(id="l", must=must), subject(**more), texts)


@pytest.mark.parametrize(
    ("must", "holds"),
    [
        ("work <= 4MB", True),
        ("work < 4096kB", False),
        ("pool + sessions * work <= ram / 2", True),
        ("safe and method = 'plain'", True),
        ("patience = 0", True),
        ("if(role = 'standby', sessions > 200, true)", None),
        ("known(data_size)", False),
        ("storage in ('ssd', 'nvme')", True),
    ],
)
def test_truths_over_parameters_and_facts(must, holds):
    answer = judged(must)
    assert answer.holds is holds
    assert bool(answer.unknown) == (holds is None)


def test_an_answer_says_why_in_one_line_with_the_inputs_that_decided():
    answer = judged("work * 2 <= 4MB")
    assert answer.explanation == "work * 2 <= 4MB does not hold, because work is 4MB"
    assert [(given.name, given.text) for given in answer.inputs] == [("work", "4MB")]
    assert judged("work <= 4MB").explanation == "work <= 4MB holds, because work is 4MB"


@pytest.mark.parametrize("text", ["64XB", "many"])
def test_a_text_that_cannot_be_read_is_not_known(text):
    answer = judged("work <= 4MB", {**RUNNING, "work": text})
    assert (answer.holds, answer.unknown) == (None, "work")


def test_a_parameter_without_text_is_not_known_and_one_of_none_has_its_default():
    texts = {name: text for name, text in RUNNING.items() if name != "work"}
    assert judged("work <= 4MB", texts).unknown == "work"
    assert judged("work = 4MB", {**RUNNING, "work": None}).holds is True


def test_a_parameter_this_version_does_not_have_makes_the_limit_inapplicable_not_true():
    answer = judged("work <= 4MB or newer_one > 3")
    assert (answer.holds, answer.missing, answer.unknown) == (None, ("newer_one",), "newer_one")
    assert "invented 1 has no parameter newer_one" in answer.explanation


@pytest.mark.parametrize("must", ["work <= 3", "paths = 'a'", "work"])
def test_a_formula_that_does_not_fit_this_catalog_is_not_known(must):
    answer = judged(must)
    assert answer.holds is None
    assert "cannot be judged" in answer.explanation


def test_a_division_by_zero_is_not_known():
    assert judged("work / sessions <= 1MB", {**RUNNING, "sessions": "1"}).holds is False
    answer = judged("factor / patience > 1")
    assert answer.holds is None
    answer = judged("work / (sessions - 100) > 1MB")
    assert answer.holds is None
    assert "division by zero" in answer.explanation


def test_names_in_a_formula_are_read_without_a_catalog():
    assert names_in("known(work) and min(ram, pool) > 3 * a.b") == {"work", "ram", "pool", "a.b"}
    assert parameters_in("known(work) and min(ram, pool) > 3") == ("pool", "work")
    with pytest.raises(InputErrors):
        names_in("work <")


@pytest.mark.parametrize(
    ("must", "before", "after", "is_worse"),
    [
        ("work <= 1MB", "4MB", "4MB", False),
        ("work <= 1MB", "4MB", "3MB", False),
        ("work <= 1MB", "4MB", "5MB", True),
        ("work >= 16MB", "4MB", "3MB", True),
        ("work = 1MB", "4MB", "2MB", False),
        ("work = 16MB", "4MB", "2MB", True),
        ("not work >= 1MB", "4MB", "8MB", False),
        ("work <= 1MB and work <= 6MB", "4MB", "8MB", True),
        ("work < 4MB and work < 8MB", "4MB", "8MB", True),
    ],
)
def test_a_broken_limit_knows_whether_it_gets_worse(must, before, after, is_worse):
    first = judged(must, {**RUNNING, "work": before})
    second = judged(must, {**RUNNING, "work": after})
    assert first.holds is second.holds is False
    assert second.is_worse_than(first) is is_worse


def test_a_part_that_is_no_more_known_counts_as_worse():
    must = "work <= 1MB and sessions <= 10"
    known = judged(must, RUNNING)
    unknown = judged(must, {**RUNNING, "sessions": "?"})
    assert unknown.holds is False
    assert unknown.is_worse_than(known)
    assert not unknown.is_worse_than(unknown)


def budget(share: float, texts=RUNNING, **more):
    return judge_budget(MemoryBudget(id="m", share=share), subject(**more), texts)


def test_the_budget_is_a_share_of_the_hosts_memory_and_never_more_than_is_free():
    assert budget(0.9).holds is True
    assert budget(0.01).holds is False
    full = {**RUNNING, "pool": str(13 * 2**30 // 8192)}
    assert budget(1.0, full).holds is True
    neighbours = Facts(ram_bytes=16 * 2**30, neighbours_bytes=8 * 2**30)
    answer = budget(1.0, full, facts=neighbours)
    assert answer.holds is False
    assert "may use more than they should: " in answer.explanation
    assert answer.inputs


def test_a_budget_without_its_inputs_is_not_known():
    assert budget(0.9, facts=Facts()).unknown == "ram"
    assert budget(0.9, {**RUNNING, "pool": "?"}).unknown == "pool"
    assert budget(0.9, {**RUNNING, "pool": None}).holds is True


def test_limits_of_catalogs_with_other_types_do_not_share_their_formula():
    import msgspec
    from tests.invented import CATALOG, PARAMETERS

    from setpoint.catalog import Catalog, Kind

    assert judged("cost <= 4").holds is True
    changed = tuple(
        msgspec.structs.replace(each, kind=Kind.STRING, default="4", min=None, max=None)
        if each.name == "cost"
        else each
        for each in PARAMETERS
    )
    other = Catalog(msgspec.structs.replace(CATALOG.data, parameters=changed), CATALOG.grammar)
    assert judged("cost <= 4", catalog=other).holds is None
    assert judged("cost = '4'", catalog=other).holds is True
    assert judged("cost <= 4").holds is True


def test_which_waiver_covers_a_broken_limit():
    here = subject()
    names = ("sessions", "work")
    rule = waiver("rule", rule="p/l")
    both = waiver("both", rule="p/l", parameter="work")
    work = waiver("work", parameter="work", ends_at=datetime(2026, 6, 20, tzinfo=UTC))
    sessions = waiver("sessions", parameter="SESSIONS")
    far = waiver("far", rule="p/l", scope=Selector(instances=("other",)))

    def found(*waivers, parameters=names):
        covering = waiver_of("p/l", parameters, here, waivers, AT)
        return covering.id if covering is not None else None

    assert found(rule) == "rule"
    assert found(both) is None
    assert found(both, parameters=("work",)) == "both"
    assert found(work) is None
    assert found(work, sessions) == "work"
    assert found(far) is None
    assert found(work, parameters=()) is None
