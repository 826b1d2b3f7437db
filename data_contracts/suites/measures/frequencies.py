"""What needs each distinct value: the most common one, sets that must occur, divergence from a distribution.

The state holds each distinct value once with its count (for a set, only what the question needs). It
grows with the distinct values of the column, not with its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Finding, PartView
from data_contracts.suites.columns import member
from data_contracts.suites.measures.aggregate import OfColumn, aggregate_finding
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Frequencies", "MostCommon", "SetOccurs", "frequencies"]


@dataclass(frozen=True)
class Frequencies:
    """Rows that count, and a table of distinct values (`found`) and how often each occurs (`count`)."""

    rows: int
    table: Any

    @property
    def count(self) -> int:
        """All values."""
        return int(self.table["count"].sum() or 0)

    def merge(self, other: Frequencies) -> Frequencies:
        """Return the sums."""
        import polars as pl

        both = pl.concat([self.table, other.table])
        return Frequencies(self.rows + other.rows, both.group_by("found").agg(pl.col("count").sum()))


def frequencies(measure: OfColumn, part: PartView, rows: int) -> Frequencies:
    """Return the state of a part."""
    import polars as pl

    found = part.frame.lazy().select(measure.values().alias("found")).drop_nulls()
    return Frequencies(rows, found.group_by("found").agg(pl.len().cast(pl.Int64).alias("count")).collect())


@dataclass(frozen=True)
class _Counting(OfColumn):
    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return the number of rows that count."""
        return (self.elements(),)

    def state(self, answers: tuple[Any, ...], part: PartView) -> Frequencies:
        """Return the counts of a part."""
        return frequencies(self, part, int(answers[0] or 0))


@dataclass(frozen=True)
class MostCommon(_Counting):
    """The most common value is in a set; of several that are equally common, one is (`ties`), or none are."""

    members: tuple[Any, ...] = ()
    ties: bool = False

    def judge(self, state: Frequencies, rows: int) -> Finding:
        """Judge the most common values."""
        del rows
        import polars as pl

        most = state.table.filter(pl.col("count") == pl.col("count").max())["found"].to_list()
        inside = set(self.members).intersection(most)
        success = bool(inside) if self.ties else len(most) == 1 and len(inside) == 1
        return aggregate_finding(success, state.rows, most, state.rows - state.count)


@dataclass(frozen=True)
class OccursState:
    """Rows, members of the set that were seen, and the distinct values outside (a polars series)."""

    rows: int
    seen: frozenset[Any]
    outside: Any

    def merge(self, other: OccursState) -> OccursState:
        """Return the union."""
        import polars as pl

        outside = pl.concat([self.outside, other.outside]).unique()
        return OccursState(self.rows + other.rows, self.seen | other.seen, outside)


@dataclass(frozen=True)
class SetOccurs(OfColumn):
    """Every member of a set occurs; with `exact`, and nothing else does."""

    members: tuple[Any, ...] = ()
    exact: bool = False

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return the number of rows that count."""
        return (self.elements(),)

    def state(self, answers: tuple[Any, ...], part: PartView) -> OccursState:
        """Return what a part has of the set, and beside it."""
        found = part.frame.select(self.own_values().alias("found"))["found"].drop_nulls().unique()
        inside = member(self.column, found, self.members)
        outside = found.filter(~inside) if self.exact else found.clear()
        return OccursState(int(answers[0] or 0), frozenset(found.filter(inside).to_list()), outside)

    def judge(self, state: OccursState, rows: int) -> Finding:
        """Judge both differences; the members that do not occur are the missing ones, as GX has it."""
        del rows
        absent = len(set(self.members) - state.seen)
        outside = len(state.outside)
        success = not absent and not outside
        return Finding(success, state.rows, absent, outside, None if success else Reason.UNEXPECTED_VALUES)
