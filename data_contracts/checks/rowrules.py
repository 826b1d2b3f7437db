"""Rules on single values, as ODCS states them, and on the number of rows.

Invariants:
1. A null breaks no rule but `required`, `nullValues` and `missingValues`. Where an object is null, nothing
   stands in its place: none of its properties is missing either.
2. A NaN is a value. It keeps no bound and no enumeration, and no infinite value is a number of JSON:
   both break `PATH.type`.
3. Of no rows, every rule on single rows is kept, 0 percent is broken, and the row count is 0: an empty
   data set is judged as Great Expectations judges it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import Values, binary_width, kind_of
from data_contracts.checks.patterns import to_engine
from data_contracts.checks.rules import Limit
from data_contracts.checks.textforms import broken_entries, fixed_form, lengths_beyond, unlike
from data_contracts.checks.values import beyond, is_float, typed
from data_contracts.measure import Counts, Finding, OnePass, PartView
from data_contracts.model import Column
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MISSING_WORDS", "RowCount", "RowRule"]

MISSING_WORDS = frozenset({"required", "nullValues", "missingValues"})
_BITS = {"i8": 8, "i16": 16, "i32": 32, "u8": 8, "u16": 16, "u32": 32}
_F32_MAX = float.fromhex("0x1.fffffep127")
_TOLERANCE = 1e-9
_BOUNDS = {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}


@dataclass(frozen=True)
class RowRule(OnePass):
    """A rule that says of each value, alone, whether it is right.

    Attributes:
        path: of the column.
        column: its type.
        word: which rule: `type`, `required`, an option, a metric.
        operand: what a value is compared with.
        limit: how many may break it; None is none.
        reason: why it failed, where it fails.
        parent: path of the object that it stands in; None at the top, and for items.
    """

    path: str
    column: Column
    word: str
    operand: Any = None
    limit: Limit | None = None
    reason: Reason = Reason.UNEXPECTED_VALUES
    parent: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The column, and the object around it where its absence excuses."""
        excused = self.parent is not None and self.word in MISSING_WORDS
        return (self.path, str(self.parent)) if excused else (self.path,)

    def missing(self) -> pl.Expr | None:
        """Return what is true where there is no value; None where that is null and nothing else."""
        import polars as pl

        tokens = (self.operand or {}).get("missingValues", ()) if self.word == "missingValues" else ()
        words = [typed(self.column, token) for token in tokens if token is not None]
        if not words:
            return None
        values = pl.col(self.path)
        return values.is_null() | values.is_in(words).fill_null(value=False)

    def broken(self) -> pl.Expr | None:
        """Return what is true, and never null, where the value breaks the rule."""
        import polars as pl

        values = pl.col(self.path)
        if self.word in MISSING_WORDS:
            missing = self.missing()
            none = values.is_null() if missing is None else missing
            return none & pl.col(self.parent).is_not_null() if self.parent is not None else none
        found = self._test(values)
        if found is None:
            return None
        if self.word != "type" and is_float(self.column):
            found = found | values.is_nan()
        return found.fill_null(value=False)

    def _test(self, values: pl.Expr) -> pl.Expr | None:
        if self.word == "type":
            return _type(self.column, values)
        if self.word in _BOUNDS:
            return beyond(self.column, values, self.word, self.operand)
        if self.word == "invalidValues":
            return _invalid(self.operand, self.column, values)
        found: pl.Expr = _TESTS[self.word](self.column, values, self.operand)
        return found

    @property
    def only_nulls(self) -> bool:
        """Whether the number of nulls says all: no value is looked at."""
        if self.word in MISSING_WORDS:
            return self.parent is None and self.missing() is None
        return self.word == "type" and self.broken() is None

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Count nulls (free of cost), then what breaks the rule, and what else is missing."""
        import polars as pl

        nulls = pl.col(self.path).null_count()
        if self.only_nulls:
            return (nulls,)
        broken, missing = self.broken(), self.missing()
        counted = (nulls,) if broken is None else (nulls, broken.sum())
        return counted if missing is None else (*counted, missing.sum())

    def quick(self, values: Values) -> int | None:
        """Count what breaks the rule from Arrow's own buffers; None where only an expression is exact."""
        from pyarrow import types

        if kind_of(self.column) != "string" or self.word in MISSING_WORDS or self.word == "type":
            return None
        if types.is_dictionary(values.type):
            test = self.broken()
            return None if test is None else broken_entries(values, self.path, test)
        if self.word in {"minLength", "maxLength"}:
            return lengths_beyond(values, self.operand, least=self.word == "minLength")
        told = self.operand
        if self.word == "invalidValues" and set(told) == {"pattern"}:
            told = told["pattern"]
        form = fixed_form(told) if isinstance(told, str) else None
        return None if form is None else unlike(values, form)

    def state(self, answers: tuple[Any, ...], part: PartView) -> Counts:
        """Return the counts of one part."""
        nulls, *more = (int(answer or 0) for answer in answers)
        alone = nulls if self.word in MISSING_WORDS else 0
        return Counts(part.rows, more[1] if len(more) > 1 else nulls, more[0] if more else alone)

    def judge(self, state: Counts, rows: int) -> Finding:
        """Compare the count with the limit."""
        count = state.unexpected
        holds = not count if self.limit is None else self.limit.holds(count, rows)
        return Finding(holds, rows, state.missing, count, None if holds else self.reason)


@dataclass(frozen=True)
class RowCount(OnePass):
    """How many rows there are."""

    limit: Limit
    columns: tuple[str, ...] = ()

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Nothing: the engine counts rows."""
        return ()

    def state(self, answers: tuple[Any, ...], part: PartView) -> Counts:
        """Return the rows of one part."""
        del answers
        return Counts(part.rows)

    def judge(self, state: Counts, rows: int) -> Finding:
        """Compare the number with the limit; it breaks the rule once, or not at all."""
        del state
        holds = self.limit.holds(rows, rows)
        return Finding(holds, rows, 0, int(not holds), None if holds else Reason.OUT_OF_BOUNDS)


def _type(column: Column, values: pl.Expr) -> pl.Expr | None:
    """What the storage type alone does not say: finite numbers, the width of integers and of bytes."""
    kind = kind_of(column)
    if kind == "string":
        width = binary_width(column)
        return None if width is None else values.bin.size() != width
    word = str(column.options.get("format", ""))
    if is_float(column):
        return values.abs() > _F32_MAX if word == "f32" else ~values.is_finite()
    if kind == "integer" and word == "u128":
        return values < 0
    if kind == "integer" and word in _BITS:
        bits = _BITS[word]
        low, high = (0, 2**bits - 1) if word.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return ~values.is_between(low, high)
    return None


def _invalid(arguments: dict[str, Any], column: Column, values: pl.Expr) -> pl.Expr:
    import polars as pl

    broken: pl.Expr = pl.lit(value=False)
    if "validValues" in arguments:
        valid = [typed(column, word) for word in arguments["validValues"] if word is not None]
        broken = ~values.is_in(valid)
    if "pattern" in arguments:
        broken = broken | _pattern(values, arguments["pattern"])
    return broken


def _pattern(values: pl.Expr, pattern: Any) -> pl.Expr:  # noqa: ANN401 - as the contract says it
    return ~values.str.contains(to_engine(pattern), strict=True)


def _multiple(column: Column, values: pl.Expr, operand: Any) -> pl.Expr:  # noqa: ANN401 - a number
    if kind_of(column) == "number" and not is_float(column):
        return values % Decimal(repr(operand)) != 0
    if operand == int(operand):
        return values % int(operand) != 0
    # Of binary fractions no remainder is exact: 0.3 is a multiple of 0.1 to nine digits.
    quotient = values / float(operand)
    return (quotient - quotient.round()).abs() > _TOLERANCE


def _properties(column: Column, values: pl.Expr) -> pl.Expr:
    """Return how many properties of the object have a value."""
    import polars as pl

    return pl.sum_horizontal([values.struct.field(child.name).is_not_null() for child in column.children])


def _required(values: pl.Expr, names: Any) -> pl.Expr:  # noqa: ANN401 - a list of property names
    import polars as pl

    return pl.any_horizontal([values.struct.field(name).is_null() for name in names])


_TESTS: dict[str, Callable[[Column, Any, Any], Any]] = {
    "multipleOf": _multiple,
    "minLength": lambda _, values, bound: values.str.len_chars() < bound,
    "maxLength": lambda _, values, bound: values.str.len_chars() > bound,
    "pattern": lambda _, values, pattern: _pattern(values, pattern),
    "minItems": lambda _, values, bound: values.list.len() < bound,
    "maxItems": lambda _, values, bound: values.list.len() > bound,
    "uniqueItems": lambda _, values, __: values.list.n_unique() < values.list.len(),
    "minProperties": lambda column, values, bound: (
        values.is_not_null() & (_properties(column, values) < bound)
    ),
    "maxProperties": lambda column, values, bound: (
        values.is_not_null() & (_properties(column, values) > bound)
    ),
    "requiredProperties": lambda _, values, names: values.is_not_null() & _required(values, names),
}
