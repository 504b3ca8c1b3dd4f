from __future__ import annotations

import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from subprocess import PIPE, Popen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from setpoint.store import Store
from setpoint.store.chain import START, AuditHead, AuditRow, verify_export
from setpoint.store.schema import audit, audit_head

AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
ROWS = 7


def _fill(store, count: int = ROWS) -> None:
    for number in range(1, count + 1):
        store.audit.append("ann", "test.row", f"i{number % 2}", {"n": number}, AT + timedelta(seconds=number))


def _unguard(connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        connection.exec_driver_sql("DROP TRIGGER audit_no_delete")
    else:
        connection.exec_driver_sql("DROP TRIGGER audit_append_only ON audit")


@pytest.fixture
def open_log(store):
    """A store whose log somebody has taken the guards from."""
    _fill(store)
    with store._database.write() as connection:
        _unguard(connection)
    return store


def _named(report) -> set[int]:
    return {seq for fault in report.faults for seq in range(fault.seq, fault.through + 1)}


def test_rows_are_numbered_and_chained(store) -> None:
    first = store.audit.append("ann", "a.b", "x", {"n": 1, "list": [1, "two"]}, AT)
    second = store.audit.append("bob", "a.c", "y", {}, AT)
    assert (first.seq, first.previous, second.seq, second.previous) == (1, START, 2, first.hash)
    assert store.audit.rows() == (first, second)
    assert store.audit.head() == AuditHead(seq=2, hash=second.hash)
    report = store.audit.verify()
    assert (report.is_intact, report.rows, report.faults) == (True, 2, ())


def test_an_empty_log_is_intact(store) -> None:
    assert store.audit.verify().is_intact
    assert verify_export(store.audit.export()).is_intact


def test_rows_can_be_chosen(store) -> None:
    _fill(store)
    assert [row.seq for row in store.audit.rows(subject="i1", newest_first=True, limit=2)] == [7, 5]
    assert [row.seq for row in store.audit.rows(after_seq=5, action="test.")] == [6, 7]
    assert store.audit.rows(action="tes_") == ()


def test_the_hash_can_be_computed_by_anybody(store) -> None:
    _fill(store, 2)
    line = json.loads(next(iter(store.audit.export())))
    claimed = line.pop("hash")
    assert sha256(json.dumps(line, sort_keys=True, separators=(",", ":")).encode()).hexdigest() == claimed


@pytest.mark.parametrize(
    "key", ["password", "db_password", "api_key", "API-Key", "token", "client_secret", "pgpassword"]
)
def test_secrets_are_refused_loudly(store, key) -> None:
    with pytest.raises(ValueError, match="secret"):
        store.audit.append("ann", "test", "x", {"deep": [{key: "hunter2"}]}, AT)
    assert store.audit.head().seq == 0


@pytest.mark.parametrize("key", ["password_encryption", "ssl_passphrase_command", "tokens", "monkey"])
def test_names_of_parameters_are_no_secrets(store, key) -> None:
    assert store.audit.append("ann", "test", "x", {key: "md5"}, AT).detail == {key: "md5"}


@pytest.mark.parametrize(
    "text",
    [
        "host=a password=hunter2 user=b",
        "postgresql://ann:hunter2@h/x",
        "password = 'hunter2'",
        "password='it''s hunter2' user=b",
        "PASSWORD=hunter2",
    ],
)
def test_passwords_inside_texts_are_masked(store, text) -> None:
    store.audit.append("ann", "test", "x", {"primary_conninfo": [text]}, AT)
    assert "hunter2" not in "".join(store.audit.export())


def test_control_characters_are_kept_escaped(store) -> None:
    store.audit.append("a\x1b[2J\x00nn", "t\n", "x\u202ey\udc80", {"k\x07": "v\x00\x1b\n"}, AT)
    for line in store.audit.export():
        assert line.isprintable()
    with store._database.read() as connection:
        for value in connection.execute(select(audit)).one():
            assert not isinstance(value, str) or value.isprintable()
    assert store.audit.verify().is_intact
    assert store.audit.rows()[0].actor == r"a\u001b[2J\u0000nn"


def test_naive_times_and_nonsense_numbers_are_refused(store) -> None:
    with pytest.raises(ValueError, match="zone"):
        store.audit.append("ann", "test", "x", {}, AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="JSON"):
        store.audit.append("ann", "test", "x", {"n": float("nan")}, AT)


@pytest.mark.parametrize("column", ["actor", "action", "subject", "detail", "at", "previous", "hash"])
@pytest.mark.parametrize("seq", [1, 4, ROWS])
def test_an_edited_row_is_found(open_log, column, seq) -> None:
    value = AT + timedelta(days=1) if column == "at" else '{"n": 8}' if column == "detail" else "f" * 64
    with open_log._database.write() as connection:
        connection.execute(update(audit).where(audit.c.seq == seq).values({column: value}))
    report = open_log.audit.verify()
    assert seq in _named(report)
    assert {fault.kind for fault in report.faults} == {"edited"}
    assert seq in _named(verify_export(open_log.audit.export()))


@pytest.mark.parametrize("seqs", [[1], [4], [ROWS], [3, 4, 5], [5, 6, 7], [1, 2], list(range(1, ROWS + 1))])
def test_removed_rows_are_found_and_named(open_log, seqs) -> None:
    with open_log._database.write() as connection:
        connection.execute(delete(audit).where(audit.c.seq.in_(seqs)))
    for report in (open_log.audit.verify(), verify_export(open_log.audit.export())):
        assert [fault.kind for fault in report.faults] == ["removed"]
        assert _named(report) == set(seqs)


def test_a_removed_tail_with_its_head_is_found_by_a_noted_head(open_log) -> None:
    noted = open_log.audit.head()
    with open_log._database.write() as connection:
        connection.execute(delete(audit).where(audit.c.seq > 5))
        kept = connection.execute(select(audit.c.hash).where(audit.c.seq == 5)).scalar_one()
        connection.execute(update(audit_head).values(seq=5, hash=kept))
    assert open_log.audit.verify().is_intact
    report = open_log.audit.verify(noted=noted)
    assert _named(report) == {ROWS}
    assert not verify_export(open_log.audit.export(), noted=noted).is_intact


def test_a_noted_head_that_was_passed_is_fine(store) -> None:
    _fill(store, 3)
    noted = store.audit.head()
    _fill(store, 2)
    assert store.audit.verify(noted=noted).is_intact
    assert store.audit.verify(noted=AuditHead(seq=0, hash=START)).is_intact


def test_a_row_hashed_anew_is_found_by_its_successor(open_log) -> None:
    with open_log._database.write() as connection:
        row = connection.execute(select(audit).where(audit.c.seq == 4)).mappings().one()
        forged = _hashed(AuditRow(**{**row, "actor": "mallory", "detail": json.loads(row["detail"])}))
        changes = {"actor": "mallory", "hash": forged}
        connection.execute(update(audit).where(audit.c.seq == 4).values(changes))
    assert _named(open_log.audit.verify()) == {4}


def test_an_added_tail_is_found(open_log) -> None:
    with open_log._database.write() as connection:
        row = connection.execute(select(audit).where(audit.c.seq == ROWS)).mappings().one()
        forged = AuditRow(
            **{**row, "seq": 8, "previous": row["hash"], "hash": "", "detail": json.loads(row["detail"])}
        )
        new = {**row, "seq": 8, "previous": row["hash"], "hash": _hashed(forged)}
        connection.execute(insert(audit).values(new))
    assert _named(open_log.audit.verify()) == {8}


def _hashed(row: AuditRow) -> str:
    fields = {name: getattr(row, name) for name in row.__struct_fields__ if name != "hash"}
    fields["at"] = row.at.isoformat(timespec="microseconds")
    return sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@pytest.mark.parametrize(("left", "right"), [(2, 5), (3, 4), (1, ROWS)])
def test_exchanged_rows_are_found_and_named(open_log, left, right) -> None:
    with open_log._database.write() as connection:
        for old, new in ((left, -1), (right, left), (-1, right)):
            connection.execute(update(audit).where(audit.c.seq == old).values(seq=new))
    report = open_log.audit.verify()
    assert {left, right} <= _named(report)
    assert {fault.seq for fault in report.faults if fault.kind == "reordered"} == {left, right}


LINES = 9


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> list[str]:
    with Store.create(tmp_path_factory.mktemp("log") / "store.db") as store:
        _fill(store, LINES)
        return list(store.audit.export())


@settings(deadline=None)
@given(seq=st.integers(1, LINES), data=st.data())
def test_any_edit_of_an_export_is_found(exported, seq, data) -> None:
    lines = list(exported)
    line = lines[seq - 1]
    place = data.draw(st.integers(0, len(line) - 1))
    char = data.draw(st.characters(exclude_characters=[line[place], "\n", "\r"], codec="utf-8"))
    lines[seq - 1] = line[:place] + char + line[place + 1 :]
    report = verify_export(lines)
    assert not report.is_intact
    assert seq in _named(report)


@given(seq=st.integers(1, LINES))
def test_any_removed_line_is_found(exported, seq) -> None:
    report = verify_export(exported[: seq - 1] + exported[seq:])
    assert (_named(report), {fault.kind for fault in report.faults}) == ({seq}, {"removed"})


@given(pair=st.lists(st.integers(1, LINES), min_size=2, max_size=2, unique=True))
def test_any_exchange_of_lines_is_found(exported, pair) -> None:
    left, right = pair
    lines = list(exported)
    lines[left - 1], lines[right - 1] = lines[right - 1], lines[left - 1]
    report = verify_export(lines)
    assert set(pair) <= _named(report)
    assert "reordered" in {fault.kind for fault in report.faults}


@given(seq=st.integers(1, LINES), place=st.integers(0, LINES))
def test_any_doubled_line_is_found(exported, seq, place) -> None:
    lines = [*exported[:place], exported[seq - 1], *exported[place:]]
    report = verify_export(lines)
    assert seq in _named(report)


def test_an_export_without_its_last_line_is_found(exported) -> None:
    assert _named(verify_export(exported[:-1])) == {LINES + 1}
    assert _named(verify_export([*exported, "nonsense"])) == {LINES + 1}


_WRITER = """
import sys
from datetime import UTC, datetime
from setpoint.store import Store
with Store.open(sys.argv[1]) as store:
    print("open", flush=True)
    for number in range(int(sys.argv[3])):
        with store.transaction():
            store.audit.append(sys.argv[2], "test", "x", {"n": number}, datetime.now(UTC))
            store.audit.append(sys.argv[2], "test", "y", {"n": number}, datetime.now(UTC))
        print(number, flush=True)
"""


def _writer(where: str, name: str, count: int) -> Popen[str]:
    return Popen(
        [sys.executable, "-c", _WRITER, where, name, str(count)], stdout=PIPE, stderr=PIPE, text=True
    )


def test_two_processes_appending_at_once_lose_nothing(store, where) -> None:
    writers = [_writer(where, name, 40) for name in ("x", "y")]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
    assert store.audit.head().seq == 160
    assert store.audit.verify().is_intact


def test_a_killed_writer_leaves_an_intact_chain(store, where) -> None:
    for round_number in range(1, 4):
        before = store.audit.head().seq
        writer = _writer(where, "x", 100_000)
        lines = [writer.stdout.readline() for _ in range(5 * round_number)]
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        promised = int(lines[-1]) + 1
        report = store.audit.verify()
        assert report.is_intact
        assert report.rows >= before + 2 * promised
        assert report.rows % 2 == 0
    store.audit.append("ann", "test", "x", {}, AT)
    assert store.audit.verify().is_intact


def test_times_that_run_backwards_are_told_and_no_fault(store) -> None:
    for minutes in (0, 30, 26, 60, 20, 22, 70):
        store.audit.append("ann", "test", "x", {}, AT + timedelta(minutes=minutes))
    report = store.audit.verify()
    assert report.is_intact
    assert report.warnings == ("the time of row 5 is 0:40:00 before that of a row before it",)


def test_a_clock_that_creeps_back_is_told_once_it_is_far_enough(store) -> None:
    for minutes in range(12):
        store.audit.append("ann", "test", "x", {}, AT - timedelta(minutes=minutes))
    assert [text.split()[4] for text in store.audit.verify().warnings] == ["7"]


def test_many_places_where_times_run_backwards_are_counted() -> None:
    from setpoint.store.clock import Clock

    clock = Clock()
    for seq in range(1, 301):
        clock.add(seq, (AT + timedelta(hours=seq % 2)).isoformat(timespec="microseconds"))
    assert len(clock.warnings) == 101
    assert clock.warnings[-1] == "and so at 50 more rows"
