"""Hashes of keys over a whole asset: which repeat, in bounded memory.

Invariants:
1. Equal keys have equal hashes in every process, for one seed. So where no hash repeats, no key does: that
   is proved, and the usual case. Where one repeats, its rows are read again and compared (`keytable`).
2. A run lies in the order of its buckets, which are the highest byte; inside one in any order. Runs are kept
   in memory up to a budget, then joined in a file of a folder that the caller owns.
3. All runs are compared bucket by bucket, in bounded memory; only what repeats there is sorted.
4. What is written are seeded hashes, no values; the seed is on no disk.
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
    "BucketFile",
    "Hashes",
    "Repeats",
    "contains",
    "hash_keys",
    "hashed",
    "in_buckets",
    "keys_of",
    "repeats",
    "spill",
]

Numbers: TypeAlias = Any
"""A numpy array of uint64."""

HASH_BYTES = 8
BUCKETS = 256
AT_ONCE = 2**16
"""So many hashes (512 KiB) are compared at once; more by bucket."""
_SLOTS_EACH, _MOST_SLOTS = 16, 2**22
"""Slots for each hash that is compared, and for all: 16 MiB, with which more of very many are sorted."""
_SHARED = 2**32 - 1
_MIX = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class BucketFile:
    """Hashes on disk by bucket; `bounds[b]` is where bucket b begins, and there is one bound more."""

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
        runs: arrays in the order of their buckets, and files.
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
        return sum(0 if isinstance(run, BucketFile) else int(run.nbytes) for run in self.runs)

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
    return Hashes(rows, (in_buckets(hash_keys(keys, seed)),) if keys.height else ())


def in_buckets(hashes: Numbers) -> Numbers:
    """Return the hashes in the order of their buckets."""
    import numpy as np

    # Of bytes, numpy's stable sort counts: a quarter of the time of sorting the hashes.
    found: Numbers = hashes[np.argsort(_bucket_of(hashes), kind="stable")]
    return found


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
    """Write the runs that are in memory to one file of the folder, by bucket."""
    import numpy as np

    arrays = [run for run in hashes.runs if not isinstance(run, BucketFile)]
    if not sum(map(len, arrays)):
        return hashes
    path = folder / f"{secrets.token_hex(8)}.hashes"
    cut = [_Cut(run) for run in arrays]
    with path.open("xb") as file:
        for number in range(BUCKETS):
            file.write(np.concatenate([run.bucket(number) for run in cut]).data)
    bounds = np.sum([run.bounds for run in cut], axis=0).tolist()
    files = [run for run in hashes.runs if isinstance(run, BucketFile)]
    return Hashes(hashes.rows, (*files, BucketFile(str(path), tuple(bounds))))


def repeats(runs: Sequence[Any]) -> Repeats:
    """Return the hashes that occur more than once in all runs."""
    import numpy as np

    found: list[Numbers] = []
    rows = 0
    slots = np.empty(0, np.uint32)
    for joined in _joined(runs):
        wanted = min(_MOST_SLOTS, 1 << (_SLOTS_EACH * len(joined)).bit_length())
        if len(slots) < wanted:
            slots = np.empty(wanted, np.uint32)
        values, counts = np.unique(_candidates(joined, slots), return_counts=True)
        again = counts > 1
        found.append(values[again])
        rows += int(counts[again].sum())
    return Repeats(np.concatenate(found) if found else np.empty(0, np.uint64), rows)


def _candidates(hashes: Numbers, slots: Numbers) -> Numbers:
    """Return the hashes whose lowest bits another one has too: all that repeat are among them.

    Each writes its number into its slot, and one whose number no longer stands there was written over. That
    is a third of the work of counting distinct ones, and what lies in `slots` from before does not matter.
    """
    import numpy as np

    numbers = np.arange(len(hashes), dtype=np.uint32)
    at = (hashes & np.uint64(len(slots) - 1)).view(np.int64)
    np.put(slots, at, numbers, mode="clip")
    lost = np.flatnonzero(slots.take(at, mode="clip") != numbers)
    if not len(lost):
        return hashes[:0]
    slots[at[lost]] = _SHARED
    found: Numbers = hashes[slots.take(at, mode="clip") == _SHARED]
    return found


def _joined(runs: Sequence[Any]) -> Iterator[Numbers]:
    """Yield all hashes, a bucket at a time, lower buckets first; where they are few, at once."""
    import numpy as np

    kept = [run for run in runs if len(run)]
    if sum(map(len, kept)) <= AT_ONCE and not any(isinstance(run, BucketFile) for run in kept):
        if kept:
            yield np.concatenate(kept)
        return
    cut = [run if isinstance(run, BucketFile) else _Cut(run) for run in kept]
    for number in range(BUCKETS):
        yield np.concatenate([run.bucket(number) for run in cut])


class _Cut:
    """An array in the order of its buckets, as a file of buckets is."""

    def __init__(self, values: Numbers) -> None:
        import numpy as np

        self._values = values
        counts = np.bincount(_bucket_of(values), minlength=BUCKETS)
        self.bounds: list[int] = [0, *np.cumsum(counts).tolist()]

    def bucket(self, number: int) -> Numbers:
        return self._values[self.bounds[number] : self.bounds[number + 1]]


def _bucket_of(hashes: Numbers) -> Numbers:
    """Return each hash's highest byte."""
    import numpy as np

    return (hashes >> np.uint64(56)).astype(np.uint8)


def contains(ascending: Numbers, hashes: Numbers) -> Numbers:
    """Return one flag for each of `hashes`: it stands among the sorted ones."""
    import numpy as np

    if not len(ascending):
        return np.zeros(len(hashes), dtype=bool)
    at: Numbers = np.searchsorted(ascending, hashes)
    at[at == len(ascending)] = 0
    return ascending[at] == hashes
