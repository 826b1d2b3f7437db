"""Sums are exact whatever the order; quantile verdicts are those of the sorted values."""

from __future__ import annotations

import math
import random
import statistics
from fractions import Fraction

import polars as pl
import pyarrow as pa
import pytest
from suite_runner import cut, find

from data_contracts.suites import Wanted, compile_expectation
from data_contracts.suites.measures.sums import MomentsState, moments_of

SIZES = [1e-308, 5e-324, 1.0, 0.1, 1e16, 1e300, -1e300, 3.5, -0.1, 2.2e-311]


def whole(values: list[float], order: random.Random) -> MomentsState:
    """Return the merged state of values, cut anywhere and merged in any order."""
    order.shuffle(values)
    states = []
    while values:
        size = order.randint(1, len(values))
        part, values = values[:size], values[size:]
        states.append(moments_of(pl.Series(part, dtype=pl.Float64), len(part)))
    order.shuffle(states)
    found = states[0]
    for state in states[1:]:
        found = found.merge(state)
    return found


def test_exact_and_rounded_once() -> None:
    for seed in range(150):
        order = random.Random(seed)  # noqa: S311 - repeatable, not secret
        values = [
            order.choice([*SIZES, order.uniform(-1, 1), order.gauss(0, 1e9)])
            for _ in range(order.randint(2, 60))
        ]
        exact = [Fraction(value) for value in values]
        state = whole(list(values), order)
        total = sum(exact)
        assert state.sum() == float(total)
        assert state.mean() == float(total / len(values))
        mean = total / len(values)
        variance = sum((value - mean) ** 2 for value in exact) / (len(values) - 1)
        plain = Fraction(1, 10**250) < variance < 10**300
        wanted = math.sqrt(variance) if plain else None
        found = state.deviation()
        assert found is not None
        assert wanted is None or math.isclose(found, wanted, rel_tol=1e-15, abs_tol=0)


def test_many_values_of_one_size() -> None:
    """More than the 500 that one addition of halves takes."""
    values = [0.1] * 40_000 + [-1e15 - 0.5] * 3
    state = moments_of(pl.Series(values), len(values))
    assert state.sum() == float(sum(map(Fraction, values)))
    assert state.squares == sum(Fraction(value) ** 2 for value in values) * (1 << 2148)


def test_integers_of_any_size() -> None:
    values = [2**63 - 1, -(2**63), 2**62, 5]
    state = moments_of(pl.Series(values), 4)
    assert (state.total, state.squares) == (sum(values), sum(value**2 for value in values))


def test_infinite_values() -> None:
    inf = math.inf
    assert moments_of(pl.Series([1.0, inf]), 2).sum() == inf
    assert moments_of(pl.Series([1.0, inf]), 2).deviation() is None
    assert moments_of(pl.Series([-inf, inf]), 2).sum() is None
    assert moments_of(pl.Series([], dtype=pl.Float64), 0).sum() == 0
    assert moments_of(pl.Series([], dtype=pl.Float64), 0).mean() is None


@pytest.mark.parametrize("method", ["nearest", "lower", "higher", "midpoint", "linear"])
def test_quantile_verdicts_are_those_of_the_sorted_values(method: str) -> None:
    import numpy as np

    for seed in range(80):
        order = random.Random(seed)  # noqa: S311 - repeatable, not secret
        values = [order.randint(-6, 6) / 2 for _ in range(order.randint(1, 12))]
        at = order.choice([0, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9, 1])
        low, high = sorted(order.choice([-3, -1.25, 0, 0.5, 1.75, 3]) for _ in range(2))
        value = float(np.quantile(values, at, method=method))
        inside = low <= value <= high or any(
            abs(value - bound) <= 1e-8 + 1e-4 * abs(bound) for bound in (low, high)
        )
        kwargs = {
            "column": "f",
            "quantile_ranges": {"quantiles": [at], "value_ranges": [[low, high]]},
            "allow_relative_error": method,
        }
        data = pa.table({"f": pl.Series(values, dtype=pl.Float64).to_arrow()})
        made = compile_expectation(
            Wanted("q", "expect_column_quantile_values_to_be_between", kwargs), data.schema
        )
        assert find(made.measure, cut(data, order), order).success == inside, (values, at, low, high)


def test_median_verdicts_are_those_of_the_sorted_values() -> None:
    for seed in range(150):
        order = random.Random(seed)  # noqa: S311 - repeatable, not secret
        values = [order.randint(-6, 6) / 2 for _ in range(order.randint(1, 9))]
        low, high = sorted(order.choice([-3, -1.25, 0, 0.5, 1.75, 3]) for _ in range(2))
        kwargs = {"column": "f", "min_value": low, "max_value": high, "strict_min": seed % 2 == 0}
        median = statistics.median(values)
        data = pa.table({"f": pl.Series(values, dtype=pl.Float64).to_arrow()})
        made = compile_expectation(Wanted("m", "expect_column_median_to_be_between", kwargs), data.schema)
        wanted = (median > low if seed % 2 == 0 else median >= low) and median <= high
        assert find(made.measure, cut(data, order), order).success == wanted


@pytest.mark.parametrize(
    ("kind", "values", "bound"),
    [
        # What GX computed for these, in its own order of adding, and somebody copied into a suite.
        ("stdev", [1.0, 1.0, 3.0], 1.1547005383792517),
        ("sum", [0.1, 0.2, 0.3], 0.6000000000000001),
        ("mean", [0.1, 0.1, 0.1], 0.10000000000000002),
    ],
)
def test_a_number_within_rounding_of_a_bound_is_on_it(kind: str, values: list[float], bound: float) -> None:
    data = pa.table({"f": pl.Series(values).to_arrow()})

    def success(**kwargs: object) -> bool:
        named = {"column": "f", **kwargs}
        made = compile_expectation(Wanted("r", f"expect_column_{kind}_to_be_between", named), data.schema)
        return find(made.measure, [data], random.Random(1)).success  # noqa: S311

    assert success(min_value=bound, max_value=bound)
    assert not success(min_value=bound, strict_min=True)
    assert not success(max_value=bound, strict_max=True)
    assert not success(min_value=bound * (1 + 1e-9))
    assert not success(max_value=bound * (1 - 1e-9))
