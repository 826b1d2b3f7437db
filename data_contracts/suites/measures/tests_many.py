"""Tests of the values of several columns in one row.

Which rows they are about is `ignore`: rows where `all` values are missing, or where `any` is, or
(`never`) all rows. Numbers of different types compare as the engine compares them: exactly where both are
integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from data_contracts.suites.columns import ColumnType, value

if TYPE_CHECKING:
    import polars as pl

__all__ = ["AllDiffer", "AllEqual", "Greater", "PairInSet", "SumEquals", "number_of"]


def number_of(column: ColumnType) -> pl.Expr:
    """Return the values; of booleans, 0 and 1."""
    import polars as pl

    found = value(column)
    return found.cast(pl.Int8) if column.kind == "boolean" else found


@dataclass(frozen=True)
class _OfColumns:
    over: tuple[ColumnType, ...]
    ignore: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, each once."""
        return tuple(dict.fromkeys(column.name for column in self.over))

    @property
    def plain_column(self) -> str | None:
        """Return None: what it does not look at is more than nulls."""
        return None

    @property
    def of_nulls(self) -> bool | None:
        """Return None: it is about values."""
        return None

    def missing(self) -> pl.Expr | None:
        """Return the rows that are ignored."""
        if self.ignore == "never":
            return None
        nulls = [value(column).is_null() for column in self.over]
        return reduce(and_ if self.ignore == "all" else or_, nulls)


@dataclass(frozen=True)
class Greater(_OfColumns):
    """The first is greater than the second; with `equal`, or equal to it. No value is neither."""

    equal: bool = False

    def broken(self) -> pl.Expr:
        """Return where it is not."""
        first, second = (value(column) for column in self.over)
        kept: pl.Expr = first >= second if self.equal else first > second
        return ~kept.fill_null(value=False)


@dataclass(frozen=True)
class AllEqual(_OfColumns):
    """All are equal to the first; with `nulls`, no value equals no value."""

    nulls: bool = False

    def broken(self) -> pl.Expr:
        """Return where one is not."""
        first, *others = (value(column) for column in self.over)
        same = [first.eq_missing(other) if self.nulls else first == other for other in others]
        return ~reduce(and_, [test.fill_null(value=False) for test in same])


@dataclass(frozen=True)
class AllDiffer(_OfColumns):
    """No two are equal; no value equals no value."""

    def broken(self) -> pl.Expr:
        """Return where two are."""
        found = [value(column) for column in self.over]
        return reduce(or_, [first.eq_missing(second) for first, second in combinations(found, 2)])


@dataclass(frozen=True)
class SumEquals(_OfColumns):
    """The sum over the row is a number. A row without some value has no sum."""

    total: float = 0

    def broken(self) -> pl.Expr:
        """Return where it is another."""
        import polars as pl

        floating = any(column.kind == "float" for column in self.over)
        wanted = pl.Float64 if floating else pl.Int128
        summed = reduce(lambda left, right: left + right, [number_of(c).cast(wanted) for c in self.over])
        kept: pl.Expr = summed == self.total
        return ~kept.fill_null(value=False)


@dataclass(frozen=True)
class PairInSet(_OfColumns):
    """The pair is one of some; None in a pair stands for no value."""

    pairs: tuple[tuple[Any, Any], ...] = ()

    def broken(self) -> pl.Expr:
        """Return where it is none of them."""
        import polars as pl

        first, second = (value(column) for column in self.over)
        found = [_is(first, a) & _is(second, b) for a, b in self.pairs]
        return ~reduce(or_, found) if found else pl.repeat(value=True, n=pl.len())


def _is(found: pl.Expr, constant: object) -> pl.Expr:
    if constant is None:
        return found.is_null()
    same: pl.Expr = found.eq(constant)
    return same.fill_null(value=False)
