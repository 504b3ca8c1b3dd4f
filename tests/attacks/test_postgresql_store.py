"""The same from behind on a store in PostgreSQL: triggers refuse, and without them the edit is found."""

from __future__ import annotations

from itertools import count

import psycopg
import pytest
from tests.attacks.scene import SHOP

from setpoint.errors import TamperedError

_NUMBERS = count(1)


@pytest.fixture
def place(postgresql, tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("SETPOINT_KEYS", str(tmp_path / "keys"))
    name = f"attacked_{next(_NUMBERS)}"
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        info = connection.info
        return f"postgresql://{info.user}@/{name}?host={info.host}&port={info.port}"


@pytest.fixture
def behind(town, place):
    """A connection beside Setpoint's."""
    town.approved(durable="off")
    with psycopg.connect(place, autocommit=True) as connection:
        yield connection


TABLES = ["audit", "revision", "object", "record", "plan", "store"]


@pytest.mark.parametrize("table", TABLES)
def test_the_database_itself_refuses(behind, table):
    key = behind.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s LIMIT 1", [table]
    ).fetchone()[0]
    for statement in (
        f"UPDATE {table} SET {key} = {key}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation, match="only ever added"):
            behind.execute(statement.encode())


@pytest.mark.parametrize(
    ("table", "edit", "match"),
    [
        ("plan", "UPDATE plan SET body = decode(replace(encode(body, 'escape'), 'off', 'on'), 'escape')",
         "was changed after it was made"),
        ("record", "UPDATE record SET body = convert_to('{}', 'UTF8') WHERE kind = 'change'",
         "was edited|is not what"),
        ("record", "DELETE FROM record WHERE kind = 'change'", "behind the audit log's back"),
    ],
    ids=["plan", "approval", "approval taken away"],
)  # fmt: skip
def test_what_was_edited_is_not_believed_and_is_found(town, behind, table, edit, match):
    made = town.olaf.plan(SHOP).plan
    behind.execute(f"DROP TRIGGER {table}_append_only ON {table}".encode())
    behind.execute(edit.encode())
    with town.refused(match, TamperedError):
        town.olaf.apply(made)
    assert not town.founder.verify_audit().is_intact


def test_an_edited_row_of_the_audit_log_is_found(town, behind):
    behind.execute(b"DROP TRIGGER audit_append_only ON audit")
    behind.execute(b"UPDATE audit SET actor = 'mara' WHERE seq = 3")
    assert [fault.seq for fault in town.founder.verify_audit().faults] == [3]


@pytest.mark.parametrize(
    "text", ["\x00", "a\x00b", "\ud800", "'; DROP TABLE record; --", "\\", "%s %(x)s {0}"], ids=ascii
)
def test_a_hostile_text_is_kept_as_one_or_refused_in_words(town, text):
    """What a database cannot hold is refused by us with a sentence, not by its client with a trace."""
    from setpoint.errors import SetpointError

    before = town.state()
    try:
        town.olaf.change_settings(
            "instance:lab", {"sort_memory": "8MB"}, reason=f"x{text}", ticket=f"x{text}"
        )
    except SetpointError as told:
        assert told.what  # noqa: PT017 - kept or refused in words, nothing else
        assert town.state() == before
    else:
        assert town.founder.verify_audit().is_intact
        assert town.olaf.history(limit=1)[0].reason == f"x{text}"
