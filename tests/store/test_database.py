from __future__ import annotations

import json
import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from setpoint.errors import InputError, StoreUnavailableError
from setpoint.policy.person import Person
from setpoint.store import Store
from setpoint.store.audit import Audit
from setpoint.store.chain import Checkpoint
from setpoint.store.database import Database
from setpoint.store.plans import Plans
from setpoint.store.schema import APPEND_ONLY, SCHEMAS, VERSION_TABLE, metadata

AT = datetime(2026, 1, 2, tzinfo=UTC)


def _triggers(connection) -> list:
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    else:
        found = connection.exec_driver_sql(
            "SELECT pg_get_triggerdef(t.oid), pg_get_functiondef(tgfoid)"
            " FROM pg_trigger t WHERE NOT tgisinternal"
        )
    return sorted(map(tuple, found))


def _schema(connection) -> str:
    from sqlalchemy import inspect

    seen = inspect(connection)
    found = {
        table: (
            [{**column, "type": str(column["type"])} for column in seen.get_columns(table)],
            seen.get_pk_constraint(table),
            sorted(seen.get_foreign_keys(table), key=str),
            sorted(seen.get_unique_constraints(table), key=str),
            sorted(seen.get_check_constraints(table), key=str),
            sorted(seen.get_indexes(table), key=str),
        )
        for table in sorted(seen.get_table_names())
        if table != VERSION_TABLE
    }
    return json.dumps(found, default=str, indent=1)


def test_a_migrated_schema_equals_a_fresh_one(where) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with Store.create(where) as store, store._database.write() as connection:
        options = {"compare_type": True, "version_table": VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        migrated = _schema(connection), _triggers(connection)
        if connection.dialect.name == "sqlite":
            for table in APPEND_ONLY:
                connection.exec_driver_sql(f"DROP TRIGGER {table}_no_update")
                connection.exec_driver_sql(f"DROP TRIGGER {table}_no_delete")
            metadata.drop_all(connection)
        else:
            metadata.drop_all(connection)
            connection.exec_driver_sql("DROP FUNCTION setpoint_append_only")
        metadata.create_all(connection)
        assert _schema(connection) == migrated[0]
        assert _triggers(connection) == migrated[1]
        assert migrated[1]


def test_an_older_store_is_brought_up_to_date_with_all_that_is_in_it(where) -> None:
    from alembic import command
    from alembic.config import Config

    database = Database(where)
    if database.is_sqlite:
        database._create_file()
    with database.write() as connection:
        config = Config()
        config.set_main_option("script_location", "setpoint.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, SCHEMAS[0])
        Audit(database).append("ann", "test", "x", {}, AT)
        Plans(database).put("1" * 64, "a", "2" * 64, b"{}", "ann", AT)
    database.close()
    with pytest.raises(StoreUnavailableError, match=r"older.*setpoint init"):
        Store.open(where)
    with Store.create(where) as store:
        assert store.audit.verify().rows == 1
        assert [plan.actor for plan in store.plans.all()] == ["ann"]
        assert len(store.id) == 32
        first = store.id
    with Store.create(where) as store:
        assert store.id == first


def test_the_code_works_with_the_newest_migration() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "setpoint.store:migrations")
    script = ScriptDirectory.from_config(config)
    assert script.get_current_head() == SCHEMAS[-1]
    assert {found.revision for found in script.walk_revisions()} == set(SCHEMAS)


def test_creating_twice_changes_nothing(store, where) -> None:
    store.audit.append("ann", "test", "x", {}, AT)
    with Store.create(where) as again:
        assert again.audit.head().seq == 1


def test_a_new_file_and_its_folders_are_the_owners_alone(tmp_path) -> None:
    place = tmp_path / "one" / "two" / "store.db"
    with Store.create(place) as store:
        store.audit.append("ann", "test", "x", {}, AT)
        for file in place.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for folder in (place.parent, place.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_commits_reach_the_disk(store) -> None:
    with store._database.write() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {} = {}"])
def test_what_is_written_stays_written(store, table, statement) -> None:
    from sqlalchemy.exc import IntegrityError

    from setpoint.config.configuration import Configuration, Instance

    configuration = Configuration(instances={"a": Instance(engine="x")})
    store.revisions.commit(configuration, base=None, author="a", reason="", at=AT)
    ann = Person(name="ann")
    store.people.put("ann", ann, version=0, actor="ann", action="person.add", detail={}, at=AT)
    store.plans.put("1" * 64, "a", "2" * 64, b"", "ann", AT)
    head = store.audit.head()
    store.audit.add_checkpoint(
        Checkpoint(store=store.id, seq=head.seq, hash=head.hash, at=AT, key="k", signature="s")
    )
    columns = {"audit": "actor", "revision": "author", "checkpoint": "key", "store": "id"}
    column = columns.get(table, "body")
    expected = pytest.raises((IntegrityError, StoreUnavailableError), match="only ever added")
    with expected, store._database.write() as connection:
        connection.exec_driver_sql(statement.format(table, column, column))


def test_a_transaction_is_all_or_nothing(store, where) -> None:
    with pytest.raises(ValueError, match="secret"):
        _append_and_fail(store)
    assert store.audit.head().seq == 0
    with store.transaction():
        store.audit.append("ann", "test", "x", {}, AT)
        store.audit.append("ann", "test", "y", {}, AT)
    with Store.open(where) as other:
        assert other.audit.head().seq == 2


def _append_and_fail(store) -> None:
    with store.transaction():
        row = store.audit.append("ann", "test", "x", {}, AT)
        assert store.audit.rows() == (row,)
        store.audit.append("ann", "test", "x", {"password": "hunter2"}, AT)


def test_a_missing_store_is_told_with_the_next_step(tmp_path) -> None:
    with pytest.raises(StoreUnavailableError, match=r"no store.*setpoint init"):
        Store.open(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_an_uninitialised_store_is_told_with_the_next_step(where) -> None:
    if "://" not in where:
        Path(where).touch()
    with pytest.raises(StoreUnavailableError, match=r"not initialised.*setpoint init"):
        Store.open(where)


@pytest.mark.parametrize(
    ("version", "says"), [("9999", "newer.*update Setpoint"), ("0000", "older.*setpoint init")]
)
def test_another_schema_is_refused(store, where, monkeypatch, version, says) -> None:
    monkeypatch.setattr("setpoint.store.database.SCHEMAS", ("0000", *SCHEMAS))
    with store._database.write() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '{version}'")
    with pytest.raises(StoreUnavailableError, match=says):
        Store.open(where)
    if version == "9999":
        with pytest.raises(StoreUnavailableError, match=says):
            Store.create(where)


def test_a_damaged_file_is_told(tmp_path) -> None:
    place = tmp_path / "store.db"
    place.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(StoreUnavailableError, match=r"damaged.*backup"):
        Store.open(place)


def test_a_locked_store_is_told(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("setpoint.store.connections.BUSY_TIMEOUT_MS", 1)
    with Store.create(tmp_path / "store.db") as store:
        holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match=r"another process.*try again"):
            store.audit.append("ann", "test", "x", {}, AT)
        holder.close()


def test_a_place_that_cannot_be_made_is_told(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError, match="cannot be made"):
        Store.create(tmp_path / "file" / "store.db")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hunter2@127.0.0.1:1/none",
        "postgresql://ann@127.0.0.1:1/none?password=hunter2",
        "postgres://ann:hunter2@127.0.0.1:1/none",
    ],
)
def test_a_password_is_never_shown(url) -> None:
    assert "hunter2" not in repr(Database(url))
    with pytest.raises(StoreUnavailableError) as caught:
        Store.open(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["mysql://ann:hunter2@h/x", "postgresql://ann:hunter2@h", "://", "http://x:y:z:hunter2@/", "sqlite://"],
)
def test_a_place_for_no_store_is_bad_input(url) -> None:
    with pytest.raises(InputError) as caught:
        Store.open(url)
    assert "hunter2" not in str(caught.value)


def test_importing_the_package_loads_no_database_client() -> None:
    import subprocess
    import sys

    clients = ("sqlalchemy", "alembic", "psycopg")
    code = f"import sys, setpoint.store; print([m for m in {clients} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


@pytest.mark.parametrize("half", ["\ud800", "x\udfff"], ids=ascii)
def test_half_a_character_is_refused_before_anything_is_kept(store, half) -> None:
    from setpoint.config.configuration import Configuration

    def commit(name: str, reason: str) -> None:
        policies = Configuration(policies={name: half})
        with store.transaction():
            store.audit.append("ann", "test", "x", {}, AT)
            store.revisions.commit(policies, base=None, author="a", reason=reason, at=AT)

    for name, reason in ((half, "x"), ("house", half)):
        with pytest.raises(InputError, match="half a character"):
            commit(name, reason)
    with pytest.raises(InputError, match="half a character"):
        store.plans.put("1" * 64, half, "", b"{}", "ann", AT)
    assert store.audit.head().seq == 0
    assert store.revisions.head() is None
    assert list(store.plans.all()) == []


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_no_row_is_put_in_anothers_place(tmp_path, verb) -> None:
    """Neither under its key nor under the number that SQLite itself gave it."""
    with Store.create(tmp_path / "store.db") as store:
        store.plans.put("1" * 64, "a", "2" * 64, b"{}", "ann", AT)
        store.plans.put("1" * 64, "a", "2" * 64, b"{2}", "bob", AT)
        assert [plan.actor for plan in store.plans.all()] == ["ann"]
    with sqlite3.connect(tmp_path / "store.db") as connection:
        for row in ("rowid, 'other', instance", "NULL, hash, instance"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
                connection.execute(
                    f"{verb} INTO plan (rowid, hash, instance, revision, body, actor, at)"
                    f" SELECT {row}, revision, body, 'eve', at FROM plan"
                )
        count = connection.execute("SELECT count(*) FROM plan WHERE actor = 'ann'").fetchone()
    connection.close()
    assert count == (1,)
