"""Least and greatest values.

Of moments, ticks are compared: nothing is rounded to a microsecond. Text is compared with dates only, read by
dateutil as GX reads it, and after the least or greatest text was found, as GX does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Finding, PartView
from data_contracts.suites.arguments import Bounds
from data_contracts.suites.measures.aggregate import OfColumn, aggregate_finding, number
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Extreme", "ExtremeState", "ticks"]

_PER_SECOND = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}


def ticks(moment: datetime, unit: str) -> float | int:
    """Return a moment in units since 1970; a whole number where it is one."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC if moment.tzinfo else None)
    micro = (moment - epoch) // timedelta(microseconds=1)
    scaled = micro * _PER_SECOND[unit]
    return scaled // 10**6 if scaled % 10**6 == 0 else scaled / 10**6


@dataclass(frozen=True)
class ExtremeState:
    """Rows that count, how many have a value, and the extreme of those."""

    rows: int
    count: int
    found: Any
    greatest: bool

    def merge(self, other: ExtremeState) -> ExtremeState:
        """Return the state of both."""
        both = [item for item in (self.found, other.found) if item is not None]
        chosen = (max(both) if self.greatest else min(both)) if both else None
        return ExtremeState(self.rows + other.rows, self.count + other.count, chosen, self.greatest)


@dataclass(frozen=True)
class Extreme(OfColumn):
    """The least or the greatest value is inside bounds."""

    greatest: bool = False

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return rows, values, and the extreme."""
        import polars as pl

        found = self.values()
        if self.column.kind == "timestamp":
            found = found.to_physical().cast(pl.Int64)
        return (self.elements(), found.count(), found.max() if self.greatest else found.min())

    def state(self, answers: tuple[Any, ...], part: PartView) -> ExtremeState:
        """Return the state of a part."""
        del part
        rows, count, found = answers
        return ExtremeState(number(rows), number(count), found, self.greatest)

    def judge(self, state: ExtremeState, rows: int) -> Finding:
        """Judge the extreme of all parts."""
        del rows
        missing = state.rows - state.count
        if state.found is None:
            # To GX no value keeps no bound; only of moments, no bound at all is kept by none (a NaT).
            kept = self.column.kind == "timestamp" and not self.bounds.given
            return aggregate_finding(kept, state.rows, missing=missing)
        found, bounds = state.found, self.bounds
        if self.column.kind == "text" and bounds.given:
            read = _read(found, bounds)
            if read is None:
                return Finding(False, state.rows, missing, 0, Reason.NOT_EVALUATED)
            found = read
        if self.column.kind == "timestamp":
            low, high = self._ticks(bounds.low), self._ticks(bounds.high)
            bounds = Bounds(low, high, bounds.strict_low, bounds.strict_high)
        return aggregate_finding(bounds.holds(found), state.rows, found, missing)

    def _ticks(self, bound: datetime | None) -> float | None:
        return None if bound is None else ticks(bound, self.column.unit)


def _read(text: str, bounds: Bounds) -> date | None:
    """Return text as the bounds' type, or None where GX fails to read or to compare it."""
    from dateutil.parser import parse

    try:
        # Without a year or a month in the text, dateutil takes today's; a verdict must not depend on the day.
        moment: datetime = parse(text, default=datetime(2000, 1, 1))  # noqa: DTZ001 - as the text says
        if isinstance(bounds.given[0], datetime):
            bounds.holds(moment)
            return moment
        return moment.date() if isinstance(bounds.given[0], date) else None
    except (ValueError, OverflowError, TypeError):
        return None
