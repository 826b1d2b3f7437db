"""Types of CSV columns that nobody declared, as pandas would find them, which is what GX looks at.

A suite has no types, and a CSV file neither. GX users read it with pandas: a column is whole numbers,
numbers, truth values or text, whichever all its cells can be, and some words mean that there is no value.
This module reads the whole file once to find the types (never a sample), and then in batches of those
types.

Decisions, where pandas depends on how it happens to read:

- one column has one type: pandas looks at large files in pieces, and can end with numbers and texts in one;
- numbers are read exactly (pandas' quick parser can be off in the last digit), without blanks around them;
- whole numbers beyond 63 bits make a column text, and its cells stay what they were.

Invariants:
1. A cell becomes null only where it is one of `MISSING`, the words that pandas takes for no value.
2. Text is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["MISSING", "TypedCsv", "typed_csv"]

Reading = Callable[[list[str] | None], Iterator["pa.Table"]]
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
_TRUE, _FALSE = ("True", "TRUE", "true"), ("False", "FALSE", "false")
_WHOLE = r"^[+-]?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?(?i:inf|infinity)$"
_KINDS = ("integer", "number", "boolean")
"""In the order in which they are tried; text is what remains."""


@dataclass(frozen=True)
class TypedCsv:
    """A CSV file with types.

    Attributes:
        schema: of every table.
        text: reads its cells as text.
    """

    schema: pa.Schema
    text: Reading

    def read(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield the tables: a `Reading`."""
        import pyarrow as pa

        for table in self.text(columns):
            names = table.column_names
            made = {name: _cast(table.column(name), self.schema.field(name).type) for name in names}
            yield pa.table(made)


def typed_csv(text: Reading) -> TypedCsv:
    """Read the whole file and return it with types; a column without any value holds numbers, as in pandas.

    Args:
        text: reads its cells as text, all columns.

    Raises:
        DataBreaksContractError: the file is no strict CSV.
    """
    import pyarrow as pa

    can: dict[str, set[str]] = {}
    some: dict[str, bool] = {}
    for table in text(None):
        for name in table.column_names:
            known = can.setdefault(name, set(_KINDS))
            cells = _cells(table.column(name)).drop_nulls()
            some[name] = some.get(name, False) or len(cells) > 0
            if known and len(cells):
                known &= {kind for kind in known if _is(cells, kind)}
    types: dict[str, pa.DataType] = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
    fields = []
    for name, kinds in can.items():
        kind = next((word for word in _KINDS if word in kinds), "") if some[name] else "number"
        fields.append(pa.field(name, types.get(kind, pa.string())))
    return TypedCsv(pa.schema(fields), text)


def _cells(column: Any) -> pl.Series:  # noqa: ANN401 - an Arrow column of text
    """Return the cells, null where one means no value."""
    import polars as pl

    words = pl.Series("cells", pl.from_arrow(column), dtype=pl.String)
    return pl.select(pl.when(~words.is_in(list(MISSING))).then(words)).to_series()


def _is(cells: pl.Series, kind: str) -> bool:
    """Whether every cell is of a kind."""
    import polars as pl

    if kind == "boolean":
        return bool(cells.is_in([*_TRUE, *_FALSE]).all())
    if not cells.str.contains(_WHOLE if kind == "integer" else _NUMBER).all():
        return False
    if kind == "integer":
        return not cells.cast(pl.Int64, strict=False).has_nulls()
    # Whole numbers beyond 64 bits: as floats they would be others.
    whole = cells.filter(cells.str.contains(_WHOLE))
    return not whole.cast(pl.Int64, strict=False).has_nulls()


def _cast(column: Any, wanted: pa.DataType) -> Any:  # noqa: ANN401 - Arrow columns
    import polars as pl
    import pyarrow as pa

    cells = _cells(column)
    if pa.types.is_integer(wanted):
        cells = cells.cast(pl.Int64)
    elif pa.types.is_floating(wanted):
        cells = cells.cast(pl.Float64)
    elif pa.types.is_boolean(wanted):
        cells = pl.select(pl.when(cells.is_not_null()).then(cells.is_in(list(_TRUE)))).to_series()
    return cells.to_arrow().cast(wanted)
