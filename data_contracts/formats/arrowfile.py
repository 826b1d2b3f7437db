"""Arrow IPC that others wrote, in its file form and its stream form.

Invariants:
1. The form is told by the first bytes, not by the name.
2. Every batch is validated in full (offsets, UTF-8) before anything looks at a value of it.
3. A batch that claims more rows than the file can hold is refused: a column of type null needs no byte for
   a row.
4. A stream must end with its end marker: one that was cut between two batches would else look whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DataBreaksContractError
from data_contracts.formats.base import BATCH_ROWS, Batch, refusal

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow_batches", "arrow_schema_of"]

_MAGIC = b"ARROW1"
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_MAX_ROWS_PER_BYTE = 1_000
_WHOLE = "a whole Arrow IPC file or stream"


def _opened(path: Path, file: Any) -> Any:  # noqa: ANN401 - pyarrow's own readers
    from pyarrow import ipc

    with path.open("rb") as stream:
        head = stream.read(len(_MAGIC))
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - len(_END)))
        tail = stream.read()
    if not head:
        raise refusal(path, "", "an empty file", _WHOLE)
    if head == _MAGIC:
        return ipc.open_file(file)
    if tail != _END:
        raise refusal(path, "", "a stream without its end", _WHOLE)
    return ipc.open_stream(file)


def _unique_names(path: Path, schema: pa.Schema) -> pa.Schema:
    names = schema.names
    if len(set(names)) != len(names) or "" in names:
        raise refusal(path, "", "a column name that is empty or stands twice", "each name once")
    return schema


def arrow_schema_of(path: Path) -> pa.Schema:
    """Return the file's schema.

    Raises:
        DataBreaksContractError: it is no Arrow IPC, or a name stands twice.
    """
    import pyarrow as pa

    try:
        with pa.OSFile(str(path), "rb") as file, _closing(_opened(path, file)) as reader:
            return _unique_names(path, reader.schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from None


def _closing(reader: Any) -> AbstractContextManager[Any]:  # noqa: ANN401 - a reader of files has no `close`
    return closing(reader) if hasattr(reader, "close") else nullcontext(reader)


def arrow_batches(path: Path, columns: list[str] | None = None) -> Iterator[Batch]:
    """Yield the file's rows; a file without batches gives one empty batch.

    Raises:
        DataBreaksContractError: it is truncated, damaged or no Arrow IPC.
    """
    import pyarrow as pa

    given = False
    most = path.stat().st_size * _MAX_ROWS_PER_BYTE
    schema = arrow_schema_of(path)
    names = None if columns is None else [name for name in columns if name in schema.names]
    try:
        # Mapped, not read: an uncompressed batch is then as large as the file and still costs no memory.
        with pa.memory_map(str(path), "rb") as file, _closing(_opened(path, file)) as reader:
            for batch in _record_batches(reader):
                if batch.num_rows > most:
                    raise refusal(path, "", "a batch that claims more rows than it can hold", _WHOLE)
                batch.validate(full=True)
                table = pa.Table.from_batches([batch])
                for start in range(0, max(1, table.num_rows), BATCH_ROWS):
                    part = table.slice(start, BATCH_ROWS)
                    yield Batch(part if names is None else part.select(names))
                    given = True
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _damaged(path, error) from None
    if not given:
        empty = schema.empty_table()
        yield Batch(empty if names is None else empty.select(names))


def _record_batches(reader: Any) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 - either of pyarrow's readers
    if hasattr(reader, "num_record_batches"):
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
    else:
        yield from reader


def _damaged(path: Path, error: Exception) -> Exception:
    """Return the refusal; the parser's own text may quote values, so only its kind is told."""
    if isinstance(error, DataBreaksContractError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return refusal(path, "", f"damaged Arrow IPC ({type(error).__name__})", _WHOLE)
