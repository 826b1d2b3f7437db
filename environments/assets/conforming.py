"""Columns that a file brought with their own types, taken only where they are the contract's.

Invariants:
1. A column is taken if the contract accepts its type and no value changes on the way to the stored type;
   otherwise the file is refused, with every column at once. Text never becomes a number here.
2. No message holds a value or a name that stands only in the file: an undeclared column is told by its
   place.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DataBreaksContractError
from data_contracts.model import Contract

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["compare_columns", "convert_table"]


def compare_columns(path: Path, contract: Contract, found: pa.Schema) -> None:
    """Refuse a file whose columns are not the contract's.

    Raises:
        DataBreaksContractError: with every column that is missing, undeclared, double or of another type.
    """
    from data_contracts.arrow import accepts, column_type

    problems = []
    declared = set(contract.object.names)
    for place, name in enumerate(found.names, 1):
        if name not in declared:
            problems.append(f"column {place} of the file is not declared")
        elif found.names.index(name) != place - 1:
            problems.append(f"{name}: stands in the file twice")
    for column in contract.object.columns:
        if column.name not in found.names:
            problems.append(f"{column.name}: is missing")
        elif not accepts(column, found.field(column.name).type):
            kind = found.field(column.name).type
            problems.append(f"{column.name}: {_kind(kind)}, expected {column_type(column)}")
    if problems:
        lines = "\n  ".join(problems)
        raise DataBreaksContractError(
            f"{path}: its columns are not those of {contract.reference}:\n  {lines}",
            remedy="write the file with the contract's columns and types, or name another contract",
        )


def _kind(found: Any) -> str:  # noqa: ANN401 - an Arrow type
    """Say a type without the names of a struct's fields."""
    import pyarrow as pa

    return "a nested type" if pa.types.is_nested(found) else str(found)


def convert_table(path: Path, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the columns in the stored types and the contract's order.

    Raises:
        DataBreaksContractError: a value would change.
    """
    import pyarrow as pa

    columns = []
    for field in schema:
        column = table.column(field.name)
        try:
            columns.append(column.cast(field.type, safe=True))
        except pa.ArrowException:
            raise DataBreaksContractError(
                f"{path}: column {field.name} holds values that {field.type} cannot hold exactly",
                remedy="write the column in the contract's type; nothing was committed",
            ) from None
    return pa.Table.from_arrays(columns, schema=schema)
