"""64-bit hashes by bucket, in memory or in a file: compared some buckets after the other, in bounded memory.

Invariants:
1. A hash's bucket is its highest byte. A run lies in the order of its buckets; inside one in any order.
2. Equal hashes lie in the same bucket of every run. So what is said of the same buckets of all runs, added
   up over all buckets, is said of all hashes, and buckets may be compared by different processes.
3. A file is written once, in a folder that the caller owns, and opened once for each range that is read.
   Where its buckets begin is known to whoever holds its `BucketFile`, and stands nowhere on the disk.
4. What is written are hashes under a seed or key that is on no disk, no values.

Example:
    >>> import numpy as np
    >>> run = laid_out(in_buckets(np.array([3 << 56, 1, 2, 3 << 56], dtype=np.uint64)))
    >>> run.cut(0, 2).values.tolist(), len(run.cut(3, 4)), list(spans([run], most=2))
    ([1, 2], 2, [(0, 3), (3, 256)])
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

__all__ = [
    "BUCKETS",
    "BUCKET_BITS",
    "HASH_BYTES",
    "BucketFile",
    "Bucketed",
    "Numbers",
    "bucket_of",
    "in_buckets",
    "laid_out",
    "spans",
    "write_buckets",
]

Numbers: TypeAlias = Any
"""A numpy array of uint64."""

HASH_BYTES = 8
BUCKET_BITS = 8
BUCKETS = 1 << BUCKET_BITS


@dataclass(frozen=True, eq=False)
class Bucketed:
    """Hashes in memory, in the order of their buckets.

    Attributes:
        values: the hashes.
        bounds: bucket b is from `bounds[b] - bounds[0]` up to where the next one begins; one bound more.
    """

    values: Numbers
    bounds: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.values)

    def cut(self, first: int, last: int) -> Bucketed:
        """Return buckets that follow each other, `last` not included; the first of them is bucket 0 then."""
        begin, end = self.bounds[first] - self.bounds[0], self.bounds[last] - self.bounds[0]
        return Bucketed(self.values[begin:end], self.bounds[first : last + 1])

    def read(self) -> Bucketed:
        """Return itself: it is in memory."""
        return self


@dataclass(frozen=True)
class BucketFile:
    """Hashes on disk, in the order of their buckets; picklable.

    Attributes:
        path: the file.
        bounds: where in it each bucket begins, counted in hashes, and one bound more. A part of the file
            begins at a bound other than 0.
    """

    path: str
    bounds: tuple[int, ...]

    def __len__(self) -> int:
        return self.bounds[-1] - self.bounds[0]

    def cut(self, first: int, last: int) -> BucketFile:
        """Return buckets that follow each other, `last` not included; nothing is read."""
        return BucketFile(self.path, self.bounds[first : last + 1])

    def read(self) -> Bucketed:
        """Read all of it."""
        import numpy as np

        at = HASH_BYTES * self.bounds[0]
        return Bucketed(np.fromfile(self.path, dtype=np.uint64, count=len(self), offset=at), self.bounds)


def bucket_of(hashes: Numbers) -> Numbers:
    """Return each hash's bucket, as bytes."""
    import numpy as np

    return (hashes >> np.uint64(64 - BUCKET_BITS)).astype(np.uint8)


def in_buckets(hashes: Numbers) -> Numbers:
    """Return the hashes in the order of their buckets."""
    import numpy as np

    # Of bytes, numpy's stable sort counts: a quarter of the time of sorting the hashes.
    found: Numbers = hashes[np.argsort(bucket_of(hashes), kind="stable")]
    return found


def laid_out(ordered: Numbers) -> Bucketed:
    """Return hashes that lie in the order of their buckets with where each begins."""
    import numpy as np

    ends = np.cumsum(np.bincount(bucket_of(ordered), minlength=BUCKETS))
    return Bucketed(ordered, (0, *ends.tolist()))


def spans(runs: Sequence[Bucketed | BucketFile], *, most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of the runs' buckets, lower ones first, each with at most so many hashes or one bucket.

    Args:
        runs: each with the same buckets.
        most: hashes of all runs together.
    """
    import numpy as np

    ends = np.sum([run.bounds for run in runs], axis=0) if runs else np.zeros(1)
    first, after = 0, len(ends) - 1
    while first < after:
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + most, side="right")) - 1)
        yield first, last
        first = last


def write_buckets(runs: Sequence[Bucketed], folder: Path, word: str) -> BucketFile:
    """Write runs together to one new file of the folder, by bucket; `word` ends its name."""
    import numpy as np

    path = folder / f"{secrets.token_hex(8)}.{word}"
    with path.open("xb") as file:
        if len(runs) == 1:
            file.write(np.ascontiguousarray(runs[0].values).data)
        else:
            for number in range(BUCKETS):
                file.write(np.concatenate([run.cut(number, number + 1).values for run in runs]).data)
    return BucketFile(str(path), tuple(np.sum([run.bounds for run in runs], axis=0).tolist()))
