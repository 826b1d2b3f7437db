"""Text to typed columns, for files that hold text only.

Invariants:
1. A cell becomes null only where its text is one of the column's missing tokens (`isthmusMissing`); an empty
   cell is the empty text, and so unreadable as a number unless "" is a token.
2. What cannot be read as the column's type is counted and flagged, never guessed: no spaces are trimmed,
   no thousands separators, no rounding of integers, no `inf`, no `nan` as a number.
3. The result is in the contract's own Arrow types, columns in the contract's order.

Dates and times are ISO 8601, or in the column's `format` where it has one (letters of Java's
DateTimeFormatter: y M d H m s S). A column with `timezone: true` takes texts with an offset (or `Z`) alone
and keeps the instant, in UTC; any other takes texts without one alone. No zone is ever assumed. A leap second
is no second of any type here, and so unreadable: it would become the next minute's first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_contracts.arrow import Values, array_of, binary_width, column_type, compute, kind_of, object_schema
from data_contracts.errors import DataBreaksContractError, UsageError
from data_contracts.model import Column, Contract

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["ParsedTable", "Unreadable", "parse_column", "parse_table"]

_INTEGER = r"^[+-]?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_ISO = {
    "date": (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "%Y-%m-%d"),
    "timestamp": (
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,6})?$",
        "%Y-%m-%d %H:%M:%S%.f",
    ),
    "time": (r"^[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,6})?$", "%H:%M:%S%.f"),
}
_ZONE = r"(Z|[+-][0-9]{2}:?[0-9]{2})$"
_RUNS = re.compile(r"([A-Za-z])\1*|[^A-Za-z]")
_JAVA = {
    "yyyy": "%Y",
    "MM": "%m",
    "dd": "%d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "SSS": "%3f",
    "SSSSSS": "%6f",
}


@dataclass(frozen=True)
class Unreadable:
    """Cells of one column that could not be read as its type.

    Attributes:
        id: the rule's id: `COLUMN.type`.
        column: the column.
        count: how many cells.
    """

    id: str
    column: str
    count: int


@dataclass(frozen=True)
class ParsedTable:
    """Typed columns, and what could not be read.

    Attributes:
        table: columns of the contract's Arrow schema; an unreadable cell is null here.
        rejected: one flag per row: it has an unreadable cell.
        unreadable: counts per rule (`COLUMN.type`); empty where all was read.
    """

    table: pa.Table
    rejected: pa.BooleanArray
    unreadable: tuple[Unreadable, ...]


def parse_table(contract: Contract, table: pa.Table) -> ParsedTable:
    """Convert a table of text (no nulls) with the contract's columns, in any order.

    Raises:
        DataBreaksContractError: the table's columns are not the contract's.
        UsageError: some column's type has no text form (an object, an array).
    """
    import pyarrow as pa

    item = contract.object
    if sorted(table.column_names) != sorted(item.names):
        absent = len(set(item.names) - set(table.column_names))
        extra = table.num_columns - len(item.names) + absent
        raise DataBreaksContractError(
            f"schema.columns: {absent} columns of {contract.reference} are not in the file, {extra} more are",
            remedy=f"the contract's columns are {', '.join(item.names)}",
        )
    columns: list[Values] = []
    flags: list[Values] = []
    unreadable: list[Unreadable] = []
    for column in item.columns:
        values, broken = parse_column(column, table.column(column.name))
        columns.append(values)
        count = int(compute().sum(broken).as_py() or 0)
        if count:
            flags.append(broken)
            unreadable.append(Unreadable(f"{column.name}.type", column.name, count))
    rejected = array_of([False] * table.num_rows, pa.bool_())
    for broken in flags:
        rejected = compute().or_(rejected, broken)
    return ParsedTable(pa.table(columns, schema=object_schema(item)), rejected, tuple(unreadable))


def parse_column(column: Column, text: Values) -> tuple[Values, Values]:
    """Return the column's values in its type, and one flag per cell that could not be read; null stays null.

    Raises:
        UsageError: the column's type has no text form.
    """
    import polars as pl
    import pyarrow as pa

    words = pl.Series(column.name, pl.from_arrow(text), dtype=pl.String)
    if column.missing_tokens:
        words = pl.select(pl.when(~words.is_in(list(column.missing_tokens))).then(words)).to_series()
    typed = _typed(column, words)
    broken = words.is_not_null() & typed.is_null()
    values = typed.to_arrow().cast(column_type(column), safe=True)
    return values, broken.to_arrow().cast(pa.bool_())


def _typed(column: Column, words: pl.Series) -> pl.Series:
    import polars as pl

    kind = kind_of(column)
    width = binary_width(column)
    if kind == "string" and width is not None:
        sound = words.str.contains(f"^([0-9A-Fa-f]{{2}}){{{width}}}$")
        return _where(words, sound).str.decode("hex")
    if kind == "string":
        return words
    if kind == "boolean":
        lowered = words.str.to_lowercase()
        return _where(lowered == "true", lowered.is_in(["true", "false"]))
    if kind == "integer":
        unsigned = column.options.get("format") == "u64"
        return _where(words, words.str.contains(_INTEGER)).cast(
            pl.UInt64 if unsigned else pl.Int64, strict=False
        )
    if kind == "number":
        return _number(column, _where(words, words.str.contains(_NUMBER)))
    if kind in _ISO:
        return _moment(column, kind, words)
    raise UsageError(
        f"column {column.name}: {kind or 'a type that is not said'} has no text form",
        remedy="add the data as Parquet",
    )


def _where(values: pl.Series, sound: pl.Series) -> pl.Series:
    import polars as pl

    return pl.select(pl.when(sound).then(values)).to_series()


def _number(column: Column, words: pl.Series) -> pl.Series:
    import polars as pl
    from pyarrow import types

    wanted: Values = column_type(column)
    if types.is_decimal(wanted):
        # More digits after the point than the scale would be rounded, so they are unreadable.
        exact = words.str.contains(rf"^[+-]?[0-9]+(\.[0-9]{{0,{wanted.scale}}})?$")
        return _where(words, exact).cast(pl.Decimal(wanted.precision, wanted.scale), strict=False)
    numbers = words.cast(pl.Float64, strict=False)
    return _where(numbers, numbers.is_finite())


def _moment(column: Column, kind: str, words: pl.Series) -> pl.Series:
    import polars as pl

    said = column.options.get("format")
    zoned = kind == "timestamp" and bool(column.options.get("timezone"))
    if said is not None and not zoned:
        layout = _layout(column, str(said))
        sound = ~words.str.contains(_leap_second(layout))
    else:
        pattern, layout = _ISO[kind]
        sound = words.str.contains(pattern.removesuffix("$") + _ZONE if zoned else pattern)
    clean = _where(words, sound)
    if kind == "date":
        return clean.str.strptime(pl.Date, layout, strict=False, exact=True)
    if kind == "time":
        return clean.str.strptime(pl.Time, layout, strict=False, exact=True)
    clean = clean.str.replace("T", " ", literal=True)
    if not zoned:
        return clean.str.strptime(pl.Datetime("us"), layout, strict=False, exact=True)
    clean = clean.str.replace(r"Z$", "+0000")
    return clean.str.strptime(pl.Datetime("us", "UTC"), layout + "%z", strict=False, exact=True)


def _leap_second(layout: str) -> str:
    """Return a pattern of the texts of a layout whose second is the sixtieth."""
    parts = re.split(r"(%[36]?[A-Za-z])", layout)
    digits = ["60" if part == "%S" else "[0-9]+" if part[:1] == "%" else re.escape(part) for part in parts]
    return f"^{''.join(digits)}$" if "%S" in parts else r"[^\s\S]"


def _layout(column: Column, said: str) -> str:
    """Return a Java date pattern in the letters of strptime.

    Raises:
        UsageError: it has letters that are not supported.
    """
    parts = [match.group(0) for match in _RUNS.finditer(said)]
    if any(part[0].isalpha() and part not in _JAVA for part in parts) or "%" in said:
        raise UsageError(
            f"column {column.name}: a date format that is not supported",
            remedy="use yyyy MM dd HH mm ss SSS and punctuation, or no format for ISO 8601",
        )
    return "".join(_JAVA.get(part, part) for part in parts)
