"""Hashes of keys over a whole asset: which repeat, in bounded memory, here or on many workers.

Invariants:
1. Equal keys have equal hashes in every process, for one seed. So where no hash repeats, no key does: that
   is proved, and the usual case. Where one repeats, its rows are read again and compared (`keytable`).
2. A run lies in the order of its buckets (`data_contracts.buckets`). Runs are kept in memory up to a budget,
   then joined in a file of a folder that the caller owns.
3. All runs are compared bucket by bucket, in bounded memory; only what repeats there is sorted. Buckets of
   runs on disk may be compared anywhere, and what they say adds up (`spread`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.buckets import (
    Bucketed,
    BucketFile,
    Numbers,
    in_buckets,
    laid_out,
    spans,
    write_buckets,
)
from data_contracts.measure import KeySpec

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "Hashes",
    "Repeats",
    "added",
    "contains",
    "hash_keys",
    "hashed",
    "keys_of",
    "repeats",
    "spill",
]

AT_ONCE = 2**16
"""So many hashes (512 KiB) are compared at once; more by bucket."""
_READ = 2**20
"""So many hashes (8 MiB) are read at once."""
_SLOTS_EACH, _MOST_SLOTS = 16, 2**20
"""Slots for each hash that is compared, and for all: 4 MiB, with which more of very many are sorted."""
_SHARED = 2**32 - 1
_MIX = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Hashes:
    """The state of a key: rows that were looked at, and the hashes of those that have a key.

    Attributes:
        rows: rows that the key's condition admits.
        runs: arrays in the order of their buckets, and files.
        told: which of them repeat, where that was found elsewhere.
    """

    rows: int = 0
    runs: tuple[Any, ...] = ()
    told: Repeats | None = None

    @cached_property
    def repeated(self) -> Repeats:
        """The hashes that occur more than once; compared once in a process."""
        return repeats(self.runs) if self.told is None else self.told

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone."""
        return {"rows": self.rows, "runs": self.runs, "told": self.told}

    @property
    def keyed(self) -> int:
        """How many rows have a key."""
        return sum(len(run) for run in self.runs)

    @property
    def in_memory(self) -> int:
        """Bytes of the runs that are in memory."""
        return sum(0 if isinstance(run, BucketFile) else int(run.nbytes) for run in self.runs)

    @property
    def on_disk(self) -> bool:
        """Whether all runs, of which there are some, are in files."""
        return bool(self.runs) and all(isinstance(run, BucketFile) for run in self.runs)

    def merge(self, other: Hashes) -> Hashes:
        """Return the runs of both; which hashes repeat in them is not known any more."""
        return Hashes(self.rows + other.rows, self.runs + other.runs)

    def knowing(self, told: Repeats) -> Hashes:
        """Return the same, with what others found to repeat."""
        return replace(self, told=told)


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
    held = [laid_out(run) for run in hashes.runs if not isinstance(run, BucketFile)]
    if not sum(map(len, held)):
        return hashes
    files = [run for run in hashes.runs if isinstance(run, BucketFile)]
    return Hashes(hashes.rows, (*files, write_buckets(held, folder, "hashes")))


def repeats(runs: Sequence[Any]) -> Repeats:
    """Return the hashes that occur more than once in all runs.

    Args:
        runs: arrays in the order of their buckets, and files, or the same buckets of several files.
    """
    import numpy as np

    found: list[Repeats] = []
    slots = np.empty(0, np.uint32)
    for joined in _joined([run for run in runs if len(run)]):
        wanted = min(_MOST_SLOTS, 1 << (_SLOTS_EACH * len(joined)).bit_length())
        if len(slots) < wanted:
            slots = np.empty(wanted, np.uint32)
        values, counts = np.unique(_candidates(joined, slots), return_counts=True)
        again = counts > 1
        found.append(Repeats(values[again], int(counts[again].sum())))
    return added(found)


def added(found: Iterable[Repeats]) -> Repeats:
    """Return what repeats in buckets that were compared apart, lower ones first."""
    import numpy as np

    every = list(found)
    hashes = np.concatenate([np.empty(0, np.uint64), *(one.hashes for one in every)])
    return Repeats(hashes, sum(one.rows for one in every))


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
    """Yield all hashes, some buckets at a time, lower ones first; where they are few, at once."""
    import numpy as np

    count = sum(map(len, runs))
    if count <= AT_ONCE and not any(isinstance(run, BucketFile) for run in runs):
        if runs:
            yield np.concatenate(runs)
        return
    cut: list[Bucketed | BucketFile] = [run if isinstance(run, BucketFile) else laid_out(run) for run in runs]
    for many in spans(cut, most=_READ):
        held = [run.cut(*many).read() for run in cut]
        for few in spans(held, most=AT_ONCE):
            yield np.concatenate([run.cut(*few).values for run in held])


def contains(ascending: Numbers, hashes: Numbers) -> Numbers:
    """Return one flag for each of `hashes`: it stands among the sorted ones."""
    import numpy as np

    if not len(ascending):
        return np.zeros(len(hashes), dtype=bool)
    at: Numbers = np.searchsorted(ascending, hashes)
    at[at == len(ascending)] = 0
    return ascending[at] == hashes
