"""Writing data files: typed batches in, Parquet parts out, in bounded memory.

Invariants:
1. The same batches give the same bytes: no clock, no path and no random number stands in a part.
2. A row group has at most `MOST_ROWS` rows: an eighth of the first batch, so that a small asset still has
   partitions for several workers, and twice as many after every eight groups, so that a large one does not
   have too many. The largest end, from a quarter of that size on, behind a row that its content chooses:
   rows that were inserted change the groups around them and leave those behind them as they were.
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

from environments.private import disk_errors

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LEAST_ROWS", "MOST_ROWS", "PART_ROWS", "PartWriter"]

LEAST_ROWS = 1024
MOST_ROWS = 131_072
PART_ROWS = 8_388_608
_GROUPS = 8


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
        self._group = 0
        self._written = 0
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
        if self._group == 0 and table.num_rows:
            self._group = min(MOST_ROWS, max(LEAST_ROWS, -(-table.num_rows // _GROUPS)))
        self._pending.append(table)
        self._waiting += table.num_rows
        if self._group and self._waiting >= self._group:
            self._flush(whole_only=True)

    def finish(self) -> None:
        """Write what waits, and close; an asset without rows gets its one empty part."""
        self._flush(whole_only=False)
        if not self.paths:
            self._open()
        self._close()

    def _flush(self, *, whole_only: bool) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        waiting = pa.concat_tables(self._pending)
        start = 0
        while start < waiting.num_rows:
            if whole_only and waiting.num_rows - start < self._group:
                break
            size = _chosen(waiting.slice(start, self._group)) if self._group == MOST_ROWS else self._group
            group = waiting.slice(start, min(size, self._part_rows - self._in_part))
            self._write_group(group)
            start += group.num_rows
        self._pending = [waiting.slice(start)]
        self._waiting = waiting.num_rows - start

    def _write_group(self, group: pa.Table) -> None:
        if self._writer is None:
            self._open()
        with disk_errors(f"{self._folder}: the asset cannot be written"):
            self._writer.write_table(group, row_group_size=max(1, group.num_rows))
        self.rows += group.num_rows
        self._in_part += group.num_rows
        self._written += 1
        if self._written % _GROUPS == 0:
            self._group = min(MOST_ROWS, self._group * 2)
        if self._in_part >= self._part_rows:
            self._close()

    def _open(self) -> None:
        import pyarrow.parquet as pq

        path = self._folder / f"part-{len(self.paths):05d}.parquet"
        with disk_errors(f"{path}: the asset cannot be written"):
            self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", store_schema=False)
        self.paths.append(path)
        self._in_part = 0

    def _close(self) -> None:
        if self._writer is not None:
            with disk_errors(f"{self._folder}: the asset cannot be written"):
                self._writer.close()
            self._writer = None


def _chosen(rows: pa.Table) -> int:
    """Return how many of these rows are a group: up to one whose hash says so, or all.

    Another version of Polars may hash otherwise: groups then end elsewhere, and are sent anew once.
    """
    import polars as pl

    window = rows.slice(MOST_ROWS // 4)
    names = [field.name for field in rows.schema if _plain(field.type)]
    if not names or not window.num_rows:
        return rows.num_rows
    hashes = pl.DataFrame(pl.from_arrow(window.select(names))).hash_rows(1)
    found = (hashes % (MOST_ROWS // 4) == 0).arg_max()
    end = found if found is not None and hashes[found] % (MOST_ROWS // 4) == 0 else window.num_rows - 1
    return MOST_ROWS // 4 + end + 1


def _plain(kind: pa.DataType) -> bool:
    import pyarrow as pa

    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_binary)
    return any(is_of(kind) for is_of in kinds)
