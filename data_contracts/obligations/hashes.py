"""Keyed 64-bit hashes of byte strings: compared in the place of values, and useless without the key."""

from __future__ import annotations

import hashlib
from typing import Any

from data_contracts.arrow import Values

__all__ = ["keyed_hashes", "shared"]

_BYTES = 8


def keyed_hashes(values: Values, key: bytes) -> Any:  # noqa: ANN401 - a numpy array of uint64
    """Return the distinct keyed hashes (BLAKE2b, RFC 7693) of byte strings, sorted, as numpy uint64."""
    import numpy as np

    made = b"".join(
        hashlib.blake2b(value, digest_size=_BYTES, key=key[:64]).digest() for value in values.to_pylist()
    )
    return np.unique(np.frombuffer(made, dtype=np.uint64))


def shared(left: Any, right: Any) -> int:  # noqa: ANN401 - numpy arrays of uint64
    """Return how many hashes stand in both."""
    import numpy as np

    return int(np.intersect1d(left, right).size)
