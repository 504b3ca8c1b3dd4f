"""Registers: versions that follow each other, announced in the audit log; every way to bend them is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import delete, insert, select, update

from setpoint.config.revision import content_hash
from setpoint.errors import ConflictError, NotFoundError, TamperedError
from setpoint.policy.person import Grant, Person, Role
from setpoint.store import Store
from setpoint.store.schema import audit, records

AT = datetime(2026, 1, 2, tzinfo=UTC)
OPERATOR = (Grant(role=Role.OPERATOR),)


def _put(store, name: str, version: int = 0, **fields):
    return store.people.put(
        name,
        Person(name=name, **fields),
        version=version,
        actor="root",
        action="person.add" if version == 0 else "person.change",
        detail={"reason": "because"},
        at=AT + timedelta(minutes=version),
    )


def _unguard(connection) -> None:
    for table in ("record", "audit"):
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"DROP TRIGGER {table}_no_update")
            connection.exec_driver_sql(f"DROP TRIGGER {table}_no_delete")
        else:
            connection.exec_driver_sql(f"DROP TRIGGER {table}_append_only ON {table}")


@pytest.fixture
def bent(store):
    """A store with three people in four versions, whose guards somebody took away."""
    _put(store, "ann")
    _put(store, "bob")
    _put(store, "ann", 1, grants=OPERATOR)
    store.audit.append("root", "test", "x", {}, AT)
    _put(store, "cy")
    with store._database.write() as connection:
        _unguard(connection)
    return store


def _everything_refuses(store, *names: str, match: str) -> None:
    for name in names:
        with pytest.raises(TamperedError, match=match):
            store.people.get(name)
        with pytest.raises(TamperedError, match=match):
            store.people.history(name)
        with pytest.raises(TamperedError, match=match):
            _put(store, name, 1)
    with pytest.raises(TamperedError, match=match):
        store.people.all()
    assert store.verify_records().faults


def test_versions_follow_each_other(store, where) -> None:
    first = _put(store, "ann")
    second = _put(store, "ann", first.version, grants=OPERATOR)
    assert (first.version, second.version) == (1, 2)
    with Store.open(where) as other:
        assert other.people.get("ann") == second
        assert other.people.history("ann") == (first, second)
        assert other.people.all() == {"ann": second}
        assert other.people.find("bob") is None
        assert other.tokens.all() == {}
        with pytest.raises(NotFoundError, match="no person 'bob'"):
            other.people.get("bob")
    report = store.verify_records()
    assert (report.records, report.faults) == (2, ())


def test_a_version_is_announced_in_the_audit_log(store) -> None:
    _put(store, "ann")
    row = store.audit.rows()[0]
    assert (row.actor, row.action, row.subject) == ("root", "person.add", "person:ann")
    body = msgspec.json.encode(Person(name="ann"), order="deterministic")
    named = {"kind": "person", "id": "ann", "version": 1, "digest": content_hash(body)}
    assert row.detail == {"reason": "because", "record": {**named, "nth": 1}}
    store.people.put(
        "bob", Person(name="bob"), version=0, actor="r", action="a", detail={}, at=AT, subject="shop"
    )
    assert store.audit.rows(newest_first=True)[0].subject == "shop"


@pytest.mark.parametrize(
    ("version", "match"), [(0, "there already"), (1, "changed meanwhile"), (3, "meanwhile")]
)
def test_a_version_that_does_not_follow_is_refused(store, version, match) -> None:
    _put(store, "ann")
    _put(store, "ann", 1)
    with pytest.raises(ConflictError, match=match):
        _put(store, "ann", version)
    with pytest.raises(ConflictError, match="not there"):
        _put(store, "bob", 1)
    assert store.audit.head().seq == 2


def test_a_record_is_written_with_its_row_or_not_at_all(store) -> None:
    with pytest.raises(ValueError, match="secret"):
        store.people.put(
            "ann", Person(name="ann"), version=0, actor="r", action="a", detail={"token": "x"}, at=AT
        )
    with pytest.raises(ValueError, match="secret"):
        _put_and_fail(store)
    assert (store.audit.head().seq, store.people.all()) == (0, {})


def _put_and_fail(store) -> None:
    with store.transaction():
        _put(store, "ann")
        store.audit.append("r", "test", "x", {"password": "hunter2"}, AT)


def test_nobody_else_announces_records(store) -> None:
    for detail in ({"record": {"kind": "person"}}, {"deep": [{"record": {}}]}):
        with pytest.raises(ValueError, match="only a register"):
            store.audit.append("ann", "test", "x", detail, AT)
    told = {"reason": '"record":{', "record": "a word"}
    assert store.audit.append("ann", "test", "x", told, AT).detail == told
    assert store.people.all() == {}


def test_an_edited_record_is_found(bent) -> None:
    forged = msgspec.json.encode(Person(name="ann", grants=(Grant(role=Role.ADMINISTRATOR),)))
    with bent._database.write() as connection:
        connection.execute(update(records).where(records.c.id == "ann").values(body=forged))
    _everything_refuses(bent, "ann", match="edited")
    assert bent.people.get("bob").value.name == "bob"


def test_a_record_edited_with_its_digest_is_found(bent) -> None:
    forged = msgspec.json.encode(Person(name="ann", grants=(Grant(role=Role.ADMINISTRATOR),)))
    values = {"body": forged, "digest": content_hash(forged)}
    with bent._database.write() as connection:
        connection.execute(update(records).where(records.c.id == "ann").values(values))
    _everything_refuses(bent, "ann", match="not what row")


def test_a_record_edited_with_its_audit_row_is_found(bent) -> None:
    forged = msgspec.json.encode(Person(name="bob", grants=(Grant(role=Role.ADMINISTRATOR),)))
    with bent._database.write() as connection:
        old = connection.execute(select(records.c.digest).where(records.c.id == "bob")).scalar_one()
        detail = connection.execute(select(audit.c.detail).where(audit.c.seq == 2)).scalar_one()
        changed = detail.replace(old, content_hash(forged))
        connection.execute(update(audit).where(audit.c.seq == 2).values(detail=changed))
        values = {"body": forged, "digest": content_hash(forged)}
        connection.execute(update(records).where(records.c.id == "bob").values(values))
    _everything_refuses(bent, "bob", match="announces")


@pytest.mark.parametrize(("name", "version"), [("ann", 2), ("ann", 1), ("cy", 1)])
def test_a_version_taken_away_is_found(bent, name, version) -> None:
    with bent._database.write() as connection:
        connection.execute(delete(records).where(records.c.id == name, records.c.version == version))
    _everything_refuses(bent, "ann", "bob", match="taken away")
    lost = f"record (kind 'person' id '{name}' version {version}) is missing"
    assert any(lost in fault for fault in bent.verify_records().faults)


def test_all_records_taken_away_do_not_leave_an_empty_register(bent) -> None:
    with bent._database.write() as connection:
        connection.execute(delete(records))
    _everything_refuses(bent, "ann", match="taken away")


def test_a_made_up_record_is_found(store) -> None:
    store.audit.append("root", "test", "x", {}, AT)
    body = msgspec.json.encode(Person(name="eve", grants=(Grant(role=Role.ADMINISTRATOR),)))
    row = {"kind": "person", "id": "eve", "version": 1, "body": body, "digest": content_hash(body)}
    with store._database.write() as connection:
        connection.execute(insert(records).values({**row, "seq": 1, "at": AT}))
    _everything_refuses(store, "eve", match="behind the audit log")


def test_a_record_moved_to_another_name_is_found(bent) -> None:
    with bent._database.write() as connection:
        connection.execute(update(records).where(records.c.id == "ann").values(id="eve"))
    _everything_refuses(bent, "eve", match="not what row")


def test_a_later_version_put_before_an_earlier_one_is_found(bent) -> None:
    with bent._database.write() as connection:
        for old, new in ((1, 3), (2, 1)):
            is_it = (records.c.id == "ann") & (records.c.version == old)
            connection.execute(update(records).where(is_it).values(version=new))
    _everything_refuses(bent, "ann", match="not what row")


def test_a_record_taken_away_with_the_row_that_announced_it_is_missed_at_once(store) -> None:
    for name in ("ann", "bob", "cec"):
        _put(store, name)
    with store._database.write() as connection:
        _unguard(connection)
        connection.execute(delete(records).where(records.c.id == "bob"))
        connection.execute(delete(audit).where(audit.c.subject == "person:bob"))
    for read in (store.tokens.all, lambda: store.people.find("ann")):
        with pytest.raises(TamperedError, match="behind the audit log's back"):
            read()


def test_rows_of_a_store_that_did_not_number_its_records_count_as_they_did(store, monkeypatch) -> None:
    announce = store.audit.announce

    def as_before(*given):
        *told, record, at = given
        return announce(*told, {key: record[key] for key in record if key != "nth"}, at)

    monkeypatch.setattr(store.audit, "announce", as_before)
    for name in ("ann", "bob"):
        _put(store, name)
    monkeypatch.undo()
    assert set(store.people.all()) == {"ann", "bob"}
    _put(store, "cec")
    assert [row.detail["record"].get("nth") for row in store.audit.rows()] == [None, None, 3]
    assert store.verify_records().faults == ()
    assert set(store.people.all()) == {"ann", "bob", "cec"}
