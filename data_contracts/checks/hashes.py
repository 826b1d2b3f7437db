"""Hashes of keys over a whole asset: which repeat, in bounded memory.

Invariants:
1. Equal keys have equal hashes in every process, for one seed. So where no hash repeats, no key does: that
   is proved, and the usual case. Where one repeats, its rows are read again and compared (`keytable`).
2. A run is sorted. Runs are kept in memory up to a budget, then merged into a file of a folder that the
   caller owns. All runs are compared bucket by bucket, by their highest bits: in bounded memory.
3. What is written are seeded hashes, no values; the seed is on no disk.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from data_contracts.measure import KeySpec

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "HASH_BYTES",
    "Hashes",
    "Repeats",
    "SortedFile",
    "contains",
    "hash_keys",
    "hashed",
    "keys_of",
    "repeats",
    "spill",
]

Numbers: TypeAlias = Any
"""A numpy array of uint64."""

HASH_BYTES = 8
BUCKETS = 256
AT_ONCE = 1024**2
"""So many hashes (8 MiB) are compared at once; more by bucket."""
_MIX = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class SortedFile:
    """Sorted hashes on disk; `bounds[b]` is where bucket b begins, and there is one bound more."""

    path: str
    bounds: tuple[int, ...]

    def __len__(self) -> int:
        return self.bounds[-1]

    def bucket(self, number: int) -> Numbers:
        """Read one bucket."""
        import numpy as np

        begin, end = self.bounds[number], self.bounds[number + 1]
        return np.fromfile(self.path, dtype=np.uint64, count=end - begin, offset=8 * begin)


@dataclass(frozen=True)
class Hashes:
    """The state of a key: rows that were looked at, and the hashes of those that have a key.

    Attributes:
        rows: rows that the key's condition admits.
        runs: ascending arrays, and files.
    """

    rows: int = 0
    runs: tuple[Any, ...] = ()

    @cached_property
    def repeated(self) -> Repeats:
        """The hashes that occur more than once; compared once in a process."""
        return repeats(self.runs)

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone."""
        return {"rows": self.rows, "runs": self.runs}

    @property
    def keyed(self) -> int:
        """How many rows have a key."""
        return sum(len(run) for run in self.runs)

    @property
    def in_memory(self) -> int:
        """Bytes of the runs that are in memory."""
        return sum(0 if isinstance(run, SortedFile) else int(run.nbytes) for run in self.runs)

    def merge(self, other: Hashes) -> Hashes:
        """Return the runs of both."""
        return Hashes(self.rows + other.rows, self.runs + other.runs)


@dataclass(frozen=True)
class Repeats:
    """Hashes that occur more than once, ascending, and in how many rows."""

    hashes: Numbers
    rows: int


def keys_of(frame: pl.DataFrame, spec: KeySpec) -> tuple[pl.DataFrame, int]:
    """Return the keys of a frame as columns `k0`, `k1`, …, and how many rows the condition admits."""
    import polars as pl

    chosen = frame if spec.where is None else frame.filter(spec.where)
    keys = chosen.select([value.alias(f"k{index}") for index, value in enumerate(spec.values)])
    rows = chosen.height
    if not spec.null_is_value and any(column.null_count() for column in keys):
        keys = keys.filter(pl.all_horizontal(pl.all().is_not_null()))
    return keys, rows


def hashed(keys: pl.DataFrame, rows: int, seed: int) -> Hashes:
    """Return the state of one part."""
    import numpy as np

    return Hashes(rows, (np.sort(hash_keys(keys, seed)),) if keys.height else ())


def hash_keys(keys: pl.DataFrame, seed: int) -> Numbers:
    """Return one hash for each row."""
    import numpy as np

    result: Numbers | None = None
    for column in keys:
        hashed = column.hash(seed).to_numpy()
        if result is None:
            result = hashed
            continue
        result = result * np.uint64(_MIX)
        result ^= result >> np.uint64(29)
        result ^= hashed
    return np.empty(0, np.uint64) if result is None else result


def spill(hashes: Hashes, folder: Path) -> Hashes:
    """Write the runs that are in memory to one file of the folder, sorted."""
    import numpy as np

    arrays = [run for run in hashes.runs if not isinstance(run, SortedFile)]
    if not sum(map(len, arrays)):
        return hashes
    path = folder / f"{secrets.token_hex(8)}.hashes"
    bounds = [0]
    cut = [_Cut(run) for run in arrays]
    with path.open("xb") as file:
        for number in range(BUCKETS):
            merged = np.concatenate([run.bucket(number) for run in cut])
            merged.sort()
            file.write(merged.data)
            bounds.append(bounds[-1] + len(merged))
    files = [run for run in hashes.runs if isinstance(run, SortedFile)]
    return Hashes(hashes.rows, (*files, SortedFile(str(path), tuple(bounds))))


def repeats(runs: Sequence[Any]) -> Repeats:
    """Return the hashes that occur more than once in all runs."""
    import numpy as np

    found: list[Numbers] = []
    rows = 0
    for merged in _sorted(runs):
        equal = merged[1:] == merged[:-1]
        if not equal.any():
            continue
        values, counts = np.unique(merged, return_counts=True)
        again = counts > 1
        found.append(values[again])
        rows += int(counts[again].sum())
    return Repeats(np.concatenate(found) if found else np.empty(0, np.uint64), rows)


def _sorted(runs: Sequence[Any]) -> Iterator[Numbers]:
    """Yield all hashes in ascending order, a bucket at a time."""
    import numpy as np

    kept = [run for run in runs if len(run)]
    if sum(map(len, kept)) <= AT_ONCE and not any(isinstance(run, SortedFile) for run in kept):
        if kept:
            merged = np.concatenate(kept)
            merged.sort()
            yield merged
        return
    cut = [run if isinstance(run, SortedFile) else _Cut(run) for run in kept]
    for number in range(BUCKETS):
        merged = np.concatenate([run.bucket(number) for run in cut])
        merged.sort()
        yield merged


class _Cut:
    """An ascending array as a sorted file is: by bucket."""

    def __init__(self, values: Numbers) -> None:
        self._values = values
        self._bounds = _bounds(values).tolist()

    def bucket(self, number: int) -> Numbers:
        return self._values[self._bounds[number] : self._bounds[number + 1]]


def _bounds(ascending: Numbers) -> Numbers:
    import numpy as np

    edges = np.arange(BUCKETS, dtype=np.uint64) << np.uint64(56)
    return np.append(np.searchsorted(ascending, edges), len(ascending))


def contains(ascending: Numbers, hashes: Numbers) -> Numbers:
    """Return one flag for each of `hashes`: it stands among the sorted ones."""
    import numpy as np

    if not len(ascending):
        return np.zeros(len(hashes), dtype=bool)
    at: Numbers = np.searchsorted(ascending, hashes)
    at[at == len(ascending)] = 0
    return ascending[at] == hashes
