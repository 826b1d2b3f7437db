"""Contract types as Arrow types: the one form in which data of a contract is stored.

Invariants:
1. `arrow_schema` is a function of the contract alone. It carries no metadata, and every field is
   nullable: `required` is a rule that a check counts, not a reason to fail while writing.
2. `accepts` says whether an existing column may stand for the contract's type. It never accepts a
   type that could need a guess (text for a number, a float for an integer, a local time for UTC).
3. A type without an Arrow form is an error by name; nothing falls back to text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from data_contracts.errors import UsageError
from data_contracts.model import Column, Contract, SchemaObject

if TYPE_CHECKING:
    import pyarrow as pa

Values: TypeAlias = Any
"""A pyarrow.Array of any type: the published stubs know neither nested types nor mixed operands."""

__all__ = [
    "Values",
    "accepts",
    "array_of",
    "arrow_schema",
    "binary_width",
    "column_type",
    "compute",
    "in_utc",
    "kind_of",
    "object_schema",
]

_PHYSICAL = {
    "string": "char|varchar|character|character varying|text|string|nvarchar|clob|uuid",
    "integer": "int|integer|bigint|smallint|tinyint|int64|int32|int16|int8|long|short|serial|bigserial",
    "number": "float|double|double precision|real|numeric|decimal|number|float64|float32",
    "boolean": "bool|boolean",
    "date": "date|date32",
    "timestamp": "timestamp|datetime",
    "time": "time",
}
_BY_PHYSICAL = {word: kind for kind, words in _PHYSICAL.items() for word in words.split("|")}
_SIZED = re.compile(
    r"\s*(?P<base>[a-z0-9 ]*[a-z0-9])\s*(?:\(\s*(?P<a>[0-9]+)\s*(?:,\s*(?P<b>[0-9]+)\s*)?\))?\s*"
)
_MAX_DECIMAL = 38


def compute() -> Any:  # noqa: ANN401 - the stubs of pyarrow.compute refuse arrays of an unknown type
    """Return pyarrow.compute, imported when first used."""
    import pyarrow.compute

    return pyarrow.compute


def array_of(values: Sequence[Any], kind: Values) -> Values:
    """Return text, bytes or booleans as an Arrow array of that type.

    `pyarrow.array` of a list imports pandas wherever it is installed: half a second, and 40 MB a process.
    """
    import polars as pl

    words = {"string": pl.String, "binary": pl.Binary, "bool": pl.Boolean}
    return pl.Series(values, dtype=words[str(kind)]).to_arrow().cast(kind)


def in_utc(values: Values) -> Values:
    """Return timestamps with a zone, also inside objects and arrays, as the same instants named in UTC.

    The values of such a column are instants already; the zone is a name for people, written by whoever wrote
    the file, and no engine knows every name (`-05:30`, or one that there is not).
    """
    wanted = _in_utc(values.type)
    return values if wanted == values.type else values.cast(wanted)


def _in_utc(kind: Values) -> Values:
    import pyarrow as pa
    from pyarrow import types

    if types.is_timestamp(kind) and kind.tz is not None:
        return pa.timestamp(kind.unit, tz="UTC")
    if types.is_struct(kind):
        return pa.struct([field.with_type(_in_utc(field.type)) for field in kind])
    if types.is_list(kind):
        return pa.list_(_in_utc(kind.value_type))
    return pa.large_list(_in_utc(kind.value_type)) if types.is_large_list(kind) else kind


def _sized(physical: str) -> tuple[str, int | None, int | None]:
    match = _SIZED.fullmatch(physical.lower())
    if match is None:
        return "", None, None
    first, second = match["a"], match["b"]
    return match["base"], int(first) if first else None, int(second) if second else None


def kind_of(column: Column) -> str:
    """Return the column's logical type, read off the physical type where only that is written; or ''."""
    return column.logical_type or _BY_PHYSICAL.get(_sized(column.physical_type)[0], "")


def binary_width(column: Column) -> int | None:
    """Return n for a physical type `binary(n)`: bytes that a person sees as hex; else None."""
    base, width, _ = _sized(column.physical_type)
    return width if base == "binary" else None


def _decimal(column: Column) -> tuple[int, int] | None:
    base, precision, scale = _sized(column.physical_type)
    if base not in {"decimal", "numeric", "number"} or precision is None or precision > _MAX_DECIMAL:
        return None
    return precision, scale or 0


def column_type(column: Column) -> pa.DataType:
    """Return the Arrow type in which the column is stored.

    Raises:
        UsageError: the contract's type has no Arrow form (none written, an object without properties).
    """
    import pyarrow as pa

    kind = kind_of(column)
    if kind == "string":
        return pa.string() if binary_width(column) is None else pa.binary()
    if kind == "integer":
        return pa.uint64() if column.options.get("format") == "u64" else pa.int64()
    if kind == "number":
        decimal = _decimal(column)
        return pa.float64() if decimal is None else pa.decimal128(*decimal)
    if kind == "timestamp":
        return pa.timestamp("us", tz="UTC" if column.options.get("timezone") else None)
    if kind == "object" and column.children:
        return pa.struct([pa.field(child.name, column_type(child)) for child in column.children])
    if kind == "array" and column.children:
        return pa.list_(column_type(column.children[0]))
    simple: dict[str, pa.DataType] = {"boolean": pa.bool_(), "date": pa.date32(), "time": pa.time64("us")}
    if kind not in simple:
        raise UsageError(
            f"column {column.name}: no storable type",
            remedy="give it a logicalType (and properties or items)",
        )
    return simple[kind]


def object_schema(item: SchemaObject) -> pa.Schema:
    """Return the Arrow schema of one schema object.

    Raises:
        UsageError: some column has no storable type.
    """
    import pyarrow as pa

    return pa.schema([pa.field(column.name, column_type(column)) for column in item.columns])


def arrow_schema(contract: Contract) -> pa.Schema:
    """Return the Arrow schema of the contract's data object.

    Raises:
        UsageError: it has not exactly one, or some column has no storable type.
    """
    return object_schema(contract.object)


def accepts(column: Column, found: Values) -> bool:
    """Whether data of type `found` may stand for the column; what it holds is checked by rules."""
    from pyarrow import types

    if types.is_null(found):
        return bool(kind_of(column))  # A column of nothing but nulls has no type of its own.
    if types.is_dictionary(found):
        found = found.value_type
    kind = kind_of(column)
    if kind == "string" and binary_width(column) is not None:
        return types.is_binary(found) or types.is_large_binary(found) or types.is_fixed_size_binary(found)
    if kind == "timestamp":
        return types.is_timestamp(found) and (found.tz is not None) == bool(column.options.get("timezone"))
    if kind == "object":
        return types.is_struct(found) and (not column.children or _struct_accepts(column, found))
    if kind == "array":
        lists = types.is_list(found) or types.is_large_list(found)
        return lists and (not column.children or accepts(column.children[0], found.value_type))
    if kind == "number":
        exact = types.is_decimal if _decimal(column) is not None else types.is_floating
        return exact(found) or types.is_integer(found)
    families = {
        "string": (types.is_string, types.is_large_string, types.is_string_view),
        "integer": (types.is_integer,),
        "boolean": (types.is_boolean,),
        "date": (types.is_date32,),
        "time": (types.is_time,),
    }
    return any(test(found) for test in families.get(kind, ()))


def _struct_accepts(column: Column, found: Values) -> bool:
    names = [field.name for field in found]
    wanted = [child.name for child in column.children]
    return sorted(names) == sorted(wanted) and all(
        accepts(child, found.field(child.name).type) for child in column.children
    )
