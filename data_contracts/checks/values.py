"""Values of a contract (JSON) as values of a column, and comparisons that round nothing.

Invariants:
1. A bound is compared in the column's own type. Where the bound is no value of that type (0.5 for an
   integer, an integer above 2^53 for a float), the test is rewritten to an equal one that is.
2. A text, a truth or a date stands for nothing else: what is no value of the column raises ValueError, and
   its rule is `not_evaluated`.
"""

from __future__ import annotations

import math
import operator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import column_type, kind_of
from data_contracts.model import Column

if TYPE_CHECKING:
    import polars as pl

__all__ = ["beyond", "is_float", "typed", "zone_of"]

_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_TESTS = {
    "minimum": "<",
    "exclusiveMinimum": "<=",
    "maximum": ">",
    "exclusiveMaximum": ">=",
}


def is_float(column: Column) -> bool:
    """Whether the column holds binary fractions."""
    from pyarrow import types

    return kind_of(column) == "number" and types.is_floating(column_type(column))


def typed(column: Column, word: Any) -> Any:  # noqa: ANN401 - a JSON value to a value of the column
    """Return a contract's JSON value as a value of the column's type.

    Raises:
        ValueError: it is none; the rule is then `not_evaluated`.
    """
    kind = kind_of(column)
    if kind in {"date", "time", "timestamp"}:
        return _moment(column, kind, word)
    if isinstance(word, int | float) and not isinstance(word, bool) and kind in {"integer", "number"}:
        return _number(column, word)
    if isinstance(word, str if kind == "string" else bool if kind == "boolean" else ()):
        return word
    raise ValueError(kind)


def _number(column: Column, word: float) -> Any:  # noqa: ANN401 - an int, a float or a Decimal
    if kind_of(column) == "integer":
        if word != int(word):
            raise ValueError(word)
        return int(word)
    return float(word) if is_float(column) else Decimal(repr(word))


def _moment(column: Column, kind: str, word: Any) -> Any:  # noqa: ANN401 - JSON to a moment
    if not isinstance(word, str):
        raise ValueError(kind)  # noqa: TRY004 - as every word that is no value of the column
    if kind == "date":
        return date.fromisoformat(word)
    if kind == "time":
        return time.fromisoformat(word)
    moment = datetime.fromisoformat(word)
    if column.options.get("timezone") and moment.tzinfo is None:
        return moment.replace(tzinfo=zone_of(column))
    return moment


def zone_of(column: Column) -> Any:  # noqa: ANN401 - a tzinfo
    """Return the zone of the column's times that say none."""
    from zoneinfo import ZoneInfo

    name = column.options.get("defaultTimezone")
    return UTC if name in (None, "Etc/UTC", "UTC") else ZoneInfo(str(name))


def beyond(column: Column, values: pl.Expr, word: str, bound: Any) -> pl.Expr:  # noqa: ANN401 - JSON
    """Return what is true where a value lies outside the bound that the option `word` sets.

    Raises:
        ValueError: the bound is no value that this column can be compared with.
    """
    test = _TESTS[word]
    kind = kind_of(column)
    if kind in {"integer", "number"}:
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
            raise ValueError(kind)
        if kind == "integer":
            return _integer(column, values, test, Fraction(repr(bound)))
        if is_float(column):
            return _float(values, test, bound)
        return _compare(values, test, Decimal(repr(bound)))
    return _compare(values, test, typed(column, bound))


def _compare(values: pl.Expr, test: str, bound: Any) -> pl.Expr:  # noqa: ANN401 - a typed value
    found: pl.Expr = _COMPARE[test](values, bound)
    return found


def _integer(column: Column, values: pl.Expr, test: str, bound: Fraction) -> pl.Expr:
    import polars as pl

    unsigned = column.options.get("format") == "u64"
    low, high = (0, 2**64 - 1) if unsigned else (-(2**63), 2**63 - 1)
    whole = math.ceil(bound) if test in {"<", ">="} else math.floor(bound)
    if not low <= whole <= high:
        # No value of the column's type reaches the bound: all lie on one side of it.
        all_break = (whole > high) == (test[0] == "<")
        return values.is_not_null() if all_break else values.is_null() & values.is_not_null()
    return _compare(values, test, pl.lit(whole, dtype=pl.UInt64 if unsigned else pl.Int64))


def _float(values: pl.Expr, test: str, bound: float) -> pl.Expr:
    import polars as pl

    # A float in a contract is the double that it reads as; a great integer may lie between two doubles.
    near = float(bound)
    if Fraction(near) < Fraction(bound):
        test = {"<": "<=", ">=": ">"}.get(test, test)
    elif Fraction(near) > Fraction(bound):
        test = {"<=": "<", ">": ">="}.get(test, test)
    return _compare(values, test, pl.lit(near, dtype=pl.Float64))
