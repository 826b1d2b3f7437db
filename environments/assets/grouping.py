"""Where row groups end, and which columns get a dictionary: both follow from the rows up to there.

A version that was written again after a small change is to differ in few bytes. So:

Invariants:
1. A group ends, from a quarter of its largest size on, behind a row whose hash says so. Rows that were
   inserted change the groups around them; the ends behind them are found again. So it is for every size.
2. Sizes are powers of two, so that an end of larger groups is one of smaller groups too. They follow from
   how many rows were written before, up to `USUAL_ROWS`, and from 512 times as many on up to `MOST_ROWS`: the
   last group, which is what appended rows change, stays a small share, and a large file has not too many.
3. A column gets a dictionary only where its first rows repeat: the dictionary of a column of identifiers is a
   second copy of it, and rows that shift change all of it.

Another version of Polars may hash otherwise: groups then end elsewhere, and are sent anew once.

Example:
    for group in cut_groups(table, size=USUAL_ROWS):
        writer.write_table(group, row_group_size=group.num_rows)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "LEAST_ROWS",
    "MOST_ROWS",
    "USUAL_ROWS",
    "cut_groups",
    "first_size",
    "group_length",
    "repeating",
    "row_hashes",
    "size_after",
]

LEAST_ROWS = 1024
USUAL_ROWS = 16_384
MOST_ROWS = 131_072
_GROUPS = 8
_EARLY, _LATE = 32, 512
_LOOKED_AT = 8192


def first_size(rows: int) -> int:
    """Return the size of the first groups: an eighth of the first batch, so that few rows have parts too."""
    share = max(1, rows // _GROUPS)
    return min(USUAL_ROWS, max(LEAST_ROWS, _power(share)))


def size_after(first: int, rows: int) -> int:
    """Return how large groups are where so many rows were written before."""
    usual = min(USUAL_ROWS, max(first, _power(rows // _EARLY)))
    return max(usual, min(MOST_ROWS, _power(rows // _LATE)))


def cut_groups(rows: pa.Table, *, size: int) -> Iterator[pa.Table]:
    """Yield groups of at most so many rows, in order; `size` is a power of two."""
    hashes = row_hashes(rows)
    start = 0
    while start < rows.num_rows:
        length = group_length(hashes, start, rows.num_rows, size)
        yield rows.slice(start, length)
        start += length


def row_hashes(rows: pa.Table) -> Any:  # noqa: ANN401 - numpy's array, or None
    """Return a 64-bit hash of each row; None where no column can be hashed."""
    import polars as pl

    names = [field.name for field in rows.schema if _plain(field.type)]
    if not names or not rows.num_rows:
        return None
    return pl.DataFrame(pl.from_arrow(rows.select(names))).hash_rows(1).to_numpy()


def group_length(hashes: Any, start: int, stop: int, size: int) -> int:  # noqa: ANN401 - of `row_hashes`
    """Return how many rows from `start` are a group, of those before `stop`."""
    import numpy as np

    most = min(size, stop - start)
    least = size // 4
    if hashes is None or most <= least:
        return most
    found = np.flatnonzero((hashes[start + least : start + most] & np.uint64(least - 1)) == 0)
    return least + int(found[0]) + 1 if found.size else most


def repeating(rows: pa.Table) -> Any:  # noqa: ANN401 - a list of names, or a bool
    """Return the columns that get a dictionary; True, all of them, where some are nested."""
    import polars as pl
    import pyarrow as pa

    if any(pa.types.is_nested(field.type) for field in rows.schema):
        return True
    seen = rows.slice(0, _LOOKED_AT)
    return [
        name
        for name, values in zip(seen.column_names, seen.columns, strict=True)
        if pl.Series(pl.from_arrow(values)).n_unique() * 2 <= len(values)
    ]


def _power(number: int) -> int:
    """Return the largest power of two that is not above a number; 0 for 0."""
    return 1 << (number.bit_length() - 1) if number else 0


def _plain(kind: pa.DataType) -> bool:
    import pyarrow as pa

    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_binary)
    return any(is_of(kind) for is_of in kinds)
