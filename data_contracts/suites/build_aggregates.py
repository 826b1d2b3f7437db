"""Expectations on one number, or on the distinct values, of one column, made into measures."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from typing import Any

from data_contracts.measure import KeyMeasure, Measure
from data_contracts.suites.arguments import Arguments, Bounds, is_number
from data_contracts.suites.build_values import set_members
from data_contracts.suites.measures import distribution, extremes, frequencies, keys, order, shares, sums
from data_contracts.suites.row_conditions import RowCondition
from data_contracts.suites.wanted import Unfamiliar

__all__ = [
    "contain_set",
    "distinct_in_set",
    "equal_set",
    "kl_divergence",
    "maximum",
    "mean",
    "median",
    "minimum",
    "most_common",
    "non_null_proportion",
    "quantiles",
    "stdev",
    "total",
    "unique_count",
    "unique_proportion",
]

Condition = RowCondition | None
_NEAR = 1.0e-4
_ALL = 1.0e-5


def minimum(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_min_to_be_between`."""
    return _extreme(arguments, condition, greatest=False)


def maximum(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_max_to_be_between`."""
    return _extreme(arguments, condition, greatest=True)


def _extreme(arguments: Arguments, condition: Condition, *, greatest: bool) -> Measure:
    column = arguments.column("integer", "float", "boolean", "text", "date", "timestamp")
    kinds: dict[str, tuple[type, ...]] = {
        "date": (date,),
        "timestamp": (datetime,),
        "text": (float, date, datetime),
    }
    bounds = arguments.bounds(*kinds.get(column.kind, (float,)))
    if column.kind == "timestamp" and any((b.tzinfo is None) != (column.zone is None) for b in bounds.given):
        raise Unfamiliar("min_value")
    return extremes.Extreme(column, bounds, condition, greatest)


def total(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_sum_to_be_between`."""
    return _moments(arguments, condition, "sum")


def mean(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_mean_to_be_between`."""
    return _moments(arguments, condition, "mean")


def stdev(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_stdev_to_be_between`."""
    return _moments(arguments, condition, "deviation")


def _moments(arguments: Arguments, condition: Condition, what: str) -> Measure:
    return sums.Moments(arguments.column("integer", "float"), arguments.bounds(float), condition, what)


def median(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_median_to_be_between`."""
    bounds = arguments.bounds(float)
    if len(bounds.given) > 1 and bounds.low > bounds.high:
        raise Unfamiliar("min_value")
    return order.Median(arguments.column("integer", "float"), bounds, condition)


def quantiles(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_quantile_values_to_be_between`."""
    said = arguments.get("quantile_ranges")
    if not isinstance(said, dict) or set(said) != {"quantiles", "value_ranges"}:
        raise Unfamiliar("quantile_ranges")
    at, ranges = said["quantiles"], said["value_ranges"]
    if not isinstance(at, list) or not at or not all(is_number(item) and 0 <= item <= 1 for item in at):
        raise Unfamiliar("quantile_ranges")
    if not isinstance(ranges, list) or len(ranges) != len(at):
        raise Unfamiliar("quantile_ranges")
    method = arguments.get("allow_relative_error", False) or "nearest"
    if method not in {"nearest", "lower", "higher", "midpoint", "linear"}:
        raise Unfamiliar("allow_relative_error")
    bands = tuple(_range(item) for item in ranges)
    column = arguments.column("integer", "float")
    return order.Quantiles(column, Bounds(), condition, tuple(map(float, at)), bands, method)


def _range(said: Any) -> order.Band:  # noqa: ANN401 - JSON
    if not isinstance(said, list) or len(said) != 2 or not all(x is None or is_number(x) for x in said):  # noqa: PLR2004
        raise Unfamiliar("quantile_ranges")
    low, high = said
    if low is not None and high is not None and low > high:
        raise Unfamiliar("quantile_ranges")
    return order.Band(low, high, rtol=_NEAR)


def unique_count(arguments: Arguments, condition: Condition) -> KeyMeasure:
    """`expect_column_unique_value_count_to_be_between`."""
    return _distinct(arguments, condition, int, proportion=False)


def unique_proportion(arguments: Arguments, condition: Condition) -> KeyMeasure:
    """`expect_column_proportion_of_unique_values_to_be_between`."""
    return _distinct(arguments, condition, float, proportion=True)


def _distinct(arguments: Arguments, condition: Condition, kind: type, *, proportion: bool) -> KeyMeasure:
    column = arguments.column("integer", "float", "boolean", "text", "date", "timestamp")
    return keys.DistinctCount(column, condition, arguments.bounds(kind), proportion)


def non_null_proportion(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_proportion_of_non_null_values_to_be_between`."""
    return shares.ValueShare(arguments.column(), arguments.bounds(float), condition)


def distinct_in_set(arguments: Arguments, condition: Condition) -> KeyMeasure:
    """`expect_column_distinct_values_to_be_in_set`."""
    column = arguments.column("integer", "float", "boolean", "text")
    members = set_members(column, arguments.get("value_set"))
    if not members:
        raise Unfamiliar("value_set")
    return keys.DistinctInSet(column, condition, members)


def contain_set(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_distinct_values_to_contain_set`."""
    return _occurs(arguments, condition, exact=False)


def equal_set(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_distinct_values_to_equal_set`."""
    return _occurs(arguments, condition, exact=True)


def _occurs(arguments: Arguments, condition: Condition, *, exact: bool) -> Measure:
    column = arguments.column("integer", "float", "boolean", "text")
    members = set_members(column, arguments.get("value_set"))
    return frequencies.SetOccurs(column, Bounds(), condition, members, exact)


def most_common(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_most_common_value_to_be_in_set`."""
    column = arguments.column("integer", "float", "boolean", "text")
    members = set_members(column, arguments.get("value_set"))
    ties = arguments.flag("ties_okay", null=True)
    return frequencies.MostCommon(column, Bounds(), condition, members, ties)


def kl_divergence(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_kl_divergence_to_be_less_than`."""
    said, column = arguments.get("partition_object"), arguments.column("integer", "float", "text")
    threshold = arguments.get("threshold")
    tail = float(arguments.number("tail_weight_holdout", 0))
    inner = float(arguments.number("internal_weight_holdout", 0))
    plain = threshold is None or (is_number(threshold) and threshold >= 0)
    if not isinstance(said, dict) or not plain or not (0 <= tail <= 1 and 0 <= inner <= 1):
        raise Unfamiliar("partition_object")
    if arguments.get("min_value") is not None or arguments.get("max_value") is not None:
        raise Unfamiliar("min_value")
    weights = _weights(said.get("weights"))
    if set(said) == {"values", "weights"} and not inner:
        members = set_members(column, said["values"])
        if len(members) != len(weights) or len(said["values"]) != len(weights) or not _whole(weights):
            raise Unfamiliar("partition_object")
        pairs = tuple(zip(members, weights, strict=True))
        return distribution.ValueDivergence(column, Bounds(), condition, pairs, threshold, tail)
    if column.kind == "text" or not arguments.flag("bucketize_data", default=True):
        raise Unfamiliar("partition_object")
    bins, tails = _bins(said, weights, tail)
    held = _held(weights, tail, inner)
    return distribution.BinnedDivergence(column, Bounds(), condition, bins, held, tails, threshold)


def _weights(said: Any) -> tuple[float, ...]:  # noqa: ANN401 - JSON
    if not isinstance(said, list) or not said or not all(is_number(item) and item >= 0 for item in said):
        raise Unfamiliar("partition_object")
    return tuple(map(float, said))


def _whole(weights: tuple[float, ...]) -> bool:
    return abs(sum(weights) - 1) <= _ALL


def _bins(
    said: dict[str, Any], weights: tuple[float, ...], tail: float
) -> tuple[tuple[float, ...], tuple[float, float]]:
    bins, tails = said.get("bins"), said.get("tail_weights")
    if not set(said) <= {"bins", "weights", "tail_weights"} or not isinstance(bins, list):
        raise Unfamiliar("partition_object")
    if len(bins) != len(weights) + 1 or not all(map(is_number, bins)):
        raise Unfamiliar("partition_object")
    if not all(low < high for low, high in pairwise(bins)):
        raise Unfamiliar("partition_object")
    if tails is None:
        if not _whole(weights):
            raise Unfamiliar("partition_object")
        return tuple(map(float, bins)), (tail / 2, tail / 2)
    ends = _weights(tails)
    if len(ends) != 2 or tail or not _whole((*weights, *ends)):  # noqa: PLR2004 - one below, one above
        raise Unfamiliar("partition_object")
    return tuple(map(float, bins)), (ends[0], ends[1])


def _held(weights: tuple[float, ...], tail: float, inner: float) -> tuple[float, ...]:
    """Return the weights with both holdouts taken off; bins without weight share the inner one."""
    left = [weight * (1 - tail - inner) for weight in weights]
    empty = sum(1 for weight in left if not weight)
    return tuple(inner / empty if inner and empty and not weight else weight for weight in left)
