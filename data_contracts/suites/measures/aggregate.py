"""What measures of one column's aggregate share: the column, the bounds, and which rows count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Finding, OnePass
from data_contracts.suites.arguments import NO_BOUNDS, Bounds
from data_contracts.suites.columns import ColumnType, value
from data_contracts.suites.row_conditions import RowCondition
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import polars as pl

__all__ = ["OfColumn", "aggregate_finding", "number"]


def aggregate_finding(success: bool, rows: int, observed: object = None, missing: int = 0) -> Finding:
    """Return the finding of one number of the whole column."""
    reason = None if success else Reason.OUT_OF_BOUNDS
    return Finding(success, rows, missing, int(not success), reason, observed)


def number(found: Any) -> int:  # noqa: ANN401 - an answer of the engine
    """Return an answer as an integer; null is none."""
    return int(found or 0)


@dataclass(frozen=True)
class OfColumn(OnePass):
    """A measure of one column.

    Attributes:
        column: the column.
        bounds: what the number must keep.
        condition: which rows it is about; None is all.
    """

    column: ColumnType
    bounds: Bounds = NO_BOUNDS
    condition: RowCondition | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The column, and the condition's."""
        names = () if self.condition is None else self.condition.names
        return tuple(dict.fromkeys((self.column.name, *names)))

    def values(self) -> pl.Expr:
        """Return the values of the rows that count, null elsewhere; booleans as 0 and 1."""
        import polars as pl

        found = self.own_values()
        return found.cast(pl.Int8) if self.column.kind == "boolean" else found

    def own_values(self) -> pl.Expr:
        """Return the same in the column's own type."""
        import polars as pl

        found = value(self.column)
        return found if self.condition is None else pl.when(self.condition.expression()).then(found)

    def elements(self) -> pl.Expr:
        """Return how many rows count."""
        import polars as pl

        return pl.len() if self.condition is None else self.condition.expression().sum()
