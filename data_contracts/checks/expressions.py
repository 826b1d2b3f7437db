"""Rules as Polars expressions: true in the rows that break them.

Invariants:
1. A null breaks no rule but `required`, `nullValues` and `missingValues`.
2. A NaN is a value. It keeps no bound and no enumeration, and no infinite value is a number of JSON:
   both break `COLUMN.type`.
3. Bounds compare in the column's own type; nothing is rounded to be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import binary_width, kind_of
from data_contracts.checks.patterns import to_engine
from data_contracts.checks.rules import Rule, Scope
from data_contracts.model import Column

if TYPE_CHECKING:
    import polars as pl

__all__ = ["missing", "unexpected"]

_INTEGER_BITS = {"i8": 8, "i16": 16, "i32": 32, "u8": 8, "u16": 16, "u32": 32, "u64": 64}
_TOLERANCE = 1e-9


def missing(rule: Rule, column: Column) -> pl.Expr:
    """Return an expression that is true where there is no value."""
    import polars as pl

    values = pl.col(column.name)
    tokens = (rule.operand or {}).get("missingValues", []) if rule.scope is Scope.MISSING else []
    words = [_typed(column, token) for token in tokens if token is not None]
    none = values.is_null()
    return none | values.is_in(words).fill_null(value=False) if words else none


def unexpected(rule: Rule, column: Column) -> pl.Expr:
    """Return an expression that is true where the row breaks the rule, and never null."""
    import polars as pl

    values = pl.col(column.name)
    if rule.scope is Scope.TYPE:
        return _type(column, values).fill_null(value=False)
    if rule.scope is Scope.MISSING:
        return missing(rule, column)
    if rule.word == "invalidValues":
        broken = _invalid(rule.operand, column, values)
    else:
        broken = _TESTS[rule.word](values, _operand(column, rule))
    if _is_float(column):
        broken = broken | values.is_nan()
    return broken.fill_null(value=False)


def _type(column: Column, values: pl.Expr) -> pl.Expr:
    """What the storage type alone does not say: finite numbers, the width of integers and of bytes."""
    import polars as pl

    kind = kind_of(column)
    width = binary_width(column)
    if kind == "string" and width is not None:
        return values.bin.size() != width
    if _is_float(column):
        return ~values.is_finite()
    word = str(column.options.get("format", ""))
    if kind == "integer" and word in _INTEGER_BITS:
        bits = _INTEGER_BITS[word]
        low, high = (0, 2**bits - 1) if word.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return ~values.is_between(low, high)
    return pl.lit(value=False)


def _is_float(column: Column) -> bool:
    from pyarrow import types

    from data_contracts.arrow import column_type

    return kind_of(column) == "number" and types.is_floating(column_type(column))


def _invalid(arguments: dict[str, Any], column: Column, values: pl.Expr) -> pl.Expr:
    import polars as pl

    broken: pl.Expr = pl.lit(value=False)
    if "validValues" in arguments:
        valid = [_typed(column, word) for word in arguments["validValues"] if word is not None]
        broken = broken | ~values.is_in(valid)
    if "pattern" in arguments:
        broken = broken | _pattern(values, arguments["pattern"])
    return broken


def _pattern(values: pl.Expr, pattern: str) -> pl.Expr:
    broken: pl.Expr = ~values.str.contains(to_engine(pattern), strict=True)
    return broken


def _multiple(values: pl.Expr, operand: Any) -> pl.Expr:  # noqa: ANN401 - a number
    if isinstance(operand, int):
        remainder: pl.Expr = values % operand
        return remainder != 0
    # Of binary fractions no remainder is exact: 0.3 is a multiple of 0.1 to nine digits.
    quotient: pl.Expr = values / operand
    return (quotient - quotient.round()).abs() > _TOLERANCE


_TESTS: dict[str, Callable[[Any, Any], Any]] = {
    "minimum": lambda values, bound: values < bound,
    "exclusiveMinimum": lambda values, bound: values <= bound,
    "maximum": lambda values, bound: values > bound,
    "exclusiveMaximum": lambda values, bound: values >= bound,
    "multipleOf": _multiple,
    "minLength": lambda values, bound: values.str.len_chars() < bound,
    "maxLength": lambda values, bound: values.str.len_chars() > bound,
    "pattern": _pattern,
}
_LENGTHS = {"minLength", "maxLength", "pattern", "multipleOf"}


def _operand(column: Column, rule: Rule) -> Any:  # noqa: ANN401 - whatever the rule compares with
    return rule.operand if rule.word in _LENGTHS else _typed(column, rule.operand)


def _typed(column: Column, word: Any) -> Any:  # noqa: ANN401 - a JSON value to a value of the column
    """Return a contract's JSON value as a value of the column's type.

    Raises:
        ValueError: it is none; the rule is then `not_evaluated`.
    """
    kind = kind_of(column)
    if kind == "date":
        return date.fromisoformat(word)
    if kind == "time":
        return time.fromisoformat(word)
    if kind == "timestamp":
        moment = datetime.fromisoformat(word)
        if column.options.get("timezone") and moment.tzinfo is None:
            return moment.replace(tzinfo=_zone(column))
        return moment
    wanted: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int, float),
        "number": (int, float),
        "boolean": (bool,),
    }
    if not isinstance(word, wanted.get(kind, ())) or (kind != "boolean" and isinstance(word, bool)):
        raise ValueError(kind)
    return word


def _zone(column: Column) -> Any:  # noqa: ANN401 - a tzinfo
    from zoneinfo import ZoneInfo

    name = column.options.get("defaultTimezone")
    return UTC if name in (None, "Etc/UTC", "UTC") else ZoneInfo(str(name))
