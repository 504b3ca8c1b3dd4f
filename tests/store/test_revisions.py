from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from subprocess import PIPE, Popen

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.config.fleets import configurations

from setpoint.config.configuration import Configuration, Group, Instance, Settings
from setpoint.config.revision import cut
from setpoint.errors import ConflictError, InputError, NotFoundError, TamperedError
from setpoint.store import Store

AT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def _configuration(**work_mem: str) -> Configuration:
    return Configuration(
        instances={
            name: Instance(engine="postgresql", settings={"work_mem": text})
            for name, text in work_mem.items()
        }
    )


def _commit(store, configuration, base=None, author="ann", at=AT):
    return store.revisions.commit(configuration, base=base, author=author, reason=f"by {author}", at=at)


def test_before_the_first_commit_there_is_no_head(store) -> None:
    assert store.revisions.head() is None
    assert store.revisions.log() == ()
    with pytest.raises(NotFoundError):
        store.revisions.get("HEAD")


def test_a_commit_is_the_head_and_loads_as_it_was(store, where) -> None:
    configuration = _configuration(a="1GB", b="2GB")
    revision = _commit(store, configuration)
    with Store.open(where) as other:
        assert other.revisions.head() == revision
        assert other.revisions.load(revision) == configuration
        assert other.revisions.part(revision, "instance:a") == configuration.instances["a"]
        assert other.revisions.part(revision, "instance:zz") is None
        assert other.revisions.members(revision) == cut(configuration).parts
        assert revision.root == cut(configuration).root


def test_times_are_kept_in_utc_and_naive_ones_refused(store) -> None:
    from zoneinfo import ZoneInfo

    revision = _commit(store, _configuration(a="1"), at=AT.astimezone(ZoneInfo("Asia/Tokyo")))
    assert store.revisions.head() == revision
    assert store.revisions.verify().is_intact
    with pytest.raises(ValueError, match="without a zone"):
        _commit(store, _configuration(a="2"), revision.id, at=AT.replace(tzinfo=None))


def test_a_commit_that_changes_nothing_answers_the_head(store) -> None:
    first = _commit(store, _configuration(a="1"))
    assert _commit(store, _configuration(a="1"), first.id, "bob") == first
    assert _commit(store, _configuration(a="1"), None, "bob") == first
    second = _commit(store, _configuration(a="2"), first.id)
    assert _commit(store, _configuration(a="1"), first.id, "bob") == second
    assert len(store.revisions.log()) == 2


def test_disjoint_edits_merge_and_have_two_parents(store) -> None:
    base = _commit(store, _configuration(a="1", b="1"))
    theirs = _commit(store, _configuration(a="2", b="1"), base.id, "bob")
    merged = _commit(store, _configuration(a="1", b="3"), base.id, "eve")
    assert store.revisions.load(merged) == _configuration(a="2", b="3")
    assert merged.parents[0] == theirs.id
    ours = store.revisions.get(merged.parents[1])
    assert ours.parents == (base.id,)
    assert store.revisions.load(ours) == _configuration(a="1", b="3")
    assert [revision.author for revision in store.revisions.log()] == ["eve", "bob", "ann"]
    assert store.revisions.verify().is_intact


def test_the_same_edit_made_twice_answers_the_head(store) -> None:
    base = _commit(store, _configuration(a="1"))
    theirs = _commit(store, _configuration(a="2"), base.id, "bob")
    assert _commit(store, _configuration(a="2"), base.id, "eve") == theirs


def test_overlapping_edits_name_both_and_who_made_the_other(store) -> None:
    base = _commit(store, _configuration(a="1", b="1"))
    _commit(store, _configuration(a="2", b="1"), base.id, "bob")
    with pytest.raises(ConflictError, match=r'instance:a settings.work_mem.*"3".*"2".*bob in') as caught:
        _commit(store, _configuration(a="3", b="1"), base.id, "eve")
    assert "ann in" not in str(caught.value)
    assert len(store.revisions.log()) == 2


def test_parts_come_and_go(store) -> None:
    first = _commit(store, msgspec.structs.replace(_configuration(a="1"), fleet={"postgresql": {"x": "1"}}))
    second = _commit(store, _configuration(b="1"), first.id)
    third = _commit(store, Configuration(), second.id)
    assert store.revisions.load(second) == _configuration(b="1")
    assert store.revisions.load(third) == Configuration()
    assert store.revisions.verify().is_intact


def test_a_changed_fleet_table_is_seen_even_in_place(store) -> None:
    fleet: dict[str, Settings] = {"postgresql": {"work_mem": "1"}}
    first = _commit(store, Configuration(fleet=fleet))
    fleet["postgresql"]["work_mem"] = "2"
    second = _commit(store, Configuration(fleet=fleet), first.id)
    assert second != first


def test_log_of_a_part_tells_only_its_changes(store) -> None:
    first = _commit(store, _configuration(b="1"))
    second = _commit(store, _configuration(a="1", b="1"), first.id)
    third = _commit(store, _configuration(a="1", b="2"), second.id)
    fourth = _commit(store, _configuration(a="2", b="2"), third.id)
    fifth = _commit(store, _configuration(b="2"), fourth.id)
    assert store.revisions.log(part="instance:a") == (fifth, fourth, second)
    assert store.revisions.log(2, "instance:a") == (fifth, fourth)
    assert store.revisions.log(part="instance:b") == (third, first)
    assert store.revisions.log(2) == (fifth, fourth)


def test_revisions_are_found_by_prefix_and_from_the_head(store) -> None:
    first = _commit(store, _configuration(a="1"))
    second = _commit(store, _configuration(a="2"), first.id)
    assert store.revisions.get("HEAD") == store.revisions.get("HEAD~0") == second
    assert store.revisions.get("HEAD~1") == first
    assert store.revisions.get(first.short_id) == first
    for name in ("HEAD~2", "abc", "zzzz", "", "%%%%", "0" * 64):
        with pytest.raises(NotFoundError):
            store.revisions.get(name)


def test_a_prefix_of_several_is_refused(store) -> None:
    from setpoint.store.schema import revisions

    first = _commit(store, _configuration(a="1"))
    with store._database.write() as connection:
        row = connection.execute(revisions.select()).mappings().one()
        connection.execute(revisions.insert().values({**row, "id": first.id[:60] + "abcd", "number": None}))
    with pytest.raises(InputError, match="fits several"):
        store.revisions.get(first.id[:8])


def test_verification_finds_what_was_changed_behind_our_back(store, where) -> None:
    first = _commit(store, _configuration(a="1"))
    _commit(store, _configuration(a="2"), first.id)
    with store._database.write() as connection:
        _drop_guards(connection)
        connection.exec_driver_sql("UPDATE revision SET author = 'mallory' WHERE number = 1")
    assert f"revision {first.short_id} does not match its hash" in store.revisions.verify().faults
    with store._database.write() as connection:
        digest = cut(_configuration(a="1")).parts["instance:a"]
        from sqlalchemy import update

        from setpoint.store.schema import objects

        connection.execute(update(objects).where(objects.c.hash == digest).values(body=b"{}"))
    assert f"object {digest[:12]} does not match its hash" in store.revisions.verify().faults
    with Store.open(where) as other, pytest.raises(TamperedError, match="does not match"):
        other.revisions.load(first)


def _drop_guards(connection) -> None:
    if connection.dialect.name == "sqlite":
        for table in ("audit", "revision", "object"):
            for verb in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER {table}_no_{verb}")
    else:
        for table in ("audit", "revision", "object"):
            connection.exec_driver_sql(f"DROP TRIGGER {table}_append_only ON {table}")


NAMES = st.text(min_size=1, max_size=8).filter(lambda text: "\x00" not in text)
TEXTS = st.text(max_size=8)
SETTINGS = st.dictionaries(
    NAMES, st.one_of(st.none(), TEXTS, st.lists(TEXTS, max_size=3).map(tuple)), max_size=3
)
CONFIGURATIONS = st.builds(
    Configuration,
    fleet=st.dictionaries(NAMES, SETTINGS, max_size=2),
    groups=st.dictionaries(NAMES, st.builds(Group, engine=TEXTS, settings=SETTINGS), max_size=2),
    instances=st.dictionaries(NAMES, st.builds(Instance, engine=TEXTS, settings=SETTINGS), max_size=4),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(CONFIGURATIONS, min_size=1, max_size=3))
def test_whatever_is_committed_comes_back(store, where, steps) -> None:
    for number, configuration in enumerate(steps):
        head = store.revisions.head()
        revision = _commit(store, configuration, head.id if head else None, at=AT + timedelta(seconds=number))
        assert store.revisions.load(revision) == configuration
        assert revision.root == cut(configuration).root
    with Store.open(where) as other:
        assert other.revisions.load(other.revisions.get("HEAD")) == steps[-1]
        assert other.revisions.verify().is_intact


_WRITER = """
import sys
from datetime import UTC, datetime
import msgspec
from setpoint.config.configuration import Configuration, Instance
from setpoint.store import Store

where, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Store.open(where) as store:
    for number in range(count):
        head = store.revisions.head()
        old = store.revisions.load(head)
        new = {**old.instances, f"{name}{number}": Instance(engine="postgresql")}
        with store.transaction():
            revision = store.revisions.commit(msgspec.structs.replace(old, instances=new),
                base=head.id, author=name, reason="", at=datetime.now(UTC))
            store.audit.append(name, "commit", revision.id, {}, datetime.now(UTC))
"""


def test_two_processes_committing_at_once_lose_nothing(store, where) -> None:
    _commit(store, _configuration(a="1"))
    writers = [
        Popen([sys.executable, "-c", _WRITER, where, name, "12"], stderr=PIPE, text=True)
        for name in ("x", "y")
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
    names = store.revisions.load(store.revisions.get("HEAD")).instances.keys()
    assert names == {"a", *(f"{name}{number}" for name in "xy" for number in range(12))}
    assert store.revisions.verify().is_intact
    assert store.audit.verify().is_intact
    assert store.audit.head().seq == 24


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=configurations(), second=configurations())
def test_any_configuration_is_kept_and_answered_whole(tmp_path_factory, first, second) -> None:
    where = tmp_path_factory.mktemp("any") / "store.db"
    with Store.create(where) as store:
        one = store.revisions.commit(first, base=None, author="a", reason="", at=AT)
        two = store.revisions.commit(second, base=one.id, author="a", reason="", at=AT)
    with Store.open(where) as store:
        assert store.revisions.load(two) == second
        assert store.revisions.load(one) == first
        for name, text in second.policies.items():
            assert store.revisions.part(two, f"policy:{name}") == text
        assert store.revisions.verify().is_intact
