"""Service levels on time: how new the newest value is, and how old the oldest may be.

`freshness` and `latency` ask that the latest value of an element lies within N of now; `retention` asks that
none is older than N. `now` is given by whoever checks: nothing here has a clock. Without one these rules
are not in the plan, for they are about when the data is looked at, not about its bytes.

Invariants:
1. Data without any value is not fresh; it holds nothing that is too old.
2. Months and years are those of the calendar: a year before 29 February is 28 February.
3. A time without a zone is in the column's `defaultTimezone`, else UTC; a date begins at midnight, UTC.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from data_contracts.agreements import SlaProperty
from data_contracts.arrow import kind_of
from data_contracts.checks.nested import Node
from data_contracts.checks.rules import Rule
from data_contracts.checks.values import zone_of
from data_contracts.measure import Finding, OnePass, PartView
from data_contracts.model import Column, Contract, SchemaObject
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Recency", "before", "recency_rules"]

_NEWEST = frozenset({"freshness", "latency"})
_WORDS = _NEWEST | {"retention"}
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_MONTHS = {"mo": 1, "y": 12}


@dataclass(frozen=True)
class Ages:
    """The state: values seen, those before the limit, and those at or after it."""

    values: int = 0
    older: int = 0

    def merge(self, other: Ages) -> Ages:
        """Return the sums."""
        return Ages(self.values + other.values, self.older + other.older)


@dataclass(frozen=True)
class Recency(OnePass):
    """One rule on the age of values.

    Attributes:
        path: of a column of dates or times.
        column: its type.
        word: `freshness`, `latency` or `retention`.
        limit: the moment, in UTC, that separates old from new.
    """

    path: str
    column: Column
    word: str
    limit: datetime

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.path,)

    def broken(self) -> pl.Expr | None:
        """Return what is true where a value is older than is retained."""
        return self._older().fill_null(value=False) if self.word == "retention" else None

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Count the values, and those that are too old."""
        import polars as pl

        return (pl.col(self.path).count(), self._older().sum())

    def state(self, answers: tuple[Any, ...], part: PartView) -> Ages:
        """Return the counts of one part."""
        del part
        return Ages(int(answers[0]), int(answers[1] or 0))

    def judge(self, state: Ages, rows: int) -> Finding:
        """Ask for one new value, or for no old one."""
        if self.word in _NEWEST:
            fresh = state.values > state.older
            reason = None if fresh else Reason.OUT_OF_BOUNDS
            return Finding(fresh, rows, rows - state.values, int(not fresh), reason)
        reason = Reason.UNEXPECTED_VALUES if state.older else None
        return Finding(not state.older, rows, rows - state.values, state.older, reason)

    def _older(self) -> pl.Expr:
        import polars as pl

        values = pl.col(self.path)
        if kind_of(self.column) == "date":
            # A date is new as long as some moment of it is.
            return values < pl.lit(self.limit.date())
        if self.column.options.get("timezone"):
            return values < pl.lit(self.limit)
        return values < pl.lit(self.limit.astimezone(zone_of(self.column)).replace(tzinfo=None))


def recency_rules(
    contract: Contract, item: SchemaObject, nodes: dict[str, Node], now: datetime
) -> Iterator[Rule]:
    """Yield the rules of the contract's service levels that are about this object.

    Args:
        contract: the contract.
        item: its object.
        nodes: the object's paths.
        now: the moment to judge at; with a time zone.
    """
    for agreed in contract.sla:
        if agreed.property not in _WORDS:
            continue
        for element in agreed.elements:
            name, _, path = element.partition(".")
            if name == item.name:
                yield _rule(agreed, path, nodes.get(path), now)


def _rule(agreed: SlaProperty, path: str, node: Node | None, now: datetime) -> Rule:
    word = agreed.property
    bare = Rule(f"{path or 'sla'}.{word}", path or None, word, refused=Reason.NOT_EVALUATED)
    limit = before(now, agreed.value, agreed.unit)
    if node is None or limit is None or kind_of(node.column) not in {"date", "timestamp"}:
        return bare
    return Rule(bare.id, path, word, Recency(path, node.column, word, limit), dimension="timeliness")


def before(now: datetime, value: Any, unit: str) -> datetime | None:  # noqa: ANN401 - as the contract says it
    """Return the moment so long before `now`, in UTC; None where that is no length of time.

    Example:
        >>> before(datetime(2024, 2, 29, tzinfo=UTC), 1, "y")
        datetime.datetime(2023, 2, 28, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    moment = now.astimezone(UTC)
    try:
        if unit in _SECONDS:
            return moment - timedelta(seconds=value * _SECONDS[unit])
        if unit not in _MONTHS or value != int(value):
            return None
        months = moment.year * 12 + moment.month - 1 - int(value) * _MONTHS[unit]
        year, month = divmod(months, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day)
    except (OverflowError, ValueError):
        return None  # Before the first year of the calendar.
