"""Parquet that others wrote: opened carefully, and taken only where its types are the contract's.

Invariants:
1. Magic numbers and the footer's length are compared with the file before the footer is parsed; the
   parser's own limits hold besides. A file that claims more rows than it can hold is refused.
2. A column is taken if the contract accepts its type and no value changes on the way to the stored type;
   otherwise the file is refused, with every column at once. Text never becomes a number here.
3. No message holds a value or a name that stands only in the file: an undeclared column is told by its
   place.
4. Memory is one batch of rows, whatever the size of a row group.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DataBreaksContractError
from data_contracts.model import Contract

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_parquet"]

_MAGIC = b"PAR1"
_LEAST = 12
_BATCH = 65_536
_STRINGS = 256 * 1024 * 1024
_CONTAINERS = 8_000_000
_MAX_ROWS_PER_BYTE = 100_000


def _refuse(path: Path, what: str) -> DataBreaksContractError:
    return DataBreaksContractError(
        f"{path}: {what}", remedy="write or fetch the file again; nothing was committed"
    )


def _look(path: Path) -> int:
    """Return the file's size after the checks that need no parser."""
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(4)
        if head != _MAGIC:
            raise _refuse(path, "no Parquet file (its first bytes are others)")
        if size < _LEAST:
            raise _refuse(path, f"a truncated Parquet file ({size} bytes)")
        stream.seek(-8, os.SEEK_END)
        tail = stream.read(8)
    if tail[4:] != _MAGIC:
        raise _refuse(path, "a truncated Parquet file (its footer is missing)")
    footer = int.from_bytes(tail[:4], "little")
    if footer > size - _LEAST:
        raise _refuse(path, f"a damaged Parquet file (a footer of {footer} bytes in {size})")
    return size


def read_parquet(path: Path, contract: Contract) -> Iterator[pa.Table]:
    """Yield tables of the contract's Arrow schema.

    Raises:
        DataBreaksContractError: the file is truncated, damaged, or its columns are not the contract's.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from data_contracts.arrow import arrow_schema

    size = _look(path)
    schema = arrow_schema(contract)
    try:
        file = pq.ParquetFile(
            path, thrift_string_size_limit=_STRINGS, thrift_container_size_limit=_CONTAINERS
        )
        if file.metadata.num_rows > size * _MAX_ROWS_PER_BYTE:
            raise _refuse(path, "a Parquet file that claims more rows than it can hold")
        found = file.schema_arrow
        _compare(path, contract, found)
        names = list(contract.object.names)
        for batch in file.iter_batches(batch_size=_BATCH, columns=names):
            table = pa.Table.from_batches([batch]).select(names)
            table.validate(full=True)
            yield _convert(path, table, schema)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        # The parser's own text may quote values: only its kind is told.
        raise _refuse(path, f"a damaged Parquet file ({type(error).__name__})") from None


def _compare(path: Path, contract: Contract, found: pa.Schema) -> None:
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


def _convert(path: Path, table: pa.Table, schema: pa.Schema) -> pa.Table:
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
