"""Tests of the values of one column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from data_contracts.suites.arguments import Bounds
from data_contracts.suites.columns import ColumnType, member, value

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Between", "InSet", "Length", "Matches", "Never", "NotNull", "Null", "inside"]


def inside(found: pl.Expr, bounds: Bounds) -> pl.Expr:
    """Return whether a value is inside; true everywhere where there is no bound."""
    import polars as pl

    kept: list[pl.Expr] = []
    if bounds.low is not None:
        kept.append(found > bounds.low if bounds.strict_low else found >= bounds.low)
    if bounds.high is not None:
        kept.append(found < bounds.high if bounds.strict_high else found <= bounds.high)
    return reduce(and_, kept) if kept else pl.lit(value=True)


@dataclass(frozen=True)
class _OfColumn:
    column: ColumnType

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.column.name,)

    @property
    def plain_column(self) -> str | None:
        """The column, where a NaN is none of its values."""
        return None if self.column.floating else self.column.name

    @property
    def of_nulls(self) -> bool | None:
        """Return None: it is about values."""
        return None

    def missing(self) -> pl.Expr | None:
        """Return where there is no value."""
        return value(self.column).is_null()


@dataclass(frozen=True)
class Between(_OfColumn):
    """Values inside bounds."""

    bounds: Bounds

    def broken(self) -> pl.Expr:
        """Return where the value is outside."""
        import polars as pl

        found = value(self.column)
        if self.column.kind == "boolean":
            found = found.cast(pl.Int8)
        return ~inside(found, self.bounds)


@dataclass(frozen=True)
class InSet(_OfColumn):
    """Values in a set, or (`negative`) outside of it."""

    members: tuple[Any, ...]
    negative: bool = False

    def broken(self) -> pl.Expr:
        """Return where the value is outside, or inside."""
        found: pl.Expr = member(self.column, value(self.column), self.members)
        return found if self.negative else ~found


@dataclass(frozen=True)
class Length(_OfColumn):
    """Texts of a length."""

    bounds: Bounds

    def broken(self) -> pl.Expr:
        """Return where the length is outside."""
        import polars as pl

        return ~inside(value(self.column).str.len_chars().cast(pl.Int64), self.bounds)


@dataclass(frozen=True)
class Matches(_OfColumn):
    """Texts in which any (or all) of some expressions finds something, or (`negative`) none does."""

    patterns: tuple[str, ...]
    every: bool = False
    negative: bool = False

    def broken(self) -> pl.Expr:
        """Return where none does (or not all do), or one does."""
        found = [value(self.column).str.contains(pattern, strict=True) for pattern in self.patterns]
        matched: pl.Expr = reduce(and_ if self.every else or_, found)
        return matched if self.negative else ~matched


@dataclass(frozen=True)
class Never(_OfColumn):
    """What no value of the column keeps, whatever it is: a number is never JSON to GX."""

    def broken(self) -> pl.Expr:
        """Return every row with a value."""
        return value(self.column).is_not_null()


@dataclass(frozen=True)
class NotNull(_OfColumn):
    """Rows with a value."""

    @property
    def plain_column(self) -> str | None:
        """Return None: it is about nulls."""
        return None

    @property
    def of_nulls(self) -> bool | None:
        """Whether nulls alone break it: a NaN would, too."""
        return None if self.column.floating else True

    def missing(self) -> pl.Expr | None:
        """Return None: it is about all rows."""
        return None

    def broken(self) -> pl.Expr:
        """Return where there is no value."""
        return value(self.column).is_null()


@dataclass(frozen=True)
class Null(_OfColumn):
    """Rows without a value."""

    @property
    def plain_column(self) -> str | None:
        """Return None: it is about nulls."""
        return None

    @property
    def of_nulls(self) -> bool | None:
        """Whether all but nulls break it: a NaN would not."""
        return None if self.column.floating else False

    def missing(self) -> pl.Expr | None:
        """Return None: it is about all rows."""
        return None

    def broken(self) -> pl.Expr:
        """Return where there is a value."""
        return value(self.column).is_not_null()
