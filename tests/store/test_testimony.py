"""The journal answers only what the audit rows say: every edit of its tables is refused and found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import text

from setpoint.errors import TamperedError
from setpoint.store.records import Apply, Owned

AT = datetime(2026, 1, 2, tzinfo=UTC)
NOTHING: tuple[str, ...] = ()


def _begin(store, number: int) -> str:
    name = f"a{number}"
    at = AT + timedelta(minutes=number)
    fields = {"plan_hash": "ab" * 32, "revision": "", "actor": "ann", "host": "h", "pid": 17, "steps": 2}
    store.journal.begin(Apply(id=name, instance="shop", started_at=at, **fields))
    return name


def _step(store, name: str, ours, restore, parameter: str = "work_mem") -> None:
    owned = Owned(
        instance="shop",
        parameter=parameter,
        ours=ours,
        restore=restore,
        running_before="4MB",
        apply_id=name,
        at=AT,
    )
    store.journal.intend(name, 1, owned, at=AT)


def _apply(store, number: int, ours, restore, *, state="new", let_go=NOTHING) -> None:
    name = _begin(store, number)
    _step(store, name, ours, restore)
    outcome = {"new": "applied", "old": "undone", "mixed": "failed"}[state]
    store.journal.finish(name, outcome, state, "password=hunter2", at=AT, let_go=let_go)


def _edit(store, statement: str, **values: object) -> None:
    with store._database.write() as connection:
        connection.execute(text(statement), values)


def _is_refused(store, *reads) -> None:
    for read in reads:
        with pytest.raises(TamperedError, match=r"apply 'a\d' of 'shop' is not what the audit log says"):
            read(store.journal)
    assert store.journal.verify().faults


def _owned(journal):
    return journal.owned("shop")


def _last(journal):
    return journal.get("a2")


def _running(journal):
    return journal.unfinished("shop")


@pytest.fixture
def done(store):
    """Two applies that came to their end; what the second wrote is ours. A text of it holds a password."""
    _apply(store, 1, "host=a password=one", None)
    _apply(store, 2, ("64MB", "password=two"), "host=a password=one")
    assert store.journal.verify().applies == 2
    assert store.journal.verify().faults == ()
    return store


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'interrupted'",
        "state = 'old'",
        "step = 0",
        "steps = 7",
        "actor = 'bob'",
        "plan_hash = 'cd'",
        "message = 'no'",
        "ended_at = NULL",
        "pid = 3",
        "revision = 'x'",
    ],
)
def test_an_apply_that_was_changed_is_not_answered(done, change) -> None:
    _edit(done, f"UPDATE apply SET {change} WHERE id = 'a2'")
    _is_refused(done, _last)
    with pytest.raises(TamperedError):
        done.journal.intend("a2", 2, None, at=AT)


def test_an_apply_that_was_moved_or_taken_away_is_found(done) -> None:
    _edit(done, "UPDATE apply SET instance = 'lab' WHERE id = 'a1'")
    with pytest.raises(TamperedError, match="it never began"):
        done.journal.get("a1")
    assert any("it never began" in fault for fault in done.journal.verify().faults)
    _edit(done, "UPDATE apply SET instance = 'shop' WHERE id = 'a1'")
    assert done.journal.get("a1").outcome == "applied"
    _edit(done, "DELETE FROM ownership")
    _edit(done, "DELETE FROM apply WHERE id = 'a1'")
    assert any("'a1'" in fault and "is missing" in fault for fault in done.journal.verify().faults)


def test_what_runs_is_what_the_audit_log_left_at_work(done) -> None:
    _edit(done, "UPDATE apply SET outcome = 'running' WHERE id = 'a2'")
    _is_refused(done, _running, lambda _: _begin(done, 3))
    _edit(done, "UPDATE apply SET outcome = 'applied' WHERE id = 'a2'")
    assert done.journal.unfinished("shop") is None
    _begin(done, 3)
    _edit(done, "UPDATE apply SET outcome = 'applied' WHERE id = 'a3'")
    _is_refused(done, _running, lambda _: _begin(done, 4))
    _edit(done, "DELETE FROM apply WHERE id = 'a3'")
    _is_refused(done, _running)


@pytest.mark.parametrize(
    "bend",
    [
        {"ours": "off"},
        {"restore": "off"},
        {"running_before": "1"},
        {"apply_id": "a1"},
        {"parameter": "fsync"},
        {"instance": "lab"},
    ],
    ids=str,
)
def test_an_ownership_that_was_changed_is_not_answered(done, bend) -> None:
    (owned,) = done.journal.owned("shop")
    forged = msgspec.json.encode(msgspec.structs.replace(owned, **bend)).decode()
    _edit(done, "UPDATE ownership SET body = :body", body=forged)
    _is_refused(done, _owned)


@pytest.mark.parametrize("body", ["no JSON", "{}", "null"])
def test_an_ownership_that_cannot_be_read_is_told(done, body) -> None:
    _edit(done, "UPDATE ownership SET body = :body", body=body)
    _is_refused(done, _owned)


def test_an_ownership_taken_away_put_in_or_put_back_is_not_answered(done) -> None:
    (owned,) = done.journal.owned("shop")
    first = msgspec.structs.replace(owned, apply_id="a1", ours="host=a password=one", restore=None)
    body = msgspec.json.encode(first).decode()
    _edit(done, "UPDATE ownership SET apply_id = 'a1', body = :body", body=body)
    _is_refused(done, _owned)
    _edit(done, "DELETE FROM ownership")
    _is_refused(done, _owned)
    other = msgspec.json.encode(msgspec.structs.replace(owned, parameter="fsync")).decode()
    _edit(done, "INSERT INTO ownership VALUES ('shop', 'fsync', 'a2', :body, '[]')", body=other)
    _is_refused(done, _owned)


def test_what_an_ownership_took_the_place_of_is_not_made_up(store) -> None:
    """It would become ours, or what is put back, with an honest row in the audit log."""
    _apply(store, 1, "1GB", "64MB")
    _apply(store, 2, "2GB", "1GB", state="mixed")
    (owned,) = store.journal.owned("shop")
    evil = msgspec.structs.replace(owned, ours="2GB", restore="off", apply_id="a1")
    earlier = msgspec.json.encode([evil]).decode()
    _edit(store, "UPDATE ownership SET earlier = :earlier", earlier=earlier)
    _begin(store, 3)
    with pytest.raises(TamperedError):
        _step(store, "a3", "3GB", "2GB")
    _is_refused(store, _owned)


def test_an_edited_row_of_the_audit_log_speaks_for_nobody(done) -> None:
    with done._database.write() as connection:
        name = "audit_no_update" if connection.dialect.name == "sqlite" else "audit_append_only ON audit"
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    _edit(done, "UPDATE audit SET detail = replace(detail, 'applied', 'interrupted')")
    _edit(done, "UPDATE apply SET outcome = 'interrupted'")
    with pytest.raises(TamperedError, match="row 6 of the audit log was edited"):
        done.journal.get("a2")
    assert any("was edited" in fault for fault in done.journal.verify().faults)


def test_what_is_let_go_is_ours_no_more_and_does_not_come_back(done) -> None:
    (owned,) = done.journal.owned("shop")
    name = _begin(done, 3)
    done.journal.finish(name, "applied", "new", at=AT, let_go=["work_mem"])
    assert done.journal.owned("shop") == ()
    assert done.journal.verify().faults == ()
    body = msgspec.json.encode(owned).decode()
    _edit(done, "INSERT INTO ownership VALUES ('shop', 'work_mem', 'a2', :body, '[]')", body=body)
    _is_refused(done, _owned)


def test_an_apply_that_did_not_say_what_it_let_go_leaves_that_open(done) -> None:
    """As older ones did: what is missing since may have been let go, what is there must still be true."""
    name = _begin(done, 3)
    done.journal.finish(name, "applied", "new", at=AT)
    assert len(done.journal.owned("shop")) == 1
    _edit(done, "DELETE FROM ownership WHERE parameter = 'work_mem'")
    assert done.journal.owned("shop") == ()
    assert done.journal.verify().faults == ()
    _apply(done, 4, "1GB", "2GB", state="mixed")
    assert [owned.restore for owned in done.journal.owned("shop")] == ["2GB"]
    _apply(done, 5, "3GB", "1GB", state="old")
    assert [owned.ours for owned in done.journal.owned("shop")] == ["1GB"]
    assert done.journal.verify().faults == ()
