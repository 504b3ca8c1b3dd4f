"""Notices: what of a row is told, in which words, and what is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from setpoint.policy.notice import EVENTS, MAX_DETAIL_BYTES, MAX_TEXT, URGENT, is_told, make_notice

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXTS = st.text(max_size=700)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=20,
)


def notice(event: str = "override.started", subject: str = "shop", actor: str = "lin", **detail: Any):
    return make_notice(store="5" * 32, seq=7, at=AT, event=event, subject=subject, actor=actor, detail=detail)


def test_a_sentence_says_who_did_what_where_until_when_and_why():
    made = notice(
        override="shop/o1", settings={"sort_memory": "64MB"}, until="13:00", because="reports are too slow"
    )
    assert made.text == (
        "lin started an emergency override on shop"
        " (shop/o1; sort_memory=64MB; until 13:00; because: reports are too slow)"
    )
    assert (made.id, made.is_urgent) == ("5" * 32 + "-7", False)


def test_a_body_is_the_same_bytes_each_time_and_says_which_version_it_is():
    first, second = notice(b=1, a=2), notice(a=2, b=1)
    assert first.body == second.body
    read = json.loads(first.body)
    assert read["setpoint"] == 1
    assert read["at"] == "2026-03-01T12:00:00Z"
    assert read["detail"] == {"a": 2, "b": 1}


def test_what_is_for_readers_of_the_audit_log_stays_there():
    made = notice(account="local:lin@db1", record={"digest": "0" * 64}, because="x")
    assert made.detail == {"because": "x"}


def test_what_is_too_long_is_left_in_the_audit_log():
    made = notice(because="x" * 9000, **{f"k{n}": "y" * 490 for n in range(49)})
    assert made.detail == {"is_cut": True}
    assert len(notice(because="x" * 9000).detail["because"]) == MAX_TEXT


def test_urgent_is_what_is_urgent_and_is_told():
    assert EVENTS.keys() >= URGENT
    assert all(notice(event).is_urgent is (event in URGENT) for event in EVENTS)


def test_of_a_chain_of_ends_only_what_fails_is_told():
    assert is_told("override.switch", {"links": {"reconciler": "armed", "target switch": "failed"}})
    assert is_told("override.switch", {"links": {"spool": "armed"}, "lost": {"guard process": "it died"}})
    assert is_told("override.switch", {})
    assert not is_told("override.switch", {"links": {"reconciler": "armed", "spool": "absent"}})
    assert not is_told("apply.step", {})


def test_how_late_is_said_when_it_was_late():
    assert "late" not in notice("override.ended", late_seconds=0.0).text
    assert "1.5 s late" in notice("override.ended", late_seconds=1.5).text


@given(TEXTS, TEXTS, st.dictionaries(TEXTS, JSON, max_size=8), st.sampled_from(sorted(EVENTS)))
def test_no_text_of_people_steers_what_shows_it_or_grows_without_bound(subject, actor, detail, event):
    made = make_notice(store="s", seq=1, at=AT, event=event, subject=subject, actor=actor, detail=detail)
    assert made.text.isprintable()
    assert made.subject.isprintable()
    assert len(made.body) < MAX_DETAIL_BYTES + 200 * MAX_TEXT
    assert "\n" not in made.body.decode("ascii")


@given(JSON)
def test_every_text_inside_is_printable(value):
    def check(each: Any) -> None:
        if isinstance(each, str):
            assert each.isprintable()
        elif isinstance(each, dict):
            for key, inner in each.items():
                check(key)
                check(inner)
        elif isinstance(each, list):
            for inner in each:
                check(inner)

    check(notice(value=value).detail)
