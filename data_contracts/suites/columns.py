"""What a column is, as far as the meaning of an expectation depends on it.

Great Expectations (GX) judges what pandas makes of a column, and pandas makes different things of one column
with nulls and without. So a kind names what streams with one meaning; every other type is `other`, and an
expectation on such a column is judged by GX's own engine.

Invariants:
1. A NaN is no value: pandas cannot tell it from a null. `value` gives null for both.
2. Types are those of the asset's own schema; nothing here looks at data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

__all__ = ["NUMERIC", "ColumnType", "column_types", "member", "value"]

NUMERIC = frozenset({"integer", "float", "boolean"})


@dataclass(frozen=True)
class ColumnType:
    """One column of the asset.

    Attributes:
        name: its name.
        kind: `integer`, `float`, `boolean`, `text`, `date`, `timestamp`, `null`, or `other`.
        dtype: numpy's name of what pandas holds it as where no value is missing (`int32`, `datetime64[us]`).
        unit: of a timestamp: `s`, `ms`, `us` or `ns`.
        zone: of a timestamp: its time zone; None where it has none.
        floating: whether it may hold NaN (of any width; only the usual one is of kind `float`).
    """

    name: str
    kind: str
    dtype: str = "object"
    unit: str = ""
    zone: str | None = None
    floating: bool = False

    def dtype_of(self, *, nulls: bool) -> str:
        """Return the name of the dtype that pandas holds the column as, with nulls or without."""
        if self.kind == "integer" and nulls:
            return "float64"
        if self.kind == "boolean" and nulls:
            return "object"
        return self.dtype


def column_types(schema: Any) -> Mapping[str, ColumnType]:  # noqa: ANN401 - a pyarrow schema
    """Return the columns of an asset by name; one whose name occurs twice is not among them."""
    names = list(schema.names)
    return {name: _typed(name, schema.field(name).type) for name in names if names.count(name) == 1}


def _typed(name: str, found: Any) -> ColumnType:  # noqa: ANN401 - a pyarrow type
    from pyarrow import types

    if types.is_integer(found):
        return ColumnType(name, "integer", str(found))
    if types.is_floating(found):
        usual = types.is_float64(found)
        return ColumnType(
            name, "float" if usual else "other", "float64" if usual else "object", floating=True
        )
    if types.is_boolean(found):
        return ColumnType(name, "boolean", "bool")
    if types.is_string(found) or types.is_large_string(found):
        return ColumnType(name, "text", "str")
    if types.is_date32(found):
        return ColumnType(name, "date")
    if types.is_timestamp(found):
        zone = None if found.tz is None else str(found.tz)
        dtype = f"datetime64[{found.unit}{'' if zone is None else ', ' + zone}]"
        return ColumnType(name, "timestamp", dtype, found.unit, zone)
    return ColumnType(name, "null" if types.is_null(found) else "other")


def value(column: ColumnType) -> pl.Expr:
    """Return the column's values, null where there is none."""
    import polars as pl

    found = pl.col(column.name)
    return found.fill_nan(None) if column.floating else found


def member(column: ColumnType, found: Any, members: Collection[Any]) -> Any:  # noqa: ANN401 - expression or series
    """Return whether values (an expression or a series) are among some; null where there is no value."""
    import polars as pl

    if column.kind == "integer":
        dtype = getattr(pl, column.dtype.replace("uint", "UInt").replace("int", "Int"))
        # A number that the type cannot hold is no value of the column.
        low, high = pl.select(dtype.min(), dtype.max().alias("max")).row(0)
        fitting = [int(item) for item in members if int(item) == item and low <= item <= high]
        return found.is_in(pl.Series(fitting, dtype=dtype).implode())
    dtype = {"float": pl.Float64, "boolean": pl.Boolean, "text": pl.String}[column.kind]
    return found.is_in(pl.Series(list(members), dtype=dtype).implode())
