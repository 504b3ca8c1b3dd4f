"""Reviews of overrides: who may write one, and what of it becomes permanent by which way."""

from __future__ import annotations

import msgspec
import pytest
from tests.control.conftest import NAME, PART
from tests.control.overrides.past import ID, Past, ended, override
from tests.control.town import Town, found

from setpoint.config.override import Held, OverrideState
from setpoint.control.overrides.postmortem import look_back
from setpoint.control.overrides.reviewing import review
from setpoint.errors import InputErrors, NotPermittedError, RefusedError


@pytest.fixture
def past(setpoint, server) -> Past:
    return Past(setpoint, server)


@pytest.fixture
def town(setpoint) -> Town:
    return found(setpoint)


def settings(front) -> dict:
    return front.configuration().instances[NAME].settings


def live_through(town, server, **fields) -> Past:
    past = Past(town.founder, server)
    past.clock = town.clock
    past.context = town.founder._context
    past.live_through(override(by="emil", started_at=town.clock(), **fields))
    return past


def test_it_is_kept_with_its_row_and_applies_nothing(past):
    past.live_through(override())
    made = review(past.context, ID, conclusion="it helped", keep=["SORT_MEMORY"], rule="no batch by day")
    assert (made.review.by, made.review.conclusion) == ("ada", "it helped")
    assert (made.review.keep, made.review.rule) == (("sort_memory",), "no batch by day")
    assert settings(past.front) == {"sort_memory": "64MB"}
    head = past.front.revision("HEAD")
    assert made.review.change == f"revision {head.short_id}"
    assert (head.ticket, ID in head.reason) == ("OPS-7", True)
    (row,) = past.front.audit_rows(action="override.reviewed")
    assert (row.subject, row.detail["override"], row.detail["keep"]) == (NAME, ID, ["sort_memory"])
    assert past.server.persisted == {}
    assert past.front.audit_rows(action="apply.") == ()


def test_without_anything_to_keep_the_configuration_stands(past):
    past.live_through(override())
    before = past.front.revision("HEAD").id
    assert review(past.context, "o1a2", conclusion="once is enough").review.change == ""
    assert past.front.revision("HEAD").id == before


def test_who_may_edit_writes_it_and_who_may_not_asks_for_it(town, server):
    live_through(town, server)
    made = review(town.emil._context, ID, conclusion="keep it", keep=["sort_memory"])
    kind, _, name = made.review.change.partition(" ")
    assert kind == "change"
    change, standing = town.lin.governance.change(name)
    assert (change.author, change.subject, standing.is_complete) == ("emil", PART, False)
    assert settings(town.lin) == {}
    town.pola.governance.approve(name)
    town.emil.governance.carry_out(name)
    assert settings(town.lin) == {"sort_memory": "64MB"}


def test_an_operator_writes_it_at_once(town, server):
    live_through(town, server)
    made = review(town.lin._context, ID, conclusion="keep it", keep=["sort_memory"])
    assert made.review.change.startswith("revision ")
    assert settings(town.lin) == {"sort_memory": "64MB"}


@pytest.mark.parametrize("name", ["vic", "mara"])
def test_who_may_not_propose_is_refused_and_that_is_noted(town, server, name):
    past = live_through(town, server)
    with pytest.raises(NotPermittedError, match=f"{name} may not propose a change on {NAME}"):
        getattr(town, name).overrides.review(ID, conclusion="x")
    assert past.context.store.overrides.get(ID).value.review is None
    (row,) = town.founder.audit_rows(action="gate.refused")
    assert (row.actor, row.subject) == (name, NAME)


def test_the_starter_may_and_the_post_mortem_says_so(town, server):
    past = live_through(town, server)
    assert look_back(past.context, ID).has_others
    review(town.emil._context, ID, conclusion="x")
    looked = look_back(past.context, ID)
    assert (looked.is_reviewed_by_starter, looked.has_others) == (True, True)


def test_it_is_reviewed_once(past):
    past.live_through(override())
    review(past.context, ID, conclusion="x")
    with pytest.raises(RefusedError, match="was reviewed by ada"):
        review(past.context, ID, conclusion="y")


def test_one_that_is_open_is_not_reviewed(past):
    past.keep(override())
    for state in (OverrideState.ACTIVE, OverrideState.ENDING, OverrideState.STARTING):
        past.keep(override(state=state))
        with pytest.raises(RefusedError, match="not over"):
            review(past.context, ID, conclusion="x")


def test_a_conflict_is_reviewed_like_any_other_end(past):
    past.keep(ended(override(), state=OverrideState.CONFLICT))
    assert review(past.context, ID, conclusion="x").review is not None


def test_all_faults_of_what_to_keep_are_told_and_nothing_is_written(past):
    none = Held(parameter="page_cost", ours=None, before="4", running_before="4")
    past.live_through(override(held=(*override().held, none)))
    with pytest.raises(InputErrors) as caught:
        review(past.context, ID, conclusion="x", keep=["bogus", "page_cost", "sort_memory"])
    assert [str(each).partition(" ")[0] for each in caught.value.faults] == ["'bogus'", "page_cost"]
    assert settings(past.front) == {}
    with pytest.raises(InputErrors, match="conclusion"):
        review(past.context, ID, conclusion=" ")


def test_what_cannot_be_kept_leaves_no_review_either(past):
    past.see(past.clock())
    bad = msgspec.structs.replace(override().held[0], ours="lots")
    past.live_through(override(held=(bad,)))
    with pytest.raises(InputErrors, match="sort_memory"):
        review(past.context, ID, conclusion="x", keep=["sort_memory"])
    assert past.context.store.overrides.get(ID).value.review is None


def test_of_an_instance_that_is_gone_only_who_may_everywhere_reviews(town, server):
    past = live_through(town, server)
    town.lin.remove_instance(NAME, reason="retired")
    with pytest.raises(NotPermittedError):
        review(town.vic._context, ID, conclusion="x")
    assert review(town.lin._context, ID, conclusion="x").review is not None
    assert past.context.store.verify_records().faults == ()


def test_passwords_in_words_are_masked(past):
    past.live_through(override())
    made = review(past.context, ID, conclusion="password=hunter2 was it", rule="password=hunter3")
    assert "hunter" not in str(made)
