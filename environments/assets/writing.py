"""Writing data files: typed batches in, Parquet parts out, in bounded memory.

Invariants:
1. The same batches give the same bytes: no clock, no path and no random number stands in a part.
2. Row groups are small where there are few rows, so that these too have partitions for several workers, and
   end where the content says (`grouping`): rows that were inserted or appended leave the others as they were.
3. A part is closed at `PART_ROWS`; an asset without rows has one part without rows.

Example:
    with PartWriter(draft.path, arrow_schema(contract)) as writer:
        for table in batches:
            writer.write(table)
    rows = writer.rows
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from environments.assets.grouping import first_size, group_length, repeating, row_hashes, size_after
from environments.private import disk_errors

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PART_ROWS", "PartWriter"]

PART_ROWS = 8_388_608


class PartWriter:
    """Collects rows into row groups and parts.

    Attributes:
        rows: written so far.
        paths: of the parts, in order.
    """

    def __init__(self, folder: Path, schema: pa.Schema, *, part_rows: int = PART_ROWS) -> None:
        """Name the folder of the parts and the schema of every batch."""
        self.rows = 0
        self.paths: list[Path] = []
        self._folder = folder
        self._schema = schema
        self._part_rows = part_rows
        self._first = 0
        self._pending: list[pa.Table] = []
        self._waiting = 0
        self._writer: Any = None
        self._in_part = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        elif self._writer is not None:
            self._writer.close()

    def write(self, table: pa.Table) -> None:
        """Take a batch; whole row groups are written, the rest waits.

        Raises:
            UnreachableError: the disk refuses.
        """
        if self._first == 0 and table.num_rows:
            self._first = first_size(table.num_rows)
        self._pending.append(table)
        self._waiting += table.num_rows
        if self._first and self._waiting >= size_after(self._first, self.rows):
            self._flush(whole_only=True)

    def finish(self) -> None:
        """Write what waits, and close; an asset without rows gets its one empty part."""
        self._flush(whole_only=False)
        if not self.paths:
            self._open(self._schema.empty_table())
        self._close()

    def _flush(self, *, whole_only: bool) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        waiting = pa.concat_tables(self._pending)
        hashes, start = row_hashes(waiting), 0
        while start < waiting.num_rows:
            size = size_after(self._first, self.rows)
            if whole_only and waiting.num_rows - start < size:
                break
            length = group_length(hashes, start, waiting.num_rows, size)
            group = waiting.slice(start, min(length, self._part_rows - self._in_part))
            self._write_group(group)
            start += group.num_rows
        self._pending = [waiting.slice(start)]
        self._waiting = waiting.num_rows - start

    def _write_group(self, group: pa.Table) -> None:
        if self._writer is None:
            self._open(group)
        with disk_errors(f"{self._folder}: the asset cannot be written"):
            self._writer.write_table(group, row_group_size=max(1, group.num_rows))
        self.rows += group.num_rows
        self._in_part += group.num_rows
        if self._in_part >= self._part_rows:
            self._close()

    def _open(self, first: pa.Table) -> None:
        import pyarrow.parquet as pq

        path = self._folder / f"part-{len(self.paths):05d}.parquet"
        with disk_errors(f"{path}: the asset cannot be written"):
            self._writer = pq.ParquetWriter(
                path, self._schema, compression="zstd", store_schema=False, use_dictionary=repeating(first)
            )
        self.paths.append(path)
        self._in_part = 0

    def _close(self) -> None:
        if self._writer is not None:
            with disk_errors(f"{self._folder}: the asset cannot be written"):
                self._writer.close()
            self._writer = None
