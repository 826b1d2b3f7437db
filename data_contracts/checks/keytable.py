"""Keys by value, each with how many rows have it: exact, on disk where they outgrow memory.

Invariants:
1. What is compared are the values; hashes only choose the bucket. A collision changes nothing.
2. Each key is held once, with a count: a key that a million rows share costs one row.
3. Above the budget the keys lie in Arrow files of a folder that the caller owns, one for each bucket and
   flush, and are read back a bucket at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.checks.hashes import hash_keys
from data_contracts.checks.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KeyTable"]

BUCKETS = 32
_ROWS = "rows"
_BUCKET = "bucket"


class KeyTable:
    """Keys and their counts.

    Args:
        seed: of the hashes that choose buckets.
        work: where a folder of this table's own is made when it is needed, and how much may stay in memory.
    """

    def __init__(self, seed: int, work: Workspace) -> None:
        """Start without keys."""
        self._seed = seed
        self._work = work
        self._held: list[pl.DataFrame] = []
        self._flushes = 0

    @cached_property
    def _folder(self) -> Path:
        made = self._work.path("keys")
        made.mkdir(mode=0o700)
        return made

    @property
    def spilled(self) -> bool:
        """Whether some of it is on disk."""
        return self._flushes > 0

    def add(self, keys: pl.DataFrame) -> None:
        """Count the rows of a frame of keys."""
        import polars as pl

        if not keys.height:
            return
        self._held.append(keys.group_by(keys.columns).agg(pl.len().cast(pl.Int64).alias(_ROWS)))
        if self._bytes() > self._work.budget:
            self._held = [_counted(self._held)]
            if self._bytes() > self._work.budget // 2:
                self.flush()

    def flush(self) -> None:
        """Write what is in memory to the folder, by bucket."""
        import polars as pl

        if not self._held:
            return
        held = _counted(self._held)
        self._held = []
        numbers = hash_keys(held.drop(_ROWS), self._seed) % BUCKETS
        marked = held.with_columns(pl.Series(_BUCKET, numbers))
        for (number,), part in marked.partition_by(_BUCKET, as_dict=True, include_key=False).items():
            part.write_ipc(self._folder / f"{number}-{self._flushes}.arrow")
        self._flushes += 1

    def buckets(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield every key once, with its rows in column `rows`, a bucket at a time."""
        if not self.spilled:
            if self._held:
                yield 0, _counted(self._held)
            return
        self.flush()
        for number in range(BUCKETS):
            found = self.bucket(number)
            if found is not None:
                yield number, found

    def bucket(self, number: int) -> pl.DataFrame | None:
        """Return one bucket of a spilled table, or None where it is empty."""
        import polars as pl

        paths = sorted(self._folder.glob(f"{number}-*.arrow"))
        return _counted([pl.read_ipc(path) for path in paths]) if paths else None

    def _bytes(self) -> int:
        return int(sum(frame.estimated_size() for frame in self._held))


def _counted(frames: list[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    if len(frames) == 1:
        return frames[0]
    names = [name for name in frames[0].columns if name != _ROWS]
    return pl.concat(frames).group_by(names).agg(pl.col(_ROWS).sum())
