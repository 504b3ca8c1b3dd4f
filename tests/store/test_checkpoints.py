"""Checkpoints: kept beside the chain, part of every export, and what the chain must pass through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.store import Store
from setpoint.store.chain import (
    START,
    AuditHead,
    Checkpoint,
    read_checkpoint,
    verify_export,
    write_checkpoint,
)

AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def _rows(store, count: int) -> None:
    for number in range(count):
        store.audit.append("ann", "test.row", "x", {"n": number}, AT)


def _sign(store, key: str = "k1", at: datetime = AT) -> Checkpoint:
    head = store.audit.head()
    made = Checkpoint(store=store.id, seq=head.seq, hash=head.hash, at=at, key=key, signature="00")
    store.audit.add_checkpoint(made)
    return made


def test_checkpoints_are_kept_once_per_row_and_key(store, where) -> None:
    assert store.audit.last_checkpoint() is None
    _rows(store, 2)
    first = _sign(store)
    _sign(store, at=AT + timedelta(hours=1))
    _rows(store, 1)
    second, other = _sign(store), _sign(store, "k2")
    with Store.open(where) as again:
        assert again.audit.checkpoints() == (first, second, other)
        assert again.audit.last_checkpoint("k1") == second
        assert again.audit.last_checkpoint("k2") == other
        assert again.audit.last_checkpoint("k3") is None
        assert again.audit.last_checkpoint() in (second, other)


def test_the_chain_passes_through_its_checkpoints(store) -> None:
    _rows(store, 3)
    made = _sign(store)
    _rows(store, 2)
    report = store.audit.verify()
    assert (report.is_intact, report.checkpoints) == (True, (made,))
    store.audit.add_checkpoint(msgspec.structs.replace(made, seq=4))
    (fault,) = store.audit.verify().faults
    assert (fault.seq, fault.kind) == (4, "edited")
    assert "checkpoint of 2026-01-02" in fault.text


def test_what_is_expected_is_told_in_its_own_words(store) -> None:
    _rows(store, 3)
    head = store.audit.head()
    assert store.audit.verify(expected=[(head, "the one"), (AuditHead(seq=0, hash=START), "x")]).is_intact
    report = store.audit.verify(expected=[(AuditHead(seq=2, hash=head.hash), "the one my aunt wrote down")])
    assert "row 2 is not the one my aunt wrote down" in report.faults[0].text
    report = store.audit.verify(expected=[(AuditHead(seq=9, hash=head.hash), "the ninth")])
    assert (report.faults[0].kind, report.faults[0].text) == ("removed", "row 9, the ninth, is missing")


def test_an_export_has_each_checkpoint_behind_its_row(store) -> None:
    _rows(store, 2)
    first = _sign(store)
    _rows(store, 2)
    second, other = _sign(store), _sign(store, "k2")
    lines = list(store.audit.export())
    assert [read_checkpoint(line) for line in lines] == [None, None, first, None, None, second, other, None]
    report = verify_export(lines)
    assert (report.is_intact, report.rows) == (True, 4)
    assert report.checkpoints == (first, second, other)
    moved = [*lines[:2], *lines[3:7], lines[2], lines[7]]
    assert "named too late" in verify_export(moved).faults[0].text
    early = [lines[2], *lines[:2], *lines[3:]]
    assert verify_export(early).is_intact


def test_the_head_follows_from_what_was_signed(store) -> None:
    nothing = AuditHead(seq=0, hash=START)
    assert store.audit.head_following(nothing) == nothing
    _rows(store, 3)
    first = store.audit.head()
    _rows(store, 3)
    assert store.audit.head_following(nothing) == store.audit.head_following(first) == store.audit.head()
    assert store.audit.head_following(store.audit.head()) == store.audit.head()
    for other in (AuditHead(seq=3, hash=START), AuditHead(seq=9, hash=first.hash)):
        assert store.audit.head_following(other) is None


@given(st.text(max_size=20), st.integers(0, 2**40), st.datetimes(timezones=st.just(UTC)))
def test_a_line_is_read_as_it_was_written_or_not_at_all(text, seq, at) -> None:
    made = Checkpoint(store=text, seq=seq, hash=text, at=at, key=text, signature=text)
    line = write_checkpoint(made)
    assert line.isascii()
    assert read_checkpoint(f"{line}\n") == made
    assert read_checkpoint(line.replace(":", ": ", 1)) is None
    assert str(seq).encode() in made.payload


@pytest.mark.parametrize(
    "line", ["", "{}", "[1]", '{"checkpoint":{}}', '{"head":{"hash":"x","seq":1}}', "\x00"]
)
def test_other_lines_are_no_checkpoints(line) -> None:
    assert read_checkpoint(line) is None
