"""Uniqueness and numbers of distinct values: keys over the whole asset, which the engine counts exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from data_contracts.measure import Finding, KeyCounts, KeySpec
from data_contracts.suites.arguments import NO_BOUNDS, Bounds
from data_contracts.suites.columns import ColumnType, member, value
from data_contracts.suites.measures.aggregate import aggregate_finding
from data_contracts.suites.measures.rows import enough
from data_contracts.suites.row_conditions import RowCondition
from data_contracts.verdict import Reason

__all__ = ["Compound", "DistinctCount", "DistinctInSet", "Unique"]


@dataclass(frozen=True)
class _OfColumn:
    column: ColumnType
    condition: RowCondition | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The column, and the condition's."""
        names = () if self.condition is None else self.condition.names
        return tuple(dict.fromkeys((self.column.name, *names)))

    def key(self) -> KeySpec:
        """Return the value, in the rows that count."""
        where = None if self.condition is None else self.condition.expression()
        return KeySpec((value(self.column),), where)


@dataclass(frozen=True)
class Unique(_OfColumn):
    """No value occurs twice."""

    mostly: float = 1.0

    def judge_keys(self, counts: KeyCounts, rows: int) -> Finding:
        """Judge the rows whose value another row has."""
        del rows
        success = enough(counts.keyed, counts.repeated, self.mostly)
        reason = None if success else Reason.DUPLICATE_VALUES
        return Finding(success, counts.rows, counts.rows - counts.keyed, counts.repeated, reason)


@dataclass(frozen=True)
class DistinctCount(_OfColumn):
    """The number of distinct values is inside bounds; or (`proportion`) its share of the values."""

    bounds: Bounds = NO_BOUNDS
    proportion: bool = False

    def judge_keys(self, counts: KeyCounts, rows: int) -> Finding:
        """Judge the number."""
        del rows
        found: float = counts.distinct
        if self.proportion:
            found = counts.distinct / counts.keyed if counts.keyed else 0
        return aggregate_finding(self.bounds.holds(found), counts.rows, found, counts.rows - counts.keyed)


@dataclass(frozen=True)
class DistinctInSet(_OfColumn):
    """Every distinct value is in a set; what breaks it is counted once for each distinct value."""

    members: tuple[object, ...] = ()

    def key(self) -> KeySpec:
        """Return the value, in the rows that count and are outside of the set."""
        outside = ~member(self.column, value(self.column), self.members)
        if self.condition is not None:
            outside = outside & self.condition.expression()
        return KeySpec((value(self.column),), outside)

    def judge_keys(self, counts: KeyCounts, rows: int) -> Finding:
        """Judge the distinct values outside."""
        success = not counts.distinct
        return Finding(success, rows, 0, counts.distinct, None if success else Reason.UNEXPECTED_VALUES)


@dataclass(frozen=True)
class Compound:
    """No combination of values occurs twice; no value is a value like others here, as GX has it.

    Attributes:
        over: the columns.
        ignore: rows that do not count: where `all` values are missing, or `any`, or `never`.
        mostly: the share of rows whose combination no other row has.
    """

    over: tuple[ColumnType, ...]
    ignore: str = "all"
    mostly: float = 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(column.name for column in self.over)

    def key(self) -> KeySpec:
        """Return the combination."""
        values = tuple(value(column) for column in self.over)
        if self.ignore == "never":
            return KeySpec(values, None, null_is_value=True)
        present = [found.is_not_null() for found in values]
        return KeySpec(values, reduce(or_ if self.ignore == "all" else and_, present), null_is_value=True)

    def judge_keys(self, counts: KeyCounts, rows: int) -> Finding:
        """Judge the rows whose combination another row has."""
        success = enough(counts.rows, counts.repeated, self.mostly)
        reason = None if success else Reason.DUPLICATE_VALUES
        return Finding(success, rows, rows - counts.rows, counts.repeated, reason)
