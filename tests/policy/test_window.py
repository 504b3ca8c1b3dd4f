"""Windows on days when clocks jump, across midnight, and freezes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.policy.rules import Freeze, Window
from setpoint.policy.window import is_frozen, is_open, next_opening, shown

BERLIN = "Europe/Berlin"


def window(opens: str, closes: str, **more) -> Window:
    return Window(id="w", opens=time.fromisoformat(opens), closes=time.fromisoformat(closes), **more)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_window_is_open_from_its_opening_until_before_its_closing():
    given_ = window("02:00", "05:00")
    moments = ["2026-06-03T01:59:59", "2026-06-03T02:00", "2026-06-03T04:59:59", "2026-06-03T05:00"]
    assert [is_open(given_, utc(each)) for each in moments] == [False, True, True, False]


def test_a_window_that_closes_before_it_opens_ends_on_the_day_after_the_one_it_names():
    friday_night = window("22:00", "04:00", days=("fri",))
    expected = {
        "2026-06-05T21:59": False,  # Friday
        "2026-06-05T22:00": True,
        "2026-06-06T03:59": True,
        "2026-06-06T04:00": False,
        "2026-06-06T22:00": False,
        "2026-06-05T03:00": False,
    }
    assert {text: is_open(friday_night, utc(text)) for text in expected} == expected
    until_midnight = window("22:00", "00:00", days=("fri",))
    assert is_open(until_midnight, utc("2026-06-05T23:59"))
    assert not is_open(until_midnight, utc("2026-06-06T00:00"))


def test_days_are_those_of_the_zone():
    kiritimati = window("00:00", "06:00", days=("mon",), zone="Pacific/Kiritimati")  # UTC+14
    assert is_open(kiritimati, utc("2026-06-07T11:00"))  # Sunday in Greenwich
    assert not is_open(kiritimati, utc("2026-06-08T11:00"))


@pytest.mark.parametrize(
    ("opens", "closes", "spans"),
    [
        # 2026-03-29: 02:00 CET is followed by 03:00 CEST, at 01:00 UTC.
        ("01:00", "02:00", ("00:00", "01:00")),
        ("01:00", "02:30", ("00:00", "01:00")),
        ("02:30", "05:00", ("01:00", "03:00")),
        ("02:00", "03:30", ("01:00", "01:30")),
        ("03:00", "04:00", ("01:00", "02:00")),
    ],
)
def test_where_clocks_jump_over_a_time_it_comes_with_the_jump(opens, closes, spans):
    assert _span(window(opens, closes, zone=BERLIN), "2026-03-29") == spans


def test_a_window_within_the_jump_does_not_open_that_day():
    assert _span(window("02:10", "02:50", zone=BERLIN), "2026-03-29") is None


@pytest.mark.parametrize(
    ("opens", "closes", "spans"),
    [
        # 2026-10-25: 03:00 CEST is followed by 02:00 CET, at 01:00 UTC.
        ("01:00", "02:30", ("23:00", "00:30")),
        ("02:00", "03:00", ("00:00", "02:00")),
        ("02:30", "04:00", ("00:30", "03:00")),
        ("03:00", "04:00", ("02:00", "03:00")),
    ],
)
def test_where_clocks_show_a_time_twice_the_first_counts(opens, closes, spans):
    assert _span(window(opens, closes, zone=BERLIN), "2026-10-25") == spans


def test_a_day_that_a_place_skipped_has_no_window():
    # Apia went from 2011-12-29 to 2011-12-31.
    given_ = window("08:00", "18:00", zone="Pacific/Apia", days=("fri",))
    moment = utc("2011-12-29T00:00")
    assert not any(is_open(given_, moment + timedelta(minutes=each)) for each in range(0, 3 * 1440, 10))


def _span(given_: Window, day: str) -> tuple[str, str] | None:
    """Answer when a window is open around a local day, minute by minute, as UTC times."""
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(given_.zone)).astimezone(UTC)
    minutes = [begin + timedelta(minutes=each) for each in range(24 * 60)]
    opened = [moment for moment in minutes if is_open(given_, moment)]
    if not opened:
        return None
    assert opened[-1] - opened[0] == timedelta(minutes=len(opened) - 1), "a window is one span"
    return f"{opened[0]:%H:%M}", f"{opened[-1] + timedelta(minutes=1):%H:%M}"


def test_the_next_opening_is_the_first_of_all_and_not_one_that_is_over():
    sunday = window("02:00", "05:00", days=("sun",))
    nightly = window("23:00", "23:30")
    wednesday = utc("2026-06-03T12:00")
    assert next_opening([sunday], wednesday) == utc("2026-06-07T02:00")
    assert next_opening([sunday, nightly], wednesday) == utc("2026-06-03T23:00")
    assert next_opening([window("02:00", "05:00", days=("wed",))], wednesday) == utc("2026-06-10T02:00")
    assert next_opening([], wednesday) is None


@pytest.mark.parametrize("zone", ["Mars/Base", "../etc/passwd", "/etc/passwd", ""])
def test_a_zone_that_nobody_knows_has_no_open_window(zone):
    given_ = window("00:00", "23:59", zone=zone)
    assert not is_open(given_, utc("2026-06-03T12:00"))
    assert next_opening([given_], utc("2026-06-03T12:00")) is None


def test_a_window_that_closes_when_it_opens_is_never_open():
    assert not is_open(window("02:00", "02:00"), utc("2026-06-03T02:00"))


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - made aware below
    st.times(),
    st.times(),
    st.sampled_from(["UTC", "Asia/Kolkata", "America/Sao_Paulo"]),
)
def test_where_no_clock_jumps_the_clock_on_the_wall_decides(moment, opens, closes, zone):
    at = moment.replace(tzinfo=UTC)
    wall = at.astimezone(ZoneInfo(zone)).time()
    inside = opens <= wall < closes if opens <= closes else wall >= opens or wall < closes
    assert is_open(Window(id="w", opens=opens, closes=closes, zone=zone), at) is inside


def test_a_window_is_written_for_people():
    assert shown(window("02:00", "05:00", days=("sat", "sun"), zone=BERLIN)) == (
        "sat, sun 02:00 to 05:00 Europe/Berlin"
    )
    assert shown(window("22:00", "04:30")) == "every day 22:00 to 04:30 UTC"


def test_a_freeze_is_compared_as_moments_whatever_zones_they_are_written_in():
    berlin = ZoneInfo(BERLIN)
    freeze = Freeze(
        id="f",
        starts_at=datetime(2026, 12, 20, tzinfo=berlin),
        ends_at=datetime(2027, 1, 3, tzinfo=berlin),
    )
    assert not is_frozen(freeze, utc("2026-12-19T22:59"))
    assert is_frozen(freeze, utc("2026-12-19T23:00"))
    assert is_frozen(freeze, utc("2027-01-02T22:59"))
    assert not is_frozen(freeze, utc("2027-01-02T23:00"))
