"""Medians and quantiles, without keeping a value: whether one is inside bounds is a question of counts.

Sorted, the values are those below the bounds, those inside, those above. The k-th is inside exactly where
at most k are below and more than k are not above: counts of two conditions answer it in one pass. Where a
quantile lies between two neighbours (an even median, linear interpolation), both on one side answer it
too; and where they are on different sides, they are the greatest of one and the least of the other, which
are kept.

The tests for below and above are monotone: whatever is less than a value below is below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Finding, PartView
from data_contracts.suites.measures.aggregate import OfColumn, aggregate_finding, number

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Band", "BandState", "Median", "Quantiles", "QuantilesState", "between_ranks", "near", "place_of"]


@dataclass(frozen=True)
class BandState:
    """Counts of values below, inside and above, and the ends of each group; None where it is empty."""

    below: int = 0
    inside: int = 0
    above: int = 0
    ends: tuple[Any, ...] = (None, None, None, None, None, None)

    @property
    def count(self) -> int:
        """All values."""
        return self.below + self.inside + self.above

    def merge(self, other: BandState) -> BandState:
        """Return the state of both."""
        ends = tuple(
            _choose(mine, others, least=index % 2 == 0)
            for index, (mine, others) in enumerate(zip(self.ends, other.ends, strict=True))
        )
        return BandState(self.below + other.below, self.inside + other.inside, self.above + other.above, ends)

    def group(self, rank: int) -> int:
        """Return 0, 1 or 2: in which group the value of a rank is."""
        return 0 if rank < self.below else 1 if rank < self.below + self.inside else 2

    def neighbours(self, rank: int) -> tuple[Any, Any]:
        """Return the values of a rank and of the next, which must be in different groups."""
        first, second = self.group(rank), self.group(rank + 1)
        return self.ends[2 * first + 1], self.ends[2 * second]


def _choose(mine: Any, others: Any, *, least: bool) -> Any:  # noqa: ANN401 - numbers or None
    if mine is None or others is None:
        return others if mine is None else mine
    return min(mine, others) if least else max(mine, others)


@dataclass(frozen=True)
class Band:
    """Bounds: `low` and `high`, and how near to one is as good as inside (`rtol`; None: not at all)."""

    low: float | None
    high: float | None
    strict_low: bool = False
    strict_high: bool = False
    rtol: float | None = None

    def expressions(self, found: pl.Expr) -> tuple[pl.Expr, ...]:
        """Return the parts of a `BandState`."""
        import polars as pl

        below, above = self._below(found), self._above(found)
        groups = (below, ~below & ~above, above)
        answers: list[pl.Expr] = [group.sum() for group in groups]
        for group in groups:
            kept = pl.when(group).then(found)
            answers += [kept.min(), kept.max()]
        return tuple(answers)

    def _below(self, found: pl.Expr) -> pl.Expr:
        import polars as pl

        if self.low is None:
            return pl.lit(value=False) & found.is_not_null()
        outside = found <= self.low if self.strict_low else found < self.low
        return outside & ~self._near(found)

    def _above(self, found: pl.Expr) -> pl.Expr:
        import polars as pl

        if self.high is None:
            return pl.lit(value=False) & found.is_not_null()
        outside = found >= self.high if self.strict_high else found > self.high
        return outside & ~self._near(found)

    def _near(self, found: pl.Expr) -> pl.Expr:
        import polars as pl

        close: pl.Expr = pl.lit(value=False)
        for bound in (self.low, self.high):
            if bound is not None and self.rtol is not None:
                # numpy.isclose with its atol; both sides finite or equal.
                apart = (found.cast(pl.Float64) - float(bound)).abs()
                close = close | (apart <= 1.0e-8 + self.rtol * abs(float(bound))) & found.is_finite()
        return close

    def holds(self, found: float) -> bool:
        """Whether a number is inside."""
        for bound in (self.low, self.high):
            if bound is not None and self.rtol is not None and near(found, bound, self.rtol):
                return True
        above = self.low is None or (found > self.low if self.strict_low else found >= self.low)
        return above and (
            self.high is None or (found < self.high if self.strict_high else found <= self.high)
        )


def near(found: float, bound: float, rtol: float) -> bool:
    """Whether numbers are close as numpy has it."""
    return abs(float(found) - float(bound)) <= 1.0e-8 + rtol * abs(float(bound))


def band_state(answers: tuple[Any, ...]) -> BandState:
    """Return the state of the answers of `Band.expressions`."""
    below, inside, above = map(number, answers[:3])
    return BandState(below, inside, above, tuple(answers[3:9]))


@dataclass(frozen=True)
class QuantilesState:
    """Rows that count, and a band for each quantile."""

    rows: int
    bands: tuple[BandState, ...]

    def merge(self, other: QuantilesState) -> QuantilesState:
        """Return the state of both."""
        bands = tuple(mine.merge(others) for mine, others in zip(self.bands, other.bands, strict=True))
        return QuantilesState(self.rows + other.rows, bands)


@dataclass(frozen=True)
class Quantiles(OfColumn):
    """Each quantile is inside its band.

    Attributes:
        at: the quantiles, each from 0 to 1.
        bands: one for each.
        method: `nearest`, `lower`, `higher`, `midpoint` or `linear`, as pandas interpolates.
    """

    at: tuple[float, ...] = ()
    bands: tuple[Band, ...] = ()
    method: str = "nearest"

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return the number of rows that count, and the parts of each band."""
        found = self.values()
        return (self.elements(), *(part for band in self.bands for part in band.expressions(found)))

    def state(self, answers: tuple[Any, ...], part: PartView) -> QuantilesState:
        """Return the state of a part."""
        del part
        places = range(1, len(answers), 9)
        return QuantilesState(number(answers[0]), tuple(band_state(answers[at : at + 9]) for at in places))

    def judge(self, state: QuantilesState, rows: int) -> Finding:
        """Judge every quantile."""
        del rows
        pairs = zip(self.at, self.bands, state.bands, strict=True)
        kept = all(bool(found.count) and self._kept(at, band, found) for at, band, found in pairs)
        count = state.bands[0].count if state.bands else 0
        return aggregate_finding(kept, state.rows, missing=state.rows - count)

    def _kept(self, at: float, band: Band, found: BandState) -> bool:
        rank, share = place_of(at, found.count, self.method)
        if not share or found.group(rank) == found.group(rank + 1):
            return found.group(rank) == 1
        low, high = found.neighbours(rank)
        return band.holds(between_ranks(low, high, share, self.method))


def place_of(at: float, count: int, method: str) -> tuple[int, float]:
    """Return the rank of a quantile, and how far it is to the next; numpy's definitions."""
    virtual = (count - 1) * at
    if method == "nearest":
        return round(virtual), 0.0
    rank = min(int(virtual), count - 1)
    share = virtual - rank
    if method == "lower" or not share:
        return rank, 0.0
    if method == "higher":
        return rank + 1, 0.0
    return rank, 0.5 if method == "midpoint" else share


def between_ranks(low: Any, high: Any, share: float, method: str) -> float:  # noqa: ANN401 - two numbers
    """Return the point between, in numpy's own arithmetic."""
    first, last = float(low), float(high)
    if method == "median":
        return (first + last) / 2
    apart = last - first
    return last - apart * (1 - share) if share >= 0.5 else first + apart * share  # noqa: PLR2004 - as numpy


@dataclass(frozen=True)
class Median(OfColumn):
    """The median is inside bounds."""

    def _band(self) -> Band:
        bounds = self.bounds
        return Band(bounds.low, bounds.high, bounds.strict_low, bounds.strict_high)

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return the number of rows that count, and the parts of the band."""
        return (self.elements(), *self._band().expressions(self.values()))

    def state(self, answers: tuple[Any, ...], part: PartView) -> QuantilesState:
        """Return the state of a part."""
        del part
        return QuantilesState(number(answers[0]), (band_state(answers[1:]),))

    def judge(self, state: QuantilesState, rows: int) -> Finding:
        """Judge the median."""
        del rows
        (found,) = state.bands
        return aggregate_finding(
            bool(found.count) and self._kept(found), state.rows, missing=state.rows - found.count
        )

    def _kept(self, found: BandState) -> bool:
        rank = (found.count - 1) // 2
        if found.count % 2 or found.group(rank) == found.group(rank + 1):
            return found.group(rank) == 1
        return self._band().holds(between_ranks(*found.neighbours(rank), 0.5, "median"))
