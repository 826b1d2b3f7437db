"""Values far from the others: z-scores and outliers, in passes.

The first pass finds what far means (exact mean and standard deviation, exact quartiles), the last counts.
The quartiles are found without keeping values: each pass counts, per 16 bits of the values'
order-preserving keys, how many there are among those that can still be one; after four passes every bit
is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Finding, PartView
from data_contracts.suites.columns import ColumnType
from data_contracts.suites.measures.aggregate import OfColumn
from data_contracts.suites.measures.order import between_ranks, place_of
from data_contracts.suites.measures.rows import RowMeasure
from data_contracts.suites.measures.sums import MomentsState, moments_of
from data_contracts.suites.measures.tests_many import number_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Apart", "Quartiles", "Spread"]

_STEP = 16
_LEVELS = 4
_AT = (0.25, 0.75)


@dataclass(frozen=True)
class Apart:
    """A test in whose rows the value is not too far away.

    Attributes:
        column: the column.
        how: `score` (z-score), `distance` (from a mean), `fence` (inside two ends), or `none` (all are near).
        center: the mean; or the lower end.
        other: the standard deviation; or the upper end.
        limit: the most, exclusive; of fences nothing.
        double: of scores: to both sides.
    """

    column: ColumnType
    how: str = "none"
    center: float = 0.0
    other: float = 0.0
    limit: float = 0.0
    double: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.column.name,)

    @property
    def plain_column(self) -> str | None:
        """Return None: what it does not look at is more than nulls."""
        return None

    @property
    def of_nulls(self) -> bool | None:
        """Return None: it is about values."""
        return None

    def missing(self) -> pl.Expr | None:
        """Return where there is no value."""
        return number_of(self.column).is_null()

    def broken(self) -> pl.Expr:
        """Return where the value is too far away."""
        import polars as pl

        found = number_of(self.column)
        if self.how == "none":
            return pl.lit(value=False) & found.is_null()
        if self.how == "fence":
            return ~((found >= self.center) & (found <= self.other))
        if self.how == "distance":
            if self.limit <= 0:
                return found != self.center
            return ~((found - self.center).abs() < self.limit)
        score = (found - self.center) / self.other
        return ~(score.abs() < abs(self.limit)) if self.double else ~(score < self.limit)


@dataclass(frozen=True)
class Spread(OfColumn):
    """Mean and standard deviation first; then the values too far from the mean.

    Attributes:
        how: `score` or `distance`.
        limit: of a score, its most; of a distance, how many standard deviations.
        double: of scores: to both sides.
        mostly: the share of values that must be near.
    """

    how: str = "score"
    limit: float = 0.0
    double: bool = True
    mostly: float = 1.0

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return the number of rows that count."""
        return (self.elements(),)

    def state(self, answers: tuple[Any, ...], part: PartView) -> MomentsState:
        """Return the sums of a part."""
        found = part.frame.select(self.values().alias("found"))["found"].drop_nulls()
        return moments_of(found, int(answers[0] or 0))

    def second(self, state: MomentsState) -> RowMeasure:
        """Return the pass that counts."""
        mean, deviation = state.mean(), state.deviation()
        test = Apart(self.column)
        if mean is not None and deviation is not None and (deviation or self.how == "distance"):
            limit = self.limit if self.how == "score" else self.limit * deviation
            test = Apart(self.column, self.how, mean, deviation, limit, self.double)
        return RowMeasure(test, self.mostly, self.condition)

    def judge(self, state: MomentsState, rows: int) -> Finding:
        """Judge nothing: the second pass does."""
        return self.second(state).judge(_no_counts(), rows)


def _no_counts() -> Any:  # noqa: ANN401 - the state of rows
    from data_contracts.measure import Counts

    return Counts()


@dataclass(frozen=True)
class BucketsState:
    """Values in all, and for each prefix how many values have which next 16 bits."""

    count: int
    buckets: tuple[Any, ...] = field(repr=False)

    def merge(self, other: BucketsState) -> BucketsState:
        """Return the sums."""
        pairs = zip(self.buckets, other.buckets, strict=True)
        return BucketsState(self.count + other.count, tuple(mine + others for mine, others in pairs))


@dataclass(frozen=True)
class Quartiles(OfColumn):
    """The quartiles first, 16 bits with each pass; then the values outside of the fences around them.

    Attributes:
        multiplier: how many times the distance of the quartiles a fence stands apart.
        mostly: the share of values that must be inside.
        ranks: of each wanted value, its rank among those with its prefix; empty in the first pass.
        prefixes: of each wanted value, the bits that are known.
        level: how many steps of 16 bits are known.
        count: values in all, once known.
    """

    multiplier: float = 1.5
    mostly: float = 1.0
    ranks: tuple[int, ...] = ()
    prefixes: tuple[int, ...] = (0,)
    level: int = 0
    count: int = 0

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return none: bits are counted in `state`."""
        return ()

    def state(self, answers: tuple[Any, ...], part: PartView) -> BucketsState:
        """Return the counts of a part."""
        del answers
        import numpy as np

        keys = _keys(part.frame.select(self.values().alias("found"))["found"].drop_nulls())
        left = np.uint64(64 - _STEP * self.level)
        buckets = []
        for prefix in dict.fromkeys(self.prefixes):
            mine = keys if not self.level else keys[(keys >> left) == np.uint64(prefix)]
            bits = (mine >> (left - np.uint64(_STEP))) & np.uint64(2**_STEP - 1)
            buckets.append(np.bincount(bits.astype(np.int64), minlength=2**_STEP))
        return BucketsState(len(keys), tuple(buckets))

    def second(self, state: BucketsState) -> Quartiles | RowMeasure:
        """Return the pass for the next bits, or the one that counts outliers."""
        import numpy as np

        if not state.count:
            return RowMeasure(Apart(self.column), self.mostly, self.condition)
        count = self.count or state.count
        ranks = self.ranks or _wanted(count)
        prefixes = self.prefixes if self.ranks else self.prefixes * len(ranks)
        known = list(dict.fromkeys(prefixes))
        next_ranks, next_prefixes = [], []
        for rank, prefix in zip(ranks, prefixes, strict=True):
            below = np.cumsum(state.buckets[known.index(prefix)])
            bits = int(np.searchsorted(below, rank, side="right"))
            next_ranks.append(rank - (int(below[bits - 1]) if bits else 0))
            next_prefixes.append((prefix << _STEP) | bits)
        if self.level + 1 < _LEVELS:
            return replace(
                self,
                ranks=tuple(next_ranks),
                prefixes=tuple(next_prefixes),
                level=self.level + 1,
                count=count,
            )
        values = [_number(prefix, floating=self.column.kind == "float") for prefix in next_prefixes]
        return RowMeasure(self._fences(values, count), self.mostly, self.condition)

    def _fences(self, values: list[float], count: int) -> Apart:
        import math

        shares = [place_of(at, count, "linear")[1] for at in _AT]
        pairs = zip(values[::2], values[1::2], shares, strict=True)
        # Interpolated even where a quartile is a value itself: beside an infinite one, numpy has no number.
        low, high = (between_ranks(first, second, share, "linear") for first, second, share in pairs)
        # GX takes what is not finite for none, and then nothing is an outlier.
        if not math.isfinite(low) or not math.isfinite(high):
            return Apart(self.column)
        apart = self.multiplier * (high - low)
        return Apart(self.column, "fence", low - apart, high + apart)

    def judge(self, state: BucketsState, rows: int) -> Finding:
        """Judge nothing: the last pass does."""
        raise NotImplementedError


def _wanted(count: int) -> tuple[int, ...]:
    """Return the ranks of the values around both quartiles."""
    ranks = [place_of(at, count, "linear")[0] for at in _AT]
    return tuple(min(rank + step, count - 1) for rank in ranks for step in (0, 1))


def _keys(values: Any) -> Any:  # noqa: ANN401 - a polars series; a numpy array of uint64
    """Return numbers as unsigned integers in the same order."""
    import numpy as np
    import polars as pl

    if not values.dtype.is_float():
        if values.dtype == pl.UInt64:
            return values.to_numpy().astype(np.uint64)
        return values.cast(pl.Int64).to_numpy().view(np.uint64) ^ np.uint64(2**63)
    bits = values.cast(pl.Float64).to_numpy().copy().view(np.uint64)
    negative = (bits >> np.uint64(63)).astype(bool)
    return np.where(negative, ~bits, bits | np.uint64(2**63))


def _number(key: int, *, floating: bool) -> float:
    import numpy as np

    if not floating:
        return key - 2**63
    bits = np.array([key], dtype=np.uint64)
    plain = np.where(bits >> np.uint64(63), bits ^ np.uint64(2**63), ~bits)
    return float(plain.view(np.float64)[0])
