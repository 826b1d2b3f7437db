"""Parquet that others wrote: looked at before it is parsed, read in batches whatever its row groups.

Invariants:
1. Magic numbers and the footer's length are compared with the file before the footer is parsed; the
   parser's own limits hold besides. A file that claims more rows than it can hold is refused.
2. Every batch is validated in full (UTF-8, offsets). Memory is one batch of rows, whatever the size of a
   row group.
3. The parser's own text may quote values: only its kind is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DataBreaksContractError
from data_contracts.formats.base import BATCH_ROWS, Batch

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["parquet_batches", "parquet_schema"]

_MAGIC = b"PAR1"
_LEAST = 12
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


def _opened(path: Path) -> Any:  # noqa: ANN401 - pyarrow's ParquetFile
    import pyarrow.parquet as pq

    size = _look(path)
    file = pq.ParquetFile(path, thrift_string_size_limit=_STRINGS, thrift_container_size_limit=_CONTAINERS)
    if file.metadata.num_rows > size * _MAX_ROWS_PER_BYTE:
        raise _refuse(path, "a Parquet file that claims more rows than it can hold")
    return file


def _damaged(path: Path, error: Exception) -> Exception:
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return _refuse(path, f"a damaged Parquet file ({type(error).__name__})")


def parquet_schema(path: Path) -> pa.Schema:
    """Return the file's schema as Arrow's.

    Raises:
        DataBreaksContractError: it is truncated, damaged or no Parquet file.
    """
    import pyarrow as pa

    try:
        with _opened(path) as file:
            schema: pa.Schema = file.schema_arrow.remove_metadata()
            return schema
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _damaged(path, error) from None


def parquet_batches(path: Path, columns: list[str] | None = None) -> Iterator[Batch]:
    """Yield the file's rows; a file without rows gives one empty batch.

    Raises:
        DataBreaksContractError: it is truncated, damaged or no Parquet file.
    """
    import pyarrow as pa

    try:
        with _opened(path) as file:
            schema = file.schema_arrow.remove_metadata()
            names = schema.names if columns is None else [name for name in columns if name in schema.names]
            given = False
            # A name that stands twice cannot be asked for by name: such a file is read whole, to be refused.
            asked = None if columns is None or len(set(schema.names)) < len(schema.names) else names
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=asked):
                table = pa.Table.from_batches([batch]).replace_schema_metadata(None)
                table.validate(full=True)
                yield Batch(table if asked is None else table.select(names))
                given = True
            if not given:
                empty = schema.empty_table()
                yield Batch(empty if asked is None else empty.select(names))
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _damaged(path, error) from None
