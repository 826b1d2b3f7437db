"""How much may move over a boundary, how fast, when and in which order: as an environment's file declares it.

Invariants:
1. What is not declared is not limited, and not counted.
2. Limits only ever hold a crossing back: nothing here permits anything, and what is held back is not refused.
3. Pure: the moment and what was moved before are told, so that whatever waits (a step, an outbox) asks the
   same question and gets the same answer.

Example:
    >>> day = Budget(50_000_000_000, "day", "Europe/Berlin")
    >>> [moment.isoformat() for moment in day.period(dt.datetime(2026, 11, 27, 23, 30, tzinfo=dt.UTC))]
    ['2026-11-27T23:00:00+00:00', '2026-11-28T23:00:00+00:00']
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo

from environments.timetable import Window, is_open, next_opening

__all__ = [
    "HOLDS",
    "USUAL",
    "BoundaryLimits",
    "Budget",
    "Direction",
    "Hold",
    "Period",
    "budget_hold",
    "is_held",
    "most_urgent",
    "window_hold",
]

Direction = Literal["send", "fetch"]
Period = Literal["hour", "day", "week", "month"]


@dataclass(frozen=True)
class Hold:
    """Why a crossing waits.

    Attributes:
        rule: `window` or `budget`.
        reason: one sentence for people, with the moment.
        until: when it can go, in UTC; None where it cannot by waiting.
    """

    rule: str
    reason: str
    until: dt.datetime | None


@dataclass(frozen=True)
class Budget:
    """So many bytes in each period of a zone's calendar.

    Attributes:
        bytes: at most so many, of every object that is moved.
        per: `hour`, `day`, `week` (from Monday) or `month`.
        zone: whose calendar, as an IANA name.
    """

    bytes: int
    per: Period
    zone: str = "UTC"

    def period(self, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        """Return the period that a moment is in: its beginning, and that of the next one, in UTC."""
        zone = ZoneInfo(self.zone)
        wall = now.astimezone(zone)
        if self.per == "hour":
            start = now.astimezone(dt.UTC) - dt.timedelta(
                minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond
            )
            return start, start + dt.timedelta(hours=1)
        first = wall.date()
        if self.per == "week":
            first -= dt.timedelta(days=first.weekday())
        if self.per == "month":
            first = first.replace(day=1)
        steps = {"day": 1, "week": 7, "month": 32}
        after = first + dt.timedelta(days=steps[self.per])
        if self.per == "month":
            after = after.replace(day=1)
        begins, ends = (
            dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC) for day in (first, after)
        )
        return begins, ends


@dataclass(frozen=True)
class BoundaryLimits:
    """What this environment allows itself over one boundary.

    Attributes:
        peer: the other environment.
        direction: `send` or `fetch`; without it both, and they share the budget and the rate.
        limit: bytes a second, over all crossings of this boundary; none is as fast as it goes.
        parallel: objects that one crossing moves at once.
        windows: when something may move; none is always.
        budget: bytes per period; each of several holds.
        purposes: purpose to its priority, 0 to 9; 5 where it is not named. The higher one goes first.
        assets: asset to its priority; it stands above its purpose's.
    """

    peer: str
    direction: Direction | None = None
    limit: int | None = None
    parallel: int | None = None
    windows: tuple[Window, ...] = ()
    budget: tuple[Budget, ...] = ()
    purposes: Mapping[str, int] = field(default_factory=dict)
    assets: Mapping[str, int] = field(default_factory=dict)

    def about(self, direction: Direction) -> bool:
        """Whether it limits what moves in a direction."""
        return self.direction in {None, direction}

    def priority(self, asset: str, purpose: str) -> int:
        """Return the priority of a crossing."""
        return self.assets.get(asset, self.purposes.get(purpose, USUAL))


HOLDS = ("window", "budget")
"""Ids of the rules that hold a crossing back; where a contract or a policy denies, its rules have others."""

USUAL = 5
"""The priority of what no line names."""


def window_hold(limits: BoundaryLimits, now: dt.datetime) -> Hold | None:
    """Return why nothing may move at this moment; None where it may."""
    if is_open(limits.windows, now):
        return None
    until = next_opening(limits.windows, now)
    return Hold("window", f"the boundary with {limits.peer} opens at {_shown(until)}", until)


def budget_hold(
    limits: BoundaryLimits, now: dt.datetime, wanted: int, moved: Mapping[Budget, int]
) -> Hold | None:
    """Return why so many bytes more may not move in this period; None where they may.

    Args:
        limits: of the boundary.
        now: the moment.
        wanted: bytes.
        moved: of each budget, the bytes that were moved in its present period.
    """
    over = [budget for budget in limits.budget if moved[budget] + wanted > budget.bytes]
    if not over:
        return None
    never = next((budget for budget in over if wanted > budget.bytes), None)
    if never is not None:
        reason = (
            f"{wanted:,} bytes are more than the whole budget of a {never.per} with {limits.peer}, "
            f"{never.bytes:,}"
        )
        return Hold("budget", reason, None)
    last = max(over, key=lambda budget: budget.period(now)[1])
    until = next_opening(limits.windows, last.period(now)[1])
    left = max(0, last.bytes - moved[last])
    reason = (
        f"{left:,} of {last.bytes:,} bytes are left of this {last.per} with {limits.peer}, and {wanted:,} "
        f"are needed; more at {_shown(until)}"
    )
    return Hold("budget", reason, until)


def is_held(told: Mapping[str, Any]) -> bool:
    """Whether an entry of the ledger tells of a crossing that was held back, not refused."""
    rules = told.get("rules") or ()
    return told.get("outcome") == "denied" and any(rule.get("id") in HOLDS for rule in rules)


def most_urgent(waiting: Iterable[tuple[int, dt.datetime, str]]) -> list[str]:
    """Return crossings in the order in which they go: the higher priority, then who has waited longer.

    Args:
        waiting: priority, since when, and the crossing's id.
    """
    return [crossing for *_, crossing in sorted(waiting, key=lambda item: (-item[0], item[1], item[2]))]


def _shown(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
