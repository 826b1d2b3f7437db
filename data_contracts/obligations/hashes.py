"""Keyed 64-bit hashes of byte strings: compared in the place of values, and useless without the key.

Invariants:
1. Equal strings have equal hashes, so nothing that is in both sides is ever missed. Two different ones share
   a hash by chance (2^-64 a pair), which can refuse a lawful crossing and never let an unlawful one through.
2. Only the first 16 bytes are looked at, as if zeros followed a shorter string: as an original would have to
   be cut or filled up to pose as a pseudonym.

The mixing is that of splitmix64 with secret constants. It keys a comparison and hides values from whoever
sees a partial; it is no signature, and nothing that leaves the environment rests on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

__all__ = ["distinct", "keyed_hashes", "shared", "union"]


def keyed_hashes(values: Iterable[bytes], key: bytes) -> Any:  # noqa: ANN401 - a numpy array of uint64
    """Return the distinct keyed hashes of byte strings, sorted, as numpy uint64."""
    import numpy as np

    words = np.array(list(values), dtype="S16").view("<u8").reshape(-1, 2)
    secret = np.frombuffer(hashlib.blake2b(b"isthmus-comparison", key=key[:64]).digest(), dtype="<u8")
    with np.errstate(over="ignore"):
        mixed = _mix((words[:, 0] ^ secret[0]) * (secret[1] | np.uint64(1)))
        mixed = _mix((mixed ^ words[:, 1] ^ secret[2]) * (secret[3] | np.uint64(1)))
    return distinct(mixed)


def union(left: Any, right: Any) -> Any:  # noqa: ANN401 - numpy arrays of uint64, or None
    """Return the hashes of both, sorted; None where both are None."""
    import numpy as np

    if left is None or right is None:
        return right if left is None else left
    return distinct(np.concatenate([left, right]))


def distinct(words: Any) -> Any:  # noqa: ANN401 - a numpy array of uint64
    """Sort and leave out repetitions: numpy's own `unique` takes seven times as long for such numbers."""
    import numpy as np

    words = np.sort(words)
    return words[np.concatenate([np.ones(min(1, words.size), np.bool_), words[1:] != words[:-1]])]


def _mix(words: Any) -> Any:  # noqa: ANN401 - a numpy array of uint64
    import numpy as np

    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def shared(left: Any, right: Any) -> int:  # noqa: ANN401 - numpy arrays of uint64
    """Return how many hashes stand in both."""
    import numpy as np

    return int(np.intersect1d(left, right, assume_unique=True).size)
