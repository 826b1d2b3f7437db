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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DataBreaksContractError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Files", "read_row_groups"]


@dataclass(frozen=True)
class Files:
    """Parquet files as a `Reading`; picklable."""

    paths: tuple[Path, ...]

    def __call__(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield the row groups."""
        for _, table in self.parts(columns):
            yield table

    def parts(self, columns: list[str] | None = None) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
        """Yield the names of all columns, and the rows, of each row group; of a file without any, no rows.

        Raises:
            DataBreaksContractError: a file is truncated, no Parquet file, or contradicts itself.
        """
        import pyarrow as pa

        for path in self.paths:
            try:
                yield from _parts(path, columns)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise _broken(path, "not a whole Parquet file") from None


def _parts(path: Path, columns: list[str] | None) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, memory_map=False) as file:
        schema = file.schema_arrow
        names = tuple(schema.names)
        asked = None if columns is None else set(columns)
        wanted = None if asked is None else [name for name in names if name in asked]
        if not file.num_row_groups:
            empty = schema.empty_table()
            yield names, empty if wanted is None else empty.select(wanted)
        _agree(path, file)
        for index in range(file.num_row_groups):
            table = file.read_row_group(index, columns=wanted, use_threads=False)
            if wanted is None or wanted:
                _same(path, table.num_rows, file.metadata.row_group(index).num_rows)
            yield names, table


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
