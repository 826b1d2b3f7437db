"""Parquet files as the parts of an asset.

Invariants:
1. A footer says where columns lie, and nothing else: no statistic of it is read. Whoever wrote the file wrote
   those too; this system reads its own files no other way, since decoding them is what a check is.
2. Its numbers of rows must agree with each other and with what was decoded, or the file is refused. Bytes
   beyond the rows that all of them name are seen by no reader, and nothing that crosses is a copy of them.
3. Nothing of a file's content is in an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DataBreaksContractError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Files", "read_row_groups"]

_REPEATS = 1.5
"""Bytes of a text, on average, below which it is read as a dictionary: less than its offset alone takes."""


@dataclass(frozen=True)
class Files:
    """Parquet files as a `Reading`; picklable."""

    paths: tuple[Path, ...]

    def __call__(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield the row groups."""
        for _, table in self.parts(columns):
            yield table

    def parts(
        self, columns: list[str] | None = None, *, dictionaries: bool = False
    ) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
        """Yield the names of all columns, and the rows, of each row group; of a file without any, no rows.

        Args:
            columns: only these.
            dictionaries: texts that seem to repeat may come as dictionary columns, which is cheaper.

        Raises:
            DataBreaksContractError: a file is truncated, no Parquet file, or contradicts itself.
        """
        import pyarrow as pa

        for path in self.paths:
            try:
                yield from _parts(path, columns, dictionaries=dictionaries)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise _broken(path, "not a whole Parquet file") from None


def _parts(
    path: Path, columns: list[str] | None, *, dictionaries: bool
) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        with _reusing():
            file = stack.enter_context(pq.ParquetFile(path, memory_map=False))
            schema = file.schema_arrow
            again = _repeating(file) if dictionaries else []
            if again:
                file = stack.enter_context(pq.ParquetFile(path, memory_map=False, read_dictionary=again))
        names = tuple(schema.names)
        asked = None if columns is None else set(columns)
        wanted = None if asked is None else [name for name in names if name in asked]
        if not file.num_row_groups:
            empty = schema.empty_table()
            yield names, empty if wanted is None else empty.select(wanted)
        _agree(path, file)
        for index in range(file.num_row_groups):
            with _reusing():
                table = file.read_row_group(index, columns=wanted, use_threads=False)
            if wanted is None or wanted:
                _same(path, table.num_rows, file.metadata.row_group(index).num_rows)
            yield names, table


def _repeating(file: Any) -> list[str]:  # noqa: ANN401 - a ParquetFile
    """Return columns of text that take so few bytes that they must repeat; a wrong guess costs only time."""
    from pyarrow import types

    if not file.num_row_groups:
        return []
    group = file.metadata.row_group(0)
    texts = {field.name for field in file.schema_arrow if types.is_string(field.type)}
    chunks = (group.column(at) for at in range(file.metadata.num_columns))
    return [
        chunk.path_in_schema
        for chunk in chunks
        if chunk.path_in_schema in texts
        and chunk.total_uncompressed_size < _REPEATS * max(1, chunk.num_values)
    ]


@contextmanager
def _reusing() -> Iterator[None]:
    """Read into memory that is kept for the next row group: else a third of the time is the kernel's."""
    import pyarrow as pa

    before = pa.default_memory_pool()
    try:
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    except NotImplementedError:  # not built in
        yield
        return
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def _agree(path: Path, file: Any) -> None:  # noqa: ANN401 - a ParquetFile
    """Compare the numbers of rows that a footer names."""
    metadata = file.metadata
    flat = [at for at in range(metadata.num_columns) if not file.schema.column(at).max_repetition_level]
    rows = 0
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        rows += group.num_rows
        for at in flat:
            _same(path, group.column(at).num_values, group.num_rows)
    _same(path, rows, metadata.num_rows)


def _same(path: Path, left: int, right: int) -> None:
    if left != right:
        raise _broken(path, "its numbers of rows contradict each other")


def _broken(path: Path, what: str) -> DataBreaksContractError:
    return DataBreaksContractError(f"{path.name}: {what}", remedy="write the file again")


def read_row_groups(paths: Sequence[Path], columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield the row groups of Parquet files, one at a time; a file without any yields one empty table.

    Raises:
        DataBreaksContractError: a file is truncated or no Parquet file.
    """
    return Files(tuple(paths))(columns)
