"""Expectations that a single row keeps or breaks: what GX calls map expectations.

A test says which rows it is not about (those without a value, mostly) and which break it. `mostly`
compares as GX compares: `(n - u) / n >= mostly` in floats; of no row at all, every share keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from data_contracts.measure import Counts, Finding, OnePass, PartView
from data_contracts.suites.row_conditions import RowCondition
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import polars as pl

__all__ = ["RowMeasure", "RowTest", "enough", "row_finding"]


class RowTest(Protocol):
    """What a row must keep; a frozen dataclass."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""

    @property
    def plain_column(self) -> str | None:
        """The one column that it reads, if rows without a value are its nulls, of which it says null."""

    @property
    def of_nulls(self) -> bool | None:
        """Whether just the nulls break it (true) or just the others (false); None where values matter."""

    def missing(self) -> pl.Expr | None:
        """Return what is true (never null) in rows that it is not about; None where it is about all."""

    def broken(self) -> pl.Expr:
        """Return what is true in rows that break it; what it says of missing rows does not matter."""


def enough(considered: int, unexpected: int, mostly: float) -> bool:
    """Whether as many rows as `mostly` demands keep it; computed as GX computes it."""
    if not considered:
        return True
    return (float(considered) - float(unexpected)) / float(considered) >= mostly


def row_finding(elements: int, missing: int, unexpected: int, mostly: float) -> Finding:
    """Return the finding of counts."""
    success = enough(elements - missing, unexpected, mostly)
    return Finding(success, elements, missing, unexpected, None if success else Reason.UNEXPECTED_VALUES)


@dataclass(frozen=True)
class RowMeasure(OnePass):
    """Counts the rows that break a test.

    Attributes:
        test: the test.
        mostly: the share of rows that must keep it.
        condition: which rows it is about; None is all.
    """

    test: RowTest
    mostly: float = 1.0
    condition: RowCondition | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The test's columns, and the condition's."""
        names = () if self.condition is None else self.condition.names
        return tuple(dict.fromkeys((*self.test.columns, *names)))

    @property
    def only_nulls(self) -> bool:
        """Whether the number of nulls answers it: then no value of the column is even read."""
        return self.condition is None and self.test.of_nulls is not None

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return the numbers of rows, of missing ones and of those that break the test; or of nulls only."""
        import polars as pl

        if self.only_nulls:
            return (pl.col(self.test.columns[0]).null_count(),)
        missing = self.test.missing()
        plain = self._plain()
        if plain is not None:
            return (pl.len(), plain.null_count(), self.test.broken().sum())
        elements = pl.len() if self.condition is None else self.condition.expression().sum()
        absent = pl.lit(0) if missing is None else self._here(missing).sum()
        return (elements, absent, self.unexpected().sum())

    def _plain(self) -> pl.Expr | None:
        """Return the one column, where its nulls are the missing rows: they need no looking at values.

        Of a null such a test says null, which counts as nothing.
        """
        import polars as pl

        found = self.test.plain_column
        return None if found is None or self.condition is not None else pl.col(found)

    def _here(self, rows: pl.Expr) -> pl.Expr:
        return rows if self.condition is None else rows & self.condition.expression()

    def unexpected(self) -> pl.Expr:
        """Return what is true (never null) in rows that break it, whatever `mostly` forgives."""
        missing = self.test.missing()
        broken = self.test.broken() if missing is None else self.test.broken() & ~missing
        return self._here(broken.fill_null(value=False))

    def state(self, answers: tuple[Any, ...], part: PartView) -> Counts:
        """Return the counts of a part."""
        if self.only_nulls:
            nulls = int(answers[0] or 0)
            return Counts(part.rows, 0, nulls if self.test.of_nulls else part.rows - nulls)
        return Counts(*(int(answer or 0) for answer in answers))

    def judge(self, state: Counts, rows: int) -> Finding:
        """Judge the counts."""
        del rows
        return row_finding(state.elements, state.missing, state.unexpected, self.mostly)

    def broken(self) -> pl.Expr | None:
        """Return the rows that break it; none where some may."""
        return self.unexpected() if self.mostly == 1 else None
