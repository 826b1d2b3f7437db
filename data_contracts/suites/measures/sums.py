"""Sums, means and standard deviations, exact and rounded once.

A float is an integer times a power of two, so the sum of any number of floats, and of their squares, is exact
as one (long) integer. States are such integers: they add up to the same in every order and grouping, which no
sum of floats does. Integers and booleans are summed as they are.

An infinite value makes every sum infinite or, with its opposite, no number; a standard deviation never one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Finding, PartView
from data_contracts.suites.arguments import on_bound
from data_contracts.suites.measures.aggregate import OfColumn, aggregate_finding

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Moments", "MomentsState", "moments_of"]

_BITS = 53
_LEAST = 1074
"""The exponent of the smallest float: every float is an integer times 2 to the power of -1074."""


@dataclass(frozen=True)
class MomentsState:
    """Rows that count, values, infinite ones, and exact sums of the others.

    Attributes:
        rows: rows that count.
        count: rows with a value.
        positive: values that are infinite.
        negative: values that are minus infinite.
        total: the sum, times 2 to the power of `scale`.
        squares: the sum of squares, times 2 to the power of twice `scale`.
        scale: 0 for integers, 1074 for floats.
    """

    rows: int = 0
    count: int = 0
    positive: int = 0
    negative: int = 0
    total: int = 0
    squares: int = 0
    scale: int = 0

    def merge(self, other: MomentsState) -> MomentsState:
        """Return the sums."""
        return MomentsState(
            self.rows + other.rows,
            self.count + other.count,
            self.positive + other.positive,
            self.negative + other.negative,
            self.total + other.total,
            self.squares + other.squares,
            self.scale,
        )

    @property
    def infinite(self) -> bool:
        """Whether some value is infinite."""
        return bool(self.positive or self.negative)

    def sum(self) -> float | int | None:
        """Return the sum, rounded once; 0 of nothing; None where it is no number."""
        if self.infinite:
            return None if self.positive and self.negative else math.inf if self.positive else -math.inf
        return self.total if not self.scale else _rounded(Fraction(self.total, 1 << self.scale))

    def mean(self) -> float | None:
        """Return the mean; None of nothing, or where it is no number."""
        if not self.count or self.infinite:
            total = self.sum()
            return float(total) if self.count and total is not None else None
        return _rounded(Fraction(self.total, self.count << self.scale))

    def deviation(self) -> float | None:
        """Return the standard deviation of a sample (n - 1); None of fewer than two, or of infinities."""
        if self.count < 2 or self.infinite:  # noqa: PLR2004 - the degrees of freedom
            return None
        scaled = Fraction(self.count * self.squares - self.total**2, self.count * (self.count - 1))
        return _root(scaled / (1 << (2 * self.scale)))


def _rounded(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _root(exact: Fraction) -> float:
    """Return the square root; of a fraction beyond the range of floats as well."""
    if not exact:
        return 0.0
    shift = (exact.numerator.bit_length() - exact.denominator.bit_length()) // 2
    reduced = exact / Fraction(4) ** shift
    return _rounded(Fraction(math.sqrt(float(reduced))) * Fraction(2) ** shift)


def moments_of(values: Any, rows: int) -> MomentsState:  # noqa: ANN401 - a polars series without nulls
    """Return the state of one part's values."""
    import numpy as np
    import polars as pl

    if not values.dtype.is_float():
        whole = values.cast(pl.Int128)
        squares = (whole * whole).sum() if _small(values) else sum(item * item for item in whole.to_list())
        return MomentsState(rows, len(values), total=int(whole.sum() or 0), squares=int(squares or 0))
    array = values.to_numpy()
    finite = array[np.isfinite(array)]
    total, squares = _float_sums(finite)
    positive, negative = int(np.isposinf(array).sum()), int(np.isneginf(array).sum())
    return MomentsState(rows, len(array), positive, negative, total, squares, _LEAST)


def _small(values: Any) -> bool:  # noqa: ANN401 - a polars series
    """Whether no sum of squares of a part leaves 128 bits."""
    least, most = values.min() or 0, values.max() or 0
    return bool(max(abs(least), abs(most)) ** 2 * max(1, len(values)) < 2**126)


def _float_sums(array: Any) -> tuple[int, int]:  # noqa: ANN401 - a numpy array of finite floats
    """Return the exact sums of floats (times 2**1074) and of their squares (times 2**2148).

    Each float is m * 2**e with a whole m of 53 bits, split into halves of 27 and 26: sums of products of
    halves stay inside 64 bits for 500 values at a time, and per exponent they are added as Python's
    integers.
    """
    import numpy as np

    if not array.size:
        return 0, 0
    fraction, exponent = np.frexp(array)
    whole = np.ldexp(fraction, _BITS).astype(np.int64)
    order = np.argsort(exponent.astype(np.int16), kind="stable")
    whole, exponent = whole[order], exponent[order]
    high, low = whole >> 26, whole & (2**26 - 1)
    edges = np.flatnonzero(np.concatenate(([True], exponent[1:] != exponent[:-1])))
    starts = np.unique(np.concatenate((edges, np.arange(0, len(whole), 500))))
    parts = [
        np.add.reduceat(item, starts).tolist() for item in (high, low, high * high, high * low, low * low)
    ]
    total = squares = 0
    for power, a, b, aa, ab, bb in zip(exponent[starts].tolist(), *parts, strict=True):
        shift = power - _BITS + _LEAST
        total += _shifted((a << 26) + b, shift)
        squares += _shifted((aa << 52) + (ab << 27) + bb, 2 * shift)
    return total, squares


def _shifted(number: int, shift: int) -> int:
    """Return number * 2**shift; of a subnormal float the bits that a negative shift drops are zeros."""
    return number << shift if shift >= 0 else number >> -shift


@dataclass(frozen=True)
class Moments(OfColumn):
    """The `sum`, `mean` or `deviation` of the values is inside bounds."""

    what: str = "sum"

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return the number of rows that count; the sums are no expressions."""
        return (self.elements(),)

    def state(self, answers: tuple[Any, ...], part: PartView) -> MomentsState:
        """Return the sums of a part."""
        found = part.frame.select(self.values().alias("found"))["found"].drop_nulls()
        return moments_of(found, int(answers[0] or 0))

    def judge(self, state: MomentsState, rows: int) -> Finding:
        """Judge the number."""
        del rows
        found = {"sum": state.sum, "mean": state.mean, "deviation": state.deviation}[self.what]()
        # A sum of integers is a whole number; whatever else is found was rounded.
        compared = on_bound(found, self.bounds) if isinstance(found, float) else found
        success = compared is not None and self.bounds.holds(compared)
        return aggregate_finding(success, state.rows, found, state.rows - state.count)
