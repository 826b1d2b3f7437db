"""When a boundary is open: windows of the week on a zone's own clock, as pure functions of the moment.

Invariants:
1. No clock of its own: every function is told the moment, with its zone.
2. No window at all is always open. A window that cannot be read is an error, never "open".
3. A window belongs to the day on which it opens; one that ends at or before its start ends on the next day.
   Where a clock is set, both ends are what the wall shows: a time that a night has twice is the first, one
   that it leaves out is as much later as the clock was set forward.

Example:
    >>> nights = (parse_window("mon-fri 22:00-06:00 Europe/Berlin"),)
    >>> noon = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)      # a Friday
    >>> next_opening(nights, noon).isoformat(), is_open(nights, noon)
    ('2026-11-27T21:00:00+00:00', False)
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["Window", "closing", "is_open", "next_opening", "parse_window"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(_DAYS)
_SPAN = rf"(?:{_DAY})(?:-(?:{_DAY}))?"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TEXT = re.compile(
    rf"(?:(?P<days>{_SPAN}(?:,{_SPAN})*) )?(?P<opens>{_TIME})-(?P<closes>{_TIME}|24:00) "
    r"(?P<zone>[A-Za-z][A-Za-z0-9_+/-]{1,63})"
)
_WEEK, _DAY_MINUTES = 7, 24 * 60


@dataclass(frozen=True)
class Window:
    """One part of the week.

    Attributes:
        days: on which it opens; 0 is Monday.
        opens: minutes after midnight.
        closes: minutes after the midnight before `opens`; more than a day's where it ends on the next day.
        zone: whose clock, as an IANA name.
    """

    days: frozenset[int]
    opens: int
    closes: int
    zone: str

    def on(self, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
        """Return when the window that opens on a day opens and closes, in UTC."""
        return self._moment(day, self.opens), self._moment(day, self.closes)

    def _moment(self, day: dt.date, minutes: int) -> dt.datetime:
        days, rest = divmod(minutes, _DAY_MINUTES)
        time = dt.time(rest // 60, rest % 60)
        wall = dt.datetime.combine(day + dt.timedelta(days=days), time, ZoneInfo(self.zone))
        return wall.astimezone(dt.UTC)


def parse_window(text: str) -> Window:
    """Read `[DAYS] HH:MM-HH:MM ZONE`; days such as `mon-fri`, `sat,sun` or `fri-mon`, by default all.

    Raises:
        ValueError: it is no window, or its zone is not known here. The text says what is expected.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError("[DAYS] HH:MM-HH:MM ZONE, such as mon-fri 22:00-06:00 Europe/Berlin")
    try:
        ZoneInfo(found["zone"])
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError("the IANA name of a time zone that this machine knows, or UTC") from None
    opens, closes = _minutes(found["opens"]), _minutes(found["closes"])
    if opens == closes:
        raise ValueError("a start that is not the end; the whole day is 00:00-24:00")
    if closes < opens:
        closes += _DAY_MINUTES
    days = found["days"].split(",") if found["days"] else ["mon-sun"]
    return Window(frozenset(day for span in days for day in _span(span)), opens, closes, found["zone"])


def is_open(windows: Iterable[Window], now: dt.datetime) -> bool:
    """Whether something may move at this moment."""
    windows, now = tuple(windows), now.astimezone(dt.UTC)
    return not windows or any(start <= now < end for start, end in _around(windows, now))


def next_opening(windows: Iterable[Window], now: dt.datetime) -> dt.datetime:
    """Return the moment itself where it is open, else the next one that is, in UTC."""
    windows, now = tuple(windows), now.astimezone(dt.UTC)
    if is_open(windows, now):
        return now
    return min(start for start, end in _around(windows, now) if start > now and end > start)


def closing(windows: Iterable[Window], now: dt.datetime) -> dt.datetime | None:
    """Return when the present opening ends, in UTC: `now` where it is closed, None if not within a week."""
    windows, now = tuple(windows), now.astimezone(dt.UTC)
    end = now
    if not windows:
        return None
    spans = sorted(_around(windows, now))
    for start, stop in spans:
        if start <= end < stop:
            end = stop
    return end if end < now + dt.timedelta(days=_WEEK) else None


def _around(windows: Iterable[Window], now: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Give every opening from the day before yesterday to the day after next week's."""
    for window in windows:
        today = now.astimezone(ZoneInfo(window.zone)).date()
        for days in range(-2, _WEEK + 2):
            day = today + dt.timedelta(days=days)
            if day.weekday() in window.days:
                yield window.on(day)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _span(text: str) -> list[int]:
    first, _, last = text.partition("-")
    start = _DAYS.index(first)
    length = (_DAYS.index(last or first) - start) % _WEEK
    return [(start + step) % _WEEK for step in range(length + 1)]
