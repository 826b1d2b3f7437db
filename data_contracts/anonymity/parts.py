"""Hierarchies that look inside a value: the parts of a date, and the first characters of a code.

Invariants: those of `hierarchy`. A date's parts go from the fine to the coarse (a month lies in one
quarter, a quarter in one year), and a shorter prefix is a prefix of the longer one.

Example:
    >>> import polars as pl
    >>> from data_contracts.anonymity.hierarchy import label
    >>> codes = pl.Series("zip", ["19104", "1910", None])
    >>> label(Prefix((3, 1)), codes, 1).to_list()
    ['191*', '191*', None]
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from data_contracts.anonymity.hierarchy import TOP, as_text

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DATE_PARTS", "DateParts", "Prefix"]

DATE_PARTS = ("month", "quarter", "year", "decade")
"""From the fine to the coarse. Weeks are left out: a week lies in two months."""


@dataclass(frozen=True)
class DateParts:
    """Dates and timestamps as `2020-05`, `2020-Q2`, `2020` or `2020s`.

    Attributes:
        parts: some of `DATE_PARTS`, in their order.
    """

    parts: tuple[str, ...]

    @property
    def levels(self) -> int:
        """The dates, one level for each part, and `*`."""
        return len(self.parts) + 2

    def complaints(self, kind: str | None) -> list[tuple[str, str]]:
        """Known parts, from the fine to the coarse, on a column of dates."""
        found = []
        if kind not in {"date", "timestamp", None}:
            found.append(("a column that holds no dates has no parts of dates", "a date or timestamp column"))
        if not self.parts or list(self.parts) != [part for part in DATE_PARTS if part in self.parts]:
            found.append(("not parts of a date from the fine to the coarse", ", ".join(DATE_PARTS)))
        return found

    def between(self, values: pl.Series, level: int) -> pl.Series:
        """Return each date's part."""
        import polars as pl

        part = self.parts[level - 1]
        dates = values.dt
        year = dates.year().cast(pl.String)
        if part == "year":
            return year
        if part == "decade":
            return (dates.year() // 10 * 10).cast(pl.String) + "s"
        if part == "quarter":
            return year + "-Q" + dates.quarter().cast(pl.String)
        return year + "-" + dates.month().cast(pl.String).str.zfill(2)


@dataclass(frozen=True)
class Prefix:
    """Codes by their first characters: `191*` for 19104.

    One `*` stands for whatever follows, so that a label does not tell how long the code was. What the
    first characters mean (a region of so many people) is the contract's author's to know.

    Attributes:
        lengths: how many characters stay, descending; at least 1.
    """

    lengths: tuple[int, ...]

    @property
    def levels(self) -> int:
        """The codes, one level for each length, and `*`."""
        return len(self.lengths) + 2

    def complaints(self, kind: str | None) -> list[tuple[str, str]]:
        """Descending lengths, on a column of text."""
        found = []
        if kind not in {"string", None}:
            found.append(("a column that holds no text has no prefix", "a string column"))
        if not self.lengths or self.lengths[-1] < 1 or any(a <= b for a, b in pairwise(self.lengths)):
            found.append(("not a descending list of lengths", "such as [3, 2], none below 1"))
        return found

    def between(self, values: pl.Series, level: int) -> pl.Series:
        """Return the first characters of each code."""
        return as_text(values).str.head(self.lengths[level - 1]) + TOP
