"""How far the values are from a distribution: the Kullback-Leibler divergence, as GX defines it.

A distribution is over values with weights, or over bins; what lies outside of all bins falls into the
tails. A divergence that is infinite or no number keeps no threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Finding, PartView
from data_contracts.suites.arguments import Bounds, on_bound
from data_contracts.suites.measures.aggregate import OfColumn, aggregate_finding, number
from data_contracts.suites.measures.frequencies import Frequencies, frequencies

if TYPE_CHECKING:
    import polars as pl

__all__ = ["BinnedDivergence", "ValueDivergence", "divergence"]


def divergence(observed: list[float], expected: list[float]) -> float:
    """Return the Kullback-Leibler divergence of two distributions, each made to sum to 1; NaN of nothing."""
    all_observed, all_expected = math.fsum(observed), math.fsum(expected)
    if not all_observed or not all_expected:
        return math.nan
    total = 0.0
    for p, q in zip(observed, expected, strict=True):
        share, wanted = p / all_observed, q / all_expected
        if share > 0:
            if wanted <= 0:
                return math.inf
            total += share * math.log(share / wanted)
    return total


@dataclass(frozen=True)
class ValueDivergence(OfColumn):
    """Of a distribution over values.

    Attributes:
        weights: of each value.
        threshold: the most; None is any.
        tail: the weight that the values share which have none.
    """

    weights: tuple[tuple[Any, float], ...] = ()
    threshold: float | None = None
    tail: float = 0.0

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return the number of rows that count."""
        return (self.elements(),)

    def state(self, answers: tuple[Any, ...], part: PartView) -> Frequencies:
        """Return the counts of a part."""
        return frequencies(self, part, int(answers[0] or 0))

    def judge(self, state: Frequencies, rows: int) -> Finding:
        """Judge the divergence."""
        del rows
        counts = dict(state.table.select("found", "count").iter_rows())
        known = [counts.pop(item, 0) for item, _ in self.weights]
        others = sorted(counts.values())
        expected = [weight * (1 - self.tail if others else 1) for _, weight in self.weights]
        expected += [self.tail / len(others) for _ in others]
        found = divergence([float(count) for count in (*known, *others)], expected)
        return _judged(found, self.threshold, state.rows, state.count)


def _judged(found: float, threshold: float | None, rows: int, count: int) -> Finding:
    bounds = Bounds(high=threshold)
    return aggregate_finding(bounds.holds(on_bound(found, bounds)), rows, found, rows - count)


@dataclass(frozen=True)
class BinsState:
    """Rows and values, those below and above all bins, and those in each."""

    rows: int
    count: int
    below: int
    above: int
    inside: Any = field(repr=False)

    def merge(self, other: BinsState) -> BinsState:
        """Return the sums."""
        return BinsState(
            self.rows + other.rows,
            self.count + other.count,
            self.below + other.below,
            self.above + other.above,
            self.inside + other.inside,
        )


@dataclass(frozen=True)
class BinnedDivergence(OfColumn):
    """Of a distribution over bins.

    Attributes:
        bins: their edges, ascending; the last bin has its upper edge.
        weights: one for each bin, holdouts already taken off.
        tails: the weights below and above.
        threshold: the most; None is any.
    """

    bins: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    tails: tuple[float, float] = (0.0, 0.0)
    threshold: float | None = None

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return rows, values, and those below and above."""
        found = self.values()
        return (self.elements(), found.count(), (found < self.bins[0]).sum(), (found > self.bins[-1]).sum())

    def state(self, answers: tuple[Any, ...], part: PartView) -> BinsState:
        """Return the counts of a part."""
        import numpy as np

        found = part.frame.select(self.values().alias("found"))["found"].drop_nulls().to_numpy()
        inside, _ = np.histogram(found, bins=np.array(self.bins))
        rows, count, below, above = map(number, answers)
        return BinsState(rows, count, below, above, inside)

    def judge(self, state: BinsState, rows: int) -> Finding:
        """Judge the divergence."""
        del rows
        observed = [float(count) for count in (state.below, *state.inside.tolist(), state.above)]
        found = divergence(observed, [self.tails[0], *self.weights, self.tails[1]])
        return _judged(found, self.threshold, state.rows, state.count)
