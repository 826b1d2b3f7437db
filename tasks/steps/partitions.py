"""Parts of Parquet files, small enough to name and to send; a worker reads its own.

Invariants:
1. The parts of a set of files cover every row exactly once, in order.
2. A part names a path, a row group and a range of rows in it, never the rows.

Example:
    >>> split_rows(10, 3)
    [(0, 4), (4, 3), (7, 3)]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Form", "Part", "WriteResult", "apply_part", "cut", "read_part", "split_rows", "write_part"]

Form = Literal["arrow", "polars", "pandas"]


@dataclass(frozen=True)
class Part:
    """A range of rows of one row group of one file.

    Attributes:
        index: the part's place among all.
        path: the file.
        group: the row group.
        start: first row inside the group.
        rows: how many.
        columns: which; None is all.
    """

    index: int
    path: str
    group: int
    start: int
    rows: int
    columns: tuple[str, ...] | None = None


def split_rows(rows: int, pieces: int) -> list[tuple[int, int]]:
    """Return (start, length) of `pieces` ranges as even as can be; fewer where there are fewer rows."""
    pieces = max(1, min(pieces, rows))
    base, extra = divmod(rows, pieces)
    lengths = [base + (index < extra) for index in range(pieces)]
    return [(sum(lengths[:index]), length) for index, length in enumerate(lengths)]


def cut(paths: Sequence[Path], at_least: int, columns: tuple[str, ...] | None = None) -> list[Part]:
    """Cut files into parts: each row group, and smaller where that gives fewer than `at_least`."""
    import pyarrow.parquet as pq

    groups: list[tuple[str, int, int]] = []
    for path in paths:
        metadata = pq.read_metadata(path)
        groups += [
            (str(path), index, metadata.row_group(index).num_rows) for index in range(metadata.num_row_groups)
        ]
    total = sum(rows for _, _, rows in groups)
    parts: list[Part] = []
    for file, group, rows in groups:
        # A group gets its share of the parts that are wanted, rounded up.
        pieces = max(1, -(-at_least * rows // total)) if total else 1
        for start, length in split_rows(rows, pieces):
            parts.append(Part(len(parts), file, group, start, length, columns))
    return parts


def read_part(part: Part, form: Form = "arrow") -> Any:  # noqa: ANN401 - one of three kinds of table
    """Read one part, as an Arrow table, a Polars frame or an Arrow-backed pandas frame."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(part.path) as file:
        table = file.read_row_group(part.group, columns=None if part.columns is None else list(part.columns))
    table = table.slice(part.start, part.rows)
    if form == "arrow":
        return table
    if form == "polars":
        import polars as pl

        return pl.from_arrow(table)
    import pandas as pd

    return table.to_pandas(types_mapper=pd.ArrowDtype)


def apply_part(part: Part, function: Callable[..., Any], form: Form, *args: object) -> Any:  # noqa: ANN401
    """Read one part and return `function(table, *args)`."""
    return function(read_part(part, form), *args)


@dataclass(frozen=True)
class WriteResult:
    """What one part wrote.

    Attributes:
        rows: of each output, in order.
        value: what the function returned besides its tables.
    """

    rows: tuple[int, ...]
    value: Any = None


def write_part(
    part: Part, function: Callable[..., Any], form: Form, folders: tuple[str, ...], *args: object
) -> WriteResult:
    """Read one part, and write each table that `function(table, *args)` returns into its folder.

    The same part writes the same file, so a part that is computed twice is written once.
    """
    import pyarrow.parquet as pq

    answer = function(read_part(part, form), *args)
    tables = answer if isinstance(answer, tuple) else (answer,)
    value = tables[len(folders)] if len(tables) > len(folders) else None
    rows = []
    for folder, table in zip(folders, tables, strict=False):
        arrow = to_arrow(table)
        target = Path(folder) / f"part-{part.index:05d}.parquet"
        if arrow.num_rows or part.index == 0:
            # An empty part leaves no file, but the first keeps the schema of what may be empty.
            draft = target.with_name(f"{target.name}.draft")
            pq.write_table(arrow, draft, compression="zstd", row_group_size=1 << 20)
            draft.replace(target)
        rows.append(arrow.num_rows)
    return WriteResult(tuple(rows), value)


def to_arrow(table: Any) -> Any:  # noqa: ANN401 - one of three kinds of table
    """Return any of the three kinds as an Arrow table, without an index."""
    import pyarrow as pa

    if isinstance(table, pa.Table):
        return table
    if hasattr(table, "to_arrow"):
        return table.to_arrow()
    return pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
