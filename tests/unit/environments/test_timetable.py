"""Windows of the week: what they say of a moment, also where clocks are set, and what is no window."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.timetable import closing, is_open, next_opening, parse_window

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = (parse_window("mon-fri 22:00-06:00 Europe/Berlin"),)


def wall(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(dt.UTC)


@pytest.mark.parametrize(
    ("moment", "opened"),
    [
        ("2026-11-27T21:59:59", False),  # a Friday
        ("2026-11-27T22:00:00", True),
        ("2026-11-28T05:59:59", True),  # Saturday morning: Friday's window
        ("2026-11-28T06:00:00", False),
        ("2026-11-28T22:30:00", False),  # Saturday's night has none
        ("2026-11-30T03:00:00", False),  # Monday morning: Sunday's night has none
        ("2026-11-30T22:00:00", True),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment: str, *, opened: bool) -> None:
    assert is_open(NIGHTS, wall(moment)) is opened


def test_the_next_opening_and_the_end_of_this_one() -> None:
    assert next_opening(NIGHTS, wall("2026-11-28T12:00:00")) == wall("2026-11-30T22:00:00")
    inside = wall("2026-11-26T23:00:00")
    assert next_opening(NIGHTS, inside) == inside
    assert closing(NIGHTS, inside) == wall("2026-11-27T06:00:00")
    assert closing(NIGHTS, wall("2026-11-28T12:00:00")) == wall("2026-11-28T12:00:00")


def test_no_window_is_always_open_and_windows_that_touch_are_one_opening() -> None:
    now = wall("2026-11-26T23:00:00")
    assert is_open((), now)
    assert next_opening((), now) == now
    assert closing((), now) is None
    days = (parse_window("00:00-24:00 UTC"),)
    assert is_open(days, now)
    assert closing(days, now) is None
    two = (*NIGHTS, parse_window("fri 06:00-09:30 Europe/Berlin"))
    assert closing(two, now) == wall("2026-11-27T09:30:00")


@pytest.mark.parametrize(
    ("text", "before", "opens", "minutes"),
    [
        # 2026-03-29: 02:00 becomes 03:00. A time that is left out is as much later.
        ("sun 02:15-02:45 Europe/Berlin", "2026-03-28T12:00:00", "2026-03-29T03:15:00", 30),
        ("sat 22:00-06:00 Europe/Berlin", "2026-03-28T12:00:00", "2026-03-28T22:00:00", 7 * 60),
        # 2026-10-25: 03:00 becomes 02:00. A time that there is twice is the first.
        ("sun 02:15-02:45 Europe/Berlin", "2026-10-24T12:00:00", "2026-10-25T02:15:00", 30),
        ("sat 22:00-06:00 Europe/Berlin", "2026-10-24T12:00:00", "2026-10-24T22:00:00", 9 * 60),
    ],
)
def test_nights_in_which_the_clock_is_set(text: str, before: str, opens: str, minutes: int) -> None:
    windows = (parse_window(text),)
    found = next_opening(windows, wall(before))
    assert found == wall(opens)
    assert closing(windows, found) == found + dt.timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mon-fri 22:00-06:00", r"\[DAYS\]"),
        ("mon-fri 22:00-06:00 Europe/Atlantis", "IANA"),
        ("mon-fri 22:00-06:00 ../../etc/passwd", r"\[DAYS\]"),
        ("mon-fri 24:00-06:00 UTC", r"\[DAYS\]"),
        ("mon-fri 22:00-22:00 UTC", "not the end"),
        ("monday 22:00-06:00 UTC", r"\[DAYS\]"),
        ("22:00-06:60 UTC", r"\[DAYS\]"),
        ("", r"\[DAYS\]"),
    ],
)
def test_what_is_no_window(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_window(text)


def test_days() -> None:
    assert parse_window("fri-mon 01:00-02:00 UTC").days == {4, 5, 6, 0}
    assert parse_window("mon,wed,sat-sun 01:00-02:00 UTC").days == {0, 2, 5, 6}
    assert parse_window("01:00-02:00 UTC").days == set(range(7))


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPANS = st.builds(
    lambda day, start, length, zone: (
        f"{DAYS[day]} {start // 60:02}:{start % 60:02}-"
        f"{(start + length) % 1440 // 60:02}:{(start + length) % 60:02} {zone}"
    ),
    st.integers(0, 6),
    st.integers(0, 1439),
    st.integers(1, 1439),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
)
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
MOMENTS = st.integers(0, 6 * 365 * 86400).map(lambda seconds: START + dt.timedelta(seconds=seconds))


@given(st.lists(SPANS, min_size=1, max_size=4), MOMENTS)
def test_the_next_opening_is_open_and_nothing_before_it_is(texts: list[str], now: dt.datetime) -> None:
    windows = tuple(map(parse_window, texts))
    opens = next_opening(windows, now)
    assert now <= opens <= now + dt.timedelta(days=8, hours=2)
    assert is_open(windows, opens)
    assert (opens == now) is is_open(windows, now)
    if opens > now:
        for share in (0.1, 0.5, 0.9, 0.999):
            assert not is_open(windows, now + (opens - now) * share)
    end = closing(windows, opens)
    if end is not None:
        assert not is_open(windows, end)
        assert is_open(windows, end - dt.timedelta(seconds=1))
