from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from setpoint.errors import HeldError, InputError, NotFoundError
from setpoint.store import Store
from setpoint.store.records import Apply, Owned

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _apply(number: int, instance: str = "shop") -> Apply:
    return Apply(
        id=f"a{number}",
        instance=instance,
        plan_hash="ab" * 32,
        revision="cd" * 32,
        actor="ann",
        host="h",
        pid=17,
        started_at=AT + timedelta(minutes=number),
        steps=2,
    )


def _owned(number: int, ours, restore, parameter: str = "work_mem", running: str = "4MB") -> Owned:
    return Owned(
        instance="shop",
        parameter=parameter,
        ours=ours,
        restore=restore,
        running_before=running,
        apply_id=f"a{number}",
        at=AT,
    )


def _run(journal, number: int, ours, restore, *, state: str = "new", running: str = "4MB") -> None:
    journal.begin(_apply(number))
    journal.intend(f"a{number}", 1, _owned(number, ours, restore, running=running), at=AT)
    outcome = {"new": "applied", "old": "undone", "mixed": "failed", "": "interrupted"}[state]
    journal.finish(f"a{number}", outcome, state, at=AT)


def test_an_apply_is_remembered_step_by_step(store, where) -> None:
    journal = store.journal
    assert journal.unfinished("shop") is None
    journal.begin(_apply(1))
    journal.intend("a1", 1, _owned(1, ("a", "b"), None), at=AT)
    with Store.open(where) as other:
        seen = other.journal.unfinished("shop")
        assert (seen.step, seen.is_step_done, seen.outcome) == (1, False, "running")
        assert other.journal.owned("shop") == (_owned(1, ("a", "b"), None),)
    journal.done("a1", 1)
    assert journal.get("a1").is_step_done
    journal.intend("a1", 2, None, at=AT, detail={"kind": "reload"})
    journal.done("a1", 1)
    assert not journal.get("a1").is_step_done
    journal.finish("a1", "applied", "new", "all well", at=AT)
    assert journal.unfinished("shop") is None
    ended = journal.get("a1")
    assert (ended.outcome, ended.state, ended.message, ended.ended_at) == ("applied", "new", "all well", AT)
    rows = store.audit.rows()
    assert [row.action for row in rows] == ["apply.begin", "apply.step", "apply.step", "apply.finish"]
    assert rows[2].detail["kind"] == "reload"
    assert rows[1].detail["ours"] == ["a", "b"]
    assert store.audit.verify().is_intact


def test_one_apply_at_a_time_and_the_other_is_told_who(store) -> None:
    store.journal.begin(_apply(1))
    with pytest.raises(HeldError, match=r"ann is applying to shop.*process 17 on h"):
        store.journal.begin(_apply(2))
    store.journal.begin(_apply(3, "other"))
    store.journal.finish("a1", "interrupted", "old", at=AT)
    store.journal.begin(_apply(4))
    assert store.journal.unfinished("shop").id == "a4"


def test_an_unknown_apply_is_refused(store) -> None:
    with pytest.raises(NotFoundError):
        store.journal.intend("nope", 1, None, at=AT)
    with pytest.raises(NotFoundError):
        store.journal.get("nope")
    assert store.audit.head().seq == 0


def test_applied_again_the_first_way_back_is_kept(store) -> None:
    _run(store.journal, 1, "1GB", "64MB")
    _run(store.journal, 2, "2GB", "1GB", running="1GB")
    (owned,) = store.journal.owned("shop")
    assert (owned.ours, owned.restore, owned.running_before, owned.apply_id) == ("2GB", "64MB", "4MB", "a2")


def test_what_a_person_wrote_in_between_is_the_new_way_back(store) -> None:
    _run(store.journal, 1, "1GB", "64MB")
    _run(store.journal, 2, "2GB", "3GB", running="3GB")
    (owned,) = store.journal.owned("shop")
    assert (owned.ours, owned.restore, owned.running_before) == ("2GB", "3GB", "3GB")


def test_undone_the_ownership_is_as_before(store) -> None:
    _run(store.journal, 1, "1GB", "64MB", state="old")
    assert store.journal.owned("shop") == ()
    _run(store.journal, 2, "1GB", "64MB")
    before = store.journal.owned("shop")
    _run(store.journal, 3, "2GB", "1GB", state="old")
    assert store.journal.owned("shop") == before


@pytest.mark.parametrize("did_happen", [True, False])
def test_after_an_intention_of_unknown_effect_the_first_way_back_is_kept(store, did_happen) -> None:
    _run(store.journal, 1, "1GB", "64MB")
    _run(store.journal, 2, "2GB", "1GB", state="mixed")
    _run(store.journal, 3, "3GB", "2GB" if did_happen else "1GB")
    (owned,) = store.journal.owned("shop")
    assert (owned.ours, owned.restore) == ("3GB", "64MB")


def test_undo_steps_of_the_same_apply_lead_back_past_it(store) -> None:
    _run(store.journal, 1, "1GB", "64MB")
    store.journal.begin(_apply(2))
    store.journal.intend("a2", 1, _owned(2, "2GB", "1GB"), at=AT)
    store.journal.intend("a2", 1, _owned(2, "1GB", "2GB"), at=AT)
    store.journal.finish("a2", "undone", "old", at=AT)
    (owned,) = store.journal.owned("shop")
    assert (owned.ours, owned.restore, owned.apply_id) == ("1GB", "64MB", "a1")


def test_what_is_let_go_is_forgotten(store) -> None:
    _run(store.journal, 1, "1GB", None)
    store.journal.begin(_apply(2))
    store.journal.finish("a2", "applied", "new", at=AT, let_go=["work_mem", "unheard_of"])
    assert store.journal.owned("shop") == ()


def test_plans_are_found_by_prefix_listed_newest_first_and_kept_as_they_were(store) -> None:
    for number, body in enumerate([b"{}", b'{"x":1}']):
        name = f"{number}" * 64
        store.plans.put(name, "shop", "cd" * 32, body, "ann", AT + timedelta(minutes=number))
    assert store.plans.get("1111").body == b'{"x":1}'
    assert [plan.hash[0] for plan in store.plans.recent("shop")] == ["1", "0"]
    store.plans.put("0" * 64, "shop", "cd" * 32, b"{2}", "bob", AT + timedelta(hours=1))
    kept = store.plans.get("0000")
    assert (kept.body, kept.actor, kept.at) == (b"{}", "ann", AT)
    assert list(store.plans.all()) == [kept, store.plans.get("1111")]
    store.plans.put("0" * 63 + "1", "shop", "cd" * 32, b"", "bob", AT)
    with pytest.raises(InputError, match="fits several"):
        store.plans.get("0000")
    for name in ("zz", "2222", ""):
        with pytest.raises(NotFoundError):
            store.plans.get(name)
