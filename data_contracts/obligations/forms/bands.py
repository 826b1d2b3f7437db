"""`generalise: {bands: [0, 18, 65]}`: a band in the place of each number.

Bands are half-open and the last has no upper end. They are written `[0,18)` … `[90,)` (design §4). A value
below the first bound, and one that is no number, has no band.

Example:
    >>> bands_of([0, 18, 65.5])
    ['[0,18)', '[18,65.5)', '[65.5,)']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from data_contracts.arrow import Values, compute, kind_of
from data_contracts.digest import canonical
from data_contracts.model import Column

__all__ = ["Bands", "bands_of"]

_MAX_BANDS = 1000


def bands_of(bounds: Sequence[float]) -> list[str]:
    """Return the bands between ascending bounds, in the one form in which they are written."""
    words = [canonical(bound).decode() for bound in bounds]
    return [f"[{low},{high})" for low, high in pairwise(words)] + [f"[{words[-1]},)"]


class Bands:
    """Numbers by half-open bands."""

    key = "bands"

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """Ascending numbers, on a column of numbers."""
        found = []
        if set(parameters) != {"bands"}:
            found.append(("`bands` stands alone", "{bands: [0, 18, 65]}"))
        bounds = parameters["bands"]
        numbers = isinstance(bounds, list) and all(
            isinstance(bound, int | float) and not isinstance(bound, bool) for bound in bounds
        )
        if not numbers or not 1 <= len(bounds) <= _MAX_BANDS or any(a >= b for a, b in pairwise(bounds)):
            found.append(("`bands` is no ascending list of numbers", "the lower bound of each band"))
        if kind_of(column) not in {"integer", "number"}:
            found.append(("a column that holds no numbers has no bands", "an integer or number column"))
        return found

    def promise(self, parameters: Mapping[str, Any], column: Column) -> dict[str, Any]:
        """One of the bands."""
        rule = {
            "name": f"{column.name}.bands",
            "type": "library",
            "metric": "invalidValues",
            "arguments": {"validValues": bands_of(parameters["bands"])},
            "mustBe": 0,
        }
        return {"quality": [rule]}

    def words(self, parameters: Mapping[str, Any], values: Values) -> Values:
        """Return each value's band."""
        import polars as pl
        import pyarrow as pa

        bounds: list[float] = parameters["bands"]
        numbers = pl.Series(pl.from_arrow(values)).cast(pl.Float64)
        has = numbers.is_not_null() & (numbers >= bounds[0]) & numbers.is_not_nan()
        edges = pl.Series(bounds, dtype=pl.Float64)
        known = pl.select(pl.when(has).then(numbers).otherwise(pl.lit(bounds[0], pl.Float64))).to_series()
        words = pl.Series(bands_of(bounds))[edges.search_sorted(known, side="right") - 1]
        result: Values = pl.select(pl.when(has).then(words)).to_series().to_arrow()
        return result.cast(pa.string())

    def right(self, parameters: Mapping[str, Any], source: Values, output: Values) -> Values:
        """Compare each number with the bounds of the band that its output names."""
        pc = compute()
        bounds: list[float] = parameters["bands"]
        right = pc.and_(pc.is_null(source), pc.is_null(output))
        for index, band in enumerate(bands_of(bounds)):
            inside = pc.greater_equal(source, bounds[index])
            if index + 1 < len(bounds):
                inside = pc.and_(inside, pc.less(source, bounds[index + 1]))
            right = pc.or_(right, pc.fill_null(pc.and_(inside, pc.equal(output, band)), fill_value=False))
        return right
