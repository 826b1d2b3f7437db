"""`topCode`, `bottomCode` and `clamp`: a bound in the place of every number beyond it.

Invariants:
1. `topCode: {at: 90}` writes 90 for 90 and everything above, and leaves what is below as it is; `bottomCode`
   does so at the other end, `clamp: {bottom: 0, top: 90}` at both. 90 then means "90 or more".
2. Null stays null. What is no number (NaN) breaks the rule; an infinite number is beyond its bound.
3. Values between the bounds cross unchanged, so nothing is lowered: the labels stay.

45 CFR 164.514(b)(2)(i)(C) lets ages over 89 cross "aggregated into a single category of age 90 or older":
`topCode: {at: 90}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from data_contracts.arrow import Values, column_type, compute, kind_of
from data_contracts.labels import Labels
from data_contracts.model import Column
from data_contracts.obligations.base import (
    ColumnAlone,
    Context,
    Evidence,
    Keeps,
    ObligationBrokenError,
    rewritten,
)

__all__ = ["Limit"]

_LOW = ("minimum", "exclusiveMinimum")
_HIGH = ("maximum", "exclusiveMaximum")


@dataclass(frozen=True)
class Limit(ColumnAlone):
    """Numbers kept within bounds.

    Attributes:
        name: the word in contracts.
        bottom_key: the parameter that is the lower bound; empty where there is none.
        top_key: the parameter that is the upper bound; empty where there is none.
    """

    name: str
    bottom_key: str = ""
    top_key: str = ""
    keeps = Keeps.NOTHING

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """Its bounds, of the column's own type, with something between them."""
        keys = {key for key in (self.bottom_key, self.top_key) if key}
        example = "{" + ", ".join(f"{key}: {number}" for key, number in zip(sorted(keys), (0, 90))) + "}"  # noqa: B905 - one or two
        if set(parameters) != keys:
            return [(f"`{self.name}` takes {' and '.join(sorted(keys))}", example)]
        kind = kind_of(column)
        if kind not in {"integer", "number"}:
            return [("a column that holds no numbers has no bounds", "an integer or number column")]
        numbers = all(_number(value, whole=kind == "integer") for value in parameters.values())
        if not numbers or not all(_fits(value, column) for value in parameters.values()):
            return [("a bound that is none of the column's values", "a whole number on an integer column")]
        bottom, top = self._bounds(parameters)
        if bottom is not None and top is not None and bottom >= top:
            return [("no value lies between the bounds", example)]
        low, high = (_declared(column, keys) for keys in (_LOW, _HIGH))
        if (top is not None and low is not None and low >= top) or (
            bottom is not None and high is not None and high <= bottom
        ):
            return [("every value that keeps the contract is beyond the bound", "a bound among the values")]
        return []

    def labels(self, labels: Labels) -> Labels:
        """The same: most values cross as they are."""
        return labels

    def arrival(
        self, parameters: Mapping[str, Any], column: Column, declared: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The column's own type, within the bounds."""
        bottom, top = self._bounds(parameters)
        options = {key: column.options[key] for key in (*_LOW, *_HIGH, "format") if key in column.options}
        low, high = _declared(column, _LOW), _declared(column, _HIGH)
        if bottom is not None and (low is None or low < bottom):
            options = {key: value for key, value in options.items() if key not in _LOW} | {"minimum": bottom}
        if top is not None and (high is None or high > top):
            options = {key: value for key, value in options.items() if key not in _HIGH} | {"maximum": top}
        changes = {key: declared[key] for key in ("logicalType", "physicalType") if key in declared}
        changes["logicalTypeOptions"] = options
        return rewritten(column, declared, labels=self.labels(column.labels), changes=changes)

    def transform(
        self,
        parameters: Mapping[str, Any],
        column: Column,
        values: Values,
        context: Context,  # noqa: ARG002 - the protocol's
    ) -> Values:
        """Return each value, or the bound that it is beyond.

        Raises:
            ObligationBrokenError: some value is no number.
        """
        pc = compute()
        lost = int(pc.sum(pc.is_nan(values)).as_py() or 0) if str(values.type) == "double" else 0
        if lost:
            raise ObligationBrokenError(f"{column.name}.{self.name}", lost)
        bottom, top = (_scalar(bound, values) for bound in self._bounds(parameters))
        if bottom is not None:
            values = pc.max_element_wise(values, bottom, skip_nulls=False)
        if top is not None:
            values = pc.min_element_wise(values, top, skip_nulls=False)
        return values

    def prove(
        self,
        parameters: Mapping[str, Any],
        column: Column,  # noqa: ARG002 - the protocol's
        source: Values,
        output: Values | None,
        context: Context,  # noqa: ARG002
        key: bytes,  # noqa: ARG002
    ) -> Evidence:
        """Find each row within the bounds and unchanged, or beyond one and at it."""
        if output is None or len(output) != len(source) or output.type != source.type:
            return Evidence(outside=max(len(source), 1))
        pc = compute()
        bottom, top = (_scalar(bound, source) for bound in self._bounds(parameters))
        within = pc.equal(output, source)
        right = pc.and_(pc.is_null(source), pc.is_null(output))
        if bottom is not None:
            within = pc.and_(within, pc.greater_equal(source, bottom))
            beyond = pc.and_(pc.less(source, bottom), pc.equal(output, bottom))
            right = pc.or_(right, pc.fill_null(beyond, fill_value=False))
        if top is not None:
            within = pc.and_(within, pc.less_equal(source, top))
            beyond = pc.and_(pc.greater(source, top), pc.equal(output, top))
            right = pc.or_(right, pc.fill_null(beyond, fill_value=False))
        right = pc.or_(right, pc.fill_null(within, fill_value=False))
        return Evidence(outside=len(source) - int(pc.sum(right).as_py() or 0))

    def _bounds(self, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
        return parameters.get(self.bottom_key), parameters.get(self.top_key)


def _scalar(bound: float | None, values: Values) -> Values:
    """Return the bound in the column's type, or None."""
    return None if bound is None else _in_type(bound, values.type)


def _in_type(bound: float, kind: Values) -> Values:
    import pyarrow as pa

    return pa.scalar(Decimal(str(bound)) if pa.types.is_decimal(kind) else bound, kind)


def _fits(bound: float, column: Column) -> bool:
    import pyarrow as pa

    try:
        _in_type(bound, column_type(column))
    except (pa.ArrowInvalid, OverflowError):
        return False
    return True


def _number(value: object, *, whole: bool) -> bool:
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)


def _declared(column: Column, keys: tuple[str, ...]) -> float | None:
    """Return the bound that the column declares, whether its own value is in or out."""
    found = [column.options[key] for key in keys if _number(column.options.get(key), whole=False)]
    return max(found) if keys == _LOW and found else min(found, default=None)
