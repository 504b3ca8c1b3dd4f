"""The head is the revision that the audit log announced last; every other history is refused and found."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from setpoint.config.configuration import Configuration, Instance
from setpoint.errors import TamperedError

AT = datetime(2026, 1, 2, tzinfo=UTC)


def _configuration(**work_mem: str) -> Configuration:
    return Configuration(
        instances={
            name: Instance(engine="postgresql", settings={"work_mem": text})
            for name, text in work_mem.items()
        }
    )


def _commit(store, base=None, *, is_told: bool = True, **work_mem: str):
    with store.transaction():
        made = store.revisions.commit(
            _configuration(**work_mem), base=base, author="ann", reason="so", ticket="", at=AT
        )
        if is_told:
            store.audit.append("ann", "configuration.commit", "fleet", {"revision": made.id}, AT)
    return made


def _edit(store, *statements: str) -> None:
    with store._database.write() as connection:
        for table in ("audit", "revision"):
            if connection.dialect.name == "sqlite":
                for verb in ("update", "delete"):
                    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
            else:
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
        for statement in statements:
            connection.exec_driver_sql(statement)


def _is_refused(store, match: str, fault: str) -> None:
    for read in (store.revisions.head, lambda: store.revisions.get("HEAD"), lambda: _commit(store, z="9")):
        with pytest.raises(TamperedError, match=match):
            read()
    assert any(fault in each for each in store.revisions.verify().faults)


@pytest.fixture
def told(store):
    """Three heads, the last a merge, and an edit that both made alike."""
    base = _commit(store, a="1", b="1")
    _commit(store, base.id, a="2", b="1")
    merged = _commit(store, base.id, a="1", b="2")
    assert _commit(store, base.id, a="1", b="2") == merged
    assert store.revisions.head() == merged
    assert store.revisions.verify().is_intact
    return store


def test_the_newest_revision_taken_away_leaves_no_head(told) -> None:
    _edit(told, "DELETE FROM revision WHERE number = 3")
    _is_refused(told, "the head is revision", "is missing, row 4 of the audit log says it was committed")


def test_all_revisions_taken_away_leave_no_head(told) -> None:
    _edit(told, "DELETE FROM revision")
    _is_refused(told, "the head is none", "is missing")


def test_a_revision_put_in_is_no_head(told) -> None:
    head = told.revisions.head()
    _commit(told, head.id, is_told=False, a="9")
    _is_refused(told, "the head is revision", "was put in")


def test_heads_in_another_order_are_refused(told) -> None:
    _edit(
        told,
        "UPDATE revision SET number = 9 WHERE number = 3",
        "UPDATE revision SET number = 3 WHERE number = 2",
        "UPDATE revision SET number = 2 WHERE number = 9",
    )
    _is_refused(told, "the head is revision", "do not follow each other as the audit log says")


@pytest.mark.parametrize(
    "change", ["reason = 'x'", "parents = 'no JSON'", "parents = '[]'", "author = 'bob'"]
)
def test_an_edited_revision_is_not_answered(told, change) -> None:
    _edit(told, f"UPDATE revision SET {change} WHERE number IS NOT NULL AND number = 3")
    _is_refused(told, "does not match its hash", "does not match its hash")


def test_an_edited_announcement_announces_nothing(told) -> None:
    older = told.revisions.get("HEAD~1")
    _edit(
        told,
        "DELETE FROM revision WHERE number = 3",
        f'UPDATE audit SET detail = \'{{"revision":"{older.id}"}}\' WHERE seq > 2',
    )
    with pytest.raises(TamperedError, match="row 4 of the audit log was edited"):
        told.revisions.head()


def test_announcements_taken_away_leave_no_head(told) -> None:
    _edit(told, "DELETE FROM audit WHERE action = 'configuration.commit'")
    with pytest.raises(TamperedError, match="rows of it are gone"):
        told.revisions.head()


def test_where_nothing_was_ever_announced_the_head_is_the_newest(store) -> None:
    first = _commit(store, is_told=False, a="1")
    store.audit.append("ann", "test", "x", {}, AT)
    second = _commit(store, first.id, is_told=False, a="2")
    assert store.revisions.head() == second
    assert store.revisions.verify().is_intact
