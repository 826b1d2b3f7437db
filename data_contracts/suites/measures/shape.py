"""Expectations on the table as such: its columns, their types, its number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Counts, Finding, OnePass, PartView
from data_contracts.suites.arguments import Bounds
from data_contracts.suites.columns import ColumnType, value
from data_contracts.suites.measures.aggregate import aggregate_finding
from data_contracts.suites.measures.rows import row_finding
from data_contracts.suites.row_conditions import RowCondition
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Absent", "Decided", "Raises", "RowCount", "TypeOf"]


@dataclass(frozen=True)
class Decided(OnePass):
    """What the table's schema alone decides."""

    success: bool
    observed: object = None

    @property
    def columns(self) -> tuple[str, ...]:
        """None."""
        return ()

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return none."""
        return ()

    def state(self, answers: tuple[Any, ...], part: PartView) -> Counts:
        """Return nothing but rows."""
        del answers
        return Counts(part.rows)

    def judge(self, state: Counts, rows: int) -> Finding:
        """Tell what was decided."""
        del rows
        return aggregate_finding(self.success, state.elements, self.observed)


@dataclass(frozen=True)
class Absent(Decided):
    """It is about a column that the table has not."""

    success: bool = False

    def judge(self, state: Counts, rows: int) -> Finding:
        """Tell that there is no such column."""
        del rows
        return Finding(False, state.elements, 0, 0, Reason.COLUMN_MISSING)


@dataclass(frozen=True)
class RowCount(OnePass):
    """The number of rows (that meet a condition) is inside bounds."""

    bounds: Bounds
    condition: RowCondition | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The condition's columns."""
        return () if self.condition is None else self.condition.names

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return the rows that meet the condition, if there is one."""
        return () if self.condition is None else (self.condition.expression().sum(),)

    def state(self, answers: tuple[Any, ...], part: PartView) -> Counts:
        """Return the rows of a part."""
        return Counts(int(answers[0] or 0) if answers else part.rows)

    def judge(self, state: Counts, rows: int) -> Finding:
        """Judge the number."""
        del rows
        return aggregate_finding(self.bounds.holds(state.elements), state.elements, state.elements)


@dataclass(frozen=True)
class Raises(OnePass):
    """What GX raises at, whatever value there is (a number to be parsed); without a value it is kept."""

    column: ColumnType
    condition: RowCondition | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The column, and the condition's."""
        names = () if self.condition is None else self.condition.names
        return tuple(dict.fromkeys((self.column.name, *names)))

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return rows, and missing ones."""
        import polars as pl

        missing = value(self.column).is_null()
        if self.condition is None:
            return (pl.len(), missing.sum())
        here = self.condition.expression()
        return (here.sum(), (missing & here).sum())

    def state(self, answers: tuple[Any, ...], part: PartView) -> Counts:
        """Return rows and missing ones."""
        del part
        return Counts(int(answers[0] or 0), int(answers[1] or 0))

    def judge(self, state: Counts, rows: int) -> Finding:
        """Tell whether there is a value."""
        del rows
        kept = state.elements == state.missing
        return Finding(kept, state.elements, state.missing, 0, None if kept else Reason.NOT_EVALUATED)


@dataclass(frozen=True)
class TypeOf(OnePass):
    """The type that pandas gives the column is one of some.

    It depends on whether values are missing: with nulls, integers are floats to pandas, and booleans objects.
    Then GX looks at each value, and `mostly` counts.

    Attributes:
        column: the column.
        plain: whether the type without nulls is one of them.
        nulls: whether the type with nulls is; None where GX looks at each value.
        each: whether a value is then of a type that is one of them.
        mostly: the share of values that must be.
    """

    column: ColumnType
    plain: bool | None
    nulls: bool | None
    each: bool = False
    mostly: float = 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column.name,)

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return rows without a value."""
        return (value(self.column).is_null().sum(),)

    def state(self, answers: tuple[Any, ...], part: PartView) -> Counts:
        """Return rows and missing ones."""
        return Counts(part.rows, int(answers[0] or 0))

    def judge(self, state: Counts, rows: int) -> Finding:
        """Judge the type."""
        del rows
        decided = self.nulls if state.missing else self.plain
        if decided is None:
            unexpected = 0 if self.each else state.elements - state.missing
            return row_finding(state.elements, state.missing, unexpected, self.mostly)
        reason = None if decided else Reason.WRONG_TYPE
        return Finding(decided, state.elements, state.missing, int(not decided), reason)
