"""Uniqueness over partitions, exact, in two steps.

1. Each part gives a seeded 64-bit hash for each row's key. Equal keys have equal hashes, so where no
   hash repeats over all parts, no key does: proved, and the usual case.
2. Where a hash repeats, the rows that carry it are read again and their values compared. A collision of
   hashes (for five million rows, one chance in a million) so never breaks a contract that is kept.

A row with a null in its key has no key, as in SQL: it repeats nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

__all__ = ["candidates", "duplicate_rows", "exact_duplicates", "hash_keys"]


def hash_keys(frame: pl.DataFrame, columns: Sequence[str], seed: int) -> Any:  # noqa: ANN401 - numpy uint64
    """Return the hashes of all keys in the frame, sorted."""
    import numpy as np
    import polars as pl

    keys = frame.lazy().select(columns).drop_nulls().select(pl.struct(columns).hash(seed).alias("hash"))
    return np.sort(keys.collect()["hash"].to_numpy())


def _repeated(arrays: Iterable[Any]) -> tuple[Any, Any]:
    import numpy as np

    parts = [array for array in arrays if array.size]
    merged = np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)
    values, counts = np.unique(merged, return_counts=True)
    return values[counts > 1], counts[counts > 1]


def duplicate_rows(arrays: Iterable[Any]) -> int:
    """Return how many rows share their hash with another."""
    return int(_repeated(arrays)[1].sum())


def candidates(arrays: Iterable[Any]) -> Any:  # noqa: ANN401 - numpy uint64
    """Return the hashes that repeat."""
    return _repeated(arrays)[0]


def exact_duplicates(
    frames: Iterable[pl.DataFrame],
    columns: Sequence[str],
    seed: int,
    wanted: Any,  # noqa: ANN401 - numpy uint64
) -> int:
    """Read the candidates again and return how many rows share their key, value by value, with another."""
    import polars as pl

    hashes = pl.Series(wanted, dtype=pl.UInt64)
    kept = [
        frame.lazy()
        .select(columns)
        .drop_nulls()
        .filter(pl.struct(columns).hash(seed).is_in(hashes.implode()))
        for frame in frames
    ]
    if not kept:
        return 0
    rows = pl.concat(kept).group_by(columns).len().filter(pl.col("len") > 1)
    return int(rows.select(pl.col("len").sum()).collect().item())
