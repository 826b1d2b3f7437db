"""`generalise`: a band in the place of each number.

Invariants:
1. Bands are half-open and the last has no upper end. They are written `[0,18)` … `[90,)` (design §4).
2. Null stays null. A value below the first bound, and one that is no number, breaks `COLUMN.generalise`.
3. Nothing finer than the band survives: the output holds no other text than the bands.

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
from data_contracts.labels import Classification, Labels
from data_contracts.model import Column
from data_contracts.obligations.base import (
    ColumnAlone,
    Context,
    Evidence,
    Keeps,
    ObligationBrokenError,
    rewritten,
)

__all__ = ["Generalise", "bands_of"]

_MAX_BANDS = 1000


def bands_of(bounds: Sequence[float]) -> list[str]:
    """Return the bands between ascending bounds, in the one form in which they are written."""
    words = [canonical(bound).decode() for bound in bounds]
    return [f"[{low},{high})" for low, high in pairwise(words)] + [f"[{words[-1]},)"]


class Generalise(ColumnAlone):
    """A number becomes its band."""

    name = "generalise"
    keeps = Keeps.NOTHING

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """Ascending numbers, on a column of numbers."""
        found = []
        if set(parameters) != {"bands"}:
            found.append(("`generalise` takes `bands` and nothing else", "{bands: [0, 18, 65]}"))
        bounds = parameters.get("bands", [0])
        numbers = isinstance(bounds, list) and all(
            isinstance(bound, int | float) and not isinstance(bound, bool) for bound in bounds
        )
        if not numbers or not 1 <= len(bounds) <= _MAX_BANDS or any(a >= b for a, b in pairwise(bounds)):
            found.append(("`bands` is no ascending list of numbers", "the lower bound of each band"))
        if kind_of(column) not in {"integer", "number"}:
            found.append(("a column that holds no numbers has no bands", "an integer or number column"))
        return found

    def labels(self, labels: Labels) -> Labels:
        """A verified band is one step less than the value, and never less than internal."""
        lowered = max(Classification.INTERNAL, labels.classification - 1)
        return Labels(Classification(min(labels.classification, lowered)), labels.categories)

    def arrival(
        self, parameters: Mapping[str, Any], column: Column, declared: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Text, and one of the bands."""
        rule = {
            "name": f"{column.name}.bands",
            "type": "library",
            "metric": "invalidValues",
            "arguments": {"validValues": bands_of(parameters["bands"])},
            "mustBe": 0,
        }
        return rewritten(
            column, declared, self.labels(column.labels), {"logicalType": "string", "quality": [rule]}
        )

    def transform(
        self,
        parameters: Mapping[str, Any],
        column: Column,
        values: Values,
        context: Context,  # noqa: ARG002 - the protocol's
    ) -> Values:
        """Return each value's band.

        Raises:
            ObligationBrokenError: some value is below the first bound or no number.
        """
        import polars as pl
        import pyarrow as pa

        bounds: list[float] = parameters["bands"]
        numbers = pl.Series(pl.from_arrow(values)).cast(pl.Float64)
        outside = int(((numbers < bounds[0]) | numbers.is_nan()).sum())
        if outside:
            raise ObligationBrokenError(f"{column.name}.generalise", outside)
        edges = pl.Series(bounds, dtype=pl.Float64)
        places = edges.search_sorted(numbers.fill_null(bounds[0]), side="right") - 1
        words = pl.Series(bands_of(bounds))[places]
        present = pl.select(pl.when(numbers.is_not_null()).then(words)).to_series()
        result: Values = present.to_arrow()
        return result.cast(pa.string())

    def prove(
        self,
        parameters: Mapping[str, Any],
        column: Column,  # noqa: ARG002 - the protocol's
        source: Values,
        output: Values | None,
        context: Context,  # noqa: ARG002
        key: bytes,  # noqa: ARG002
    ) -> Evidence:
        """Count rows that hold another text than the band in which the source's value lies."""
        import pyarrow as pa

        pc = compute()

        if output is None or len(output) != len(source) or output.type != pa.string():
            return Evidence(outside=max(len(source), 1))
        bounds: list[float] = parameters["bands"]
        right = pc.and_(pc.is_null(source), pc.is_null(output))
        for index, band in enumerate(bands_of(bounds)):
            inside = pc.greater_equal(source, bounds[index])
            if index + 1 < len(bounds):
                inside = pc.and_(inside, pc.less(source, bounds[index + 1]))
            right = pc.or_(right, pc.fill_null(pc.and_(inside, pc.equal(output, band)), fill_value=False))
        return Evidence(outside=len(source) - int(pc.sum(right).as_py() or 0))
