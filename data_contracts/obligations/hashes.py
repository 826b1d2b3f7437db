"""Keyed 64-bit hashes of byte strings: compared in the place of values, and useless without the key.

Invariants:
1. Equal strings have equal hashes, so nothing that is in both sides is ever missed. Two different ones share
   a hash by chance (2^-64 a pair), which can refuse a lawful crossing and never let an unlawful one through.
2. Only the first 16 bytes are looked at, as if zeros followed a shorter string: as an original would have to
   be cut or filled up to pose as a pseudonym.

3. Hashes of a part are kept as they came, a run beside the runs of other parts: they are compared once, when
   all are there, by sieves that leave few of them. Nothing is sorted.
4. Where they would outgrow memory they lie in files of a folder that the caller owns, by bucket
   (`data_contracts.buckets`), and are compared some of these after the other.

The mixing is that of splitmix64 with secret constants. It keys a comparison and hides values from whoever
sees a partial; it is no signature, and nothing that leaves the environment rests on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

from data_contracts.arrow import Values
from data_contracts.buckets import (
    BUCKET_BITS,
    Bucketed,
    BucketFile,
    in_buckets,
    laid_out,
    spans,
    write_buckets,
)

__all__ = ["Runs", "distinct", "keyed_hashes", "put_aside", "shared", "union"]

Runs: TypeAlias = tuple[Any, ...]
"""Hashes, in arrays of numpy's uint64 in no order or in files; the same one perhaps twice."""

_LOOKED_AT = 1024
_WIDTH, _HALF = 16, 8
_FEW = 1 << 16
_AT_ONCE = 1 << 22
_LEAST_BITS, _MOST_BITS, _THIN = 16, 26, 4
"""Of a sieve: at least 64 KiB, at most 64 MiB, and if that suffices, 16 places for each hash."""
_SHIFTS = (0, 64 - BUCKET_BITS - _MOST_BITS)
"""Where the bits lie that the first sieve looks at, and the second: below those that chose the bucket."""


def put_aside(runs: Runs, folder: Path) -> Runs:
    """Write the runs that are in memory to one new file of the folder."""
    files = tuple(run for run in runs if isinstance(run, BucketFile))
    held = _joined(run for run in runs if not isinstance(run, BucketFile))
    return (*files, write_buckets([laid_out(in_buckets(held))], folder, "originals")) if held.size else files


def keyed_hashes(values: Values, key: bytes) -> Runs:
    """Return the keyed hashes of a binary Arrow array without nulls."""
    import numpy as np

    secret = np.frombuffer(hashlib.blake2b(b"isthmus-comparison", key=key[:64]).digest(), dtype="<u8")
    low, high = _words(values)
    mixed = _mix((low ^ secret[0]) * (secret[1] | np.uint64(1)))
    mixed = _mix((mixed ^ high ^ secret[2]) * (secret[3] | np.uint64(1)))
    return (distinct(mixed) if _repeat(mixed) else mixed,)


def _words(values: Values) -> tuple[Any, Any]:
    """Return the first 16 bytes of each, as two numbers."""
    import numpy as np
    import pyarrow as pa

    ends, data = values.buffers()[1:]
    wide = np.int64 if values.type == pa.large_binary() else np.int32
    if ends is None or data is None or not len(values):
        return np.zeros(len(values), np.uint64), np.zeros(len(values), np.uint64)
    offsets = np.frombuffer(ends, wide)[values.offset : values.offset + len(values) + 1].astype(np.int64)
    raw = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    sizes = np.diff(offsets)
    if (sizes == _WIDTH).all():
        pairs = raw.view("<u8").reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]
    padded = np.zeros(len(raw) + _WIDTH, np.uint8)
    padded[: len(raw)] = raw
    # From every byte on, the eight bytes there; what lies behind the value's end is masked.
    pieces: Any = np.ndarray((len(raw) + _HALF + 1,), "<u8", padded, strides=(1,))
    masks = np.array([(1 << 8 * size) - 1 for size in range(_HALF + 1)], np.uint64)
    starts = offsets[:-1] - offsets[0]
    return (
        pieces[starts] & masks[np.minimum(sizes, _HALF)],
        pieces[starts + np.minimum(sizes, _HALF)] & masks[(sizes - _HALF).clip(0, _HALF)],
    )


def _repeat(hashes: Any) -> bool:  # noqa: ANN401 - a numpy array of uint64
    """Whether the first ones say that many occur often."""
    import numpy as np

    seen = hashes[:_LOOKED_AT]
    return bool(2 * np.unique(seen).size <= seen.size)


def union(left: Runs | None, right: Runs | None) -> Runs | None:
    """Return the hashes of both; None where both are None."""
    return right if left is None else left if right is None else left + right


def distinct(hashes: Any) -> Any:  # noqa: ANN401 - a numpy array of uint64
    """Return each hash once, in no order: numpy's own `unique` takes several times as long."""
    import polars as pl

    return pl.Series(hashes).unique().to_numpy()


def _mix(words: Any) -> Any:  # noqa: ANN401 - a numpy array of uint64
    import numpy as np

    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def shared(left: Runs, right: Runs) -> int:
    """Return how many hashes stand in both, each counted once."""
    if not any(isinstance(run, BucketFile) for run in (*left, *right)):
        return _shared(left, right)
    # As many buckets at once as memory takes: each range asks every file.
    ours, theirs = _by_bucket(left), _by_bucket(right)
    return sum(
        _shared(*(tuple(run.cut(*span).read().values for run in side) for side in (ours, theirs)))
        for span in spans([*ours, *theirs], most=_AT_ONCE)
    )


def _by_bucket(runs: Runs) -> list[Bucketed | BucketFile]:
    return [run if isinstance(run, BucketFile) else laid_out(in_buckets(run)) for run in runs]


def _shared(left: Runs, right: Runs) -> int:
    import numpy as np

    for shift in _SHIFTS:
        if _count(left) + _count(right) > _FEW:
            right = _sifted(right, left, shift)
            left = _sifted(left, right, shift)
    return int(np.intersect1d(_joined(left), _joined(right)).size)


def _sifted(runs: Runs, others: Runs, shift: int) -> Runs:
    """Leave out hashes whose bits from `shift` on are those of none of the others."""
    import numpy as np

    bits = min(_MOST_BITS, max(_LEAST_BITS, _count(others).bit_length() + _THIN))
    places, mask = np.zeros(1 << bits, np.bool_), np.uint64((1 << bits) - 1)
    for run in others:
        places[(run >> np.uint64(shift)) & mask] = True
    return tuple(run[places[(run >> np.uint64(shift)) & mask]] for run in runs)


def _count(runs: Iterable[Any]) -> int:
    return sum(len(run) for run in runs)


def _joined(runs: Iterable[Any]) -> Any:  # noqa: ANN401 - a numpy array of uint64
    import numpy as np

    return np.concatenate([np.empty(0, np.uint64), *runs])
