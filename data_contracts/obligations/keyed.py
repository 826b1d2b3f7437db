"""Keyed pseudonyms of whole columns: HMAC-SHA-256, the first 16 bytes kept.

Invariants:
1. A domain has a key of its own: the hex digits (64 bytes, one block of SHA-256) of the HMAC-SHA-256 of the
   domain's RFC 8785 form under the source's key. A value's pseudonym is the first 16 bytes of HMAC-SHA-256
   (FIPS 198-1) of its bytes under that. Nothing of one domain tells anything of another.
2. The bytes are the same with and without the native code: it is an accelerator, and its first and last
   answer of each call are compared with the standard library's before any is used.

A loop over `hmac.digest` takes 1.6 CPU-s for a million values; one native expression and a table of hex
digits take 0.3 (`benchmarks/pseudonyms.py`; ADR-0014 says what else was tried).

Example:
    >>> import pyarrow as pa
    >>> key = subkey(bytes(32), ["example"])
    >>> made = pseudonyms(pa.array([b"p1"]), key)
    >>> made[0].as_py() == pseudonym(b"p1", key)
    True
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from data_contracts.arrow import Values, array_of
from data_contracts.digest import canonical
from data_contracts.errors import DefectError

__all__ = ["WIDTH", "each_pseudonym", "pseudonym", "pseudonyms", "pseudonyms_again", "subkey"]

WIDTH = 16
_HEX = 64
_FEW = 512
_AT_ONCE = 1 << 17
"""Values in one expression: its memory is used again by the next."""
_BLOCK = 1 << 12


def subkey(key: bytes, domain: Sequence[str]) -> bytes:
    """Return the key of one domain, 64 bytes."""
    return hmac.digest(key, canonical(list(domain)), "sha256").hex().encode()


def pseudonym(value: bytes, key: bytes) -> bytes:
    """Return one value's pseudonym, by the standard library alone."""
    return hmac.digest(key, value, "sha256")[:WIDTH]


def each_pseudonym(values: Iterable[bytes], key: bytes) -> list[bytes]:
    """Return the pseudonym of each value, by the standard library's SHA-256 alone.

    Raises:
        DefectError: the key is longer than a block of SHA-256.
    """
    return [digest[:WIDTH] for digest in _digests(values, key)]


def pseudonyms_again(values: Sequence[bytes], key: bytes) -> Values:
    """Return the same as a binary array: what `pseudonyms` made is compared with it.

    Raises:
        DefectError: as `each_pseudonym`.
    """
    import numpy as np
    import pyarrow as pa

    digests = np.frombuffer(b"".join(_digests(values, key)), np.uint8).reshape(len(values), _HEX // 2)
    made: Any = np.ascontiguousarray(digests[:, :WIDTH])
    ends: Any = np.arange(len(values) + 1, dtype=np.int32) * np.int32(WIDTH)
    return pa.Array.from_buffers(pa.binary(), len(values), [None, pa.py_buffer(ends), pa.py_buffer(made)])


def _digests(values: Iterable[bytes], key: bytes) -> list[bytes]:
    """Return whole HMACs as FIPS 198-1 defines them, each half begun once: half the time of `hmac.digest`."""
    if len(key) > _HEX:
        raise DefectError("a domain's key is one block of SHA-256")
    block = key.ljust(_HEX, b"\0")
    begun = hashlib.sha256(bytes(byte ^ 0x36 for byte in block)).copy
    ended = hashlib.sha256(bytes(byte ^ 0x5C for byte in block)).copy
    made: list[bytes] = []
    add = made.append
    for value in values:
        inner, outer = begun(), ended()
        inner.update(value)
        outer.update(inner.digest())
        add(outer.digest())
    return made


def pseudonyms(values: Values, key: bytes) -> Values:
    """Return the pseudonyms of a binary array, null for null.

    Raises:
        DefectError: the native code does not compute HMAC-SHA-256.
    """
    native = _native()
    if native is None or len(values) < _FEW:
        return _looped(values, key)
    made = native(values, key)
    present = [index for index in (0, len(values) - 1) if values[index].is_valid]
    if any(made[index].as_py() != pseudonym(values[index].as_py(), key) for index in present):
        raise DefectError("polars-hash computes something else than HMAC-SHA-256; remove that package")
    return made


def _looped(values: Values, key: bytes) -> Values:
    """Compute each distinct value once."""
    import pyarrow as pa

    encoded: Any = values.dictionary_encode()
    made = [pseudonym(value, key) for value in encoded.dictionary.to_pylist()]
    return array_of(made, pa.binary()).take(encoded.indices)


@cache
def _native() -> Any:  # noqa: ANN401 - a function, or None
    try:
        import polars_hash  # noqa: F401 - registers its expressions
    except ImportError:
        return None
    return _expression


def _expression(values: Values, key: bytes) -> Values:
    import numpy as np
    import polars as pl
    import pyarrow as pa

    column: Any = pl.col("v")
    present = values.drop_null()
    made: Any = np.empty((len(present), WIDTH), np.uint8)
    for at in range(0, len(present), _AT_ONCE):
        frame = pl.Series("v", pl.from_arrow(present.slice(at, _AT_ONCE))).to_frame()
        digests: Any = frame.select(column.chash.hmac_sha256(key=key.decode()))["v"].to_arrow()
        digests = digests.cast(pa.large_string())
        if len(digests) != frame.height or digests.null_count:
            raise DefectError("polars-hash left values out; remove that package")
        _unhex(digests.buffers()[2], made[at : at + frame.height])
    if not values.null_count:
        ends: Any = np.arange(len(values) + 1, dtype=np.int32) * np.int32(WIDTH)
        return pa.Array.from_buffers(pa.binary(), len(values), [None, pa.py_buffer(ends), pa.py_buffer(made)])
    valid = pl.Series(pl.from_arrow(values)).is_not_null().to_numpy()
    ends = np.concatenate([np.zeros(1, np.int32), np.cumsum(valid, dtype=np.int32) * np.int32(WIDTH)])
    bits: Any = np.packbits(valid, bitorder="little")
    buffers: list[Any] = [pa.py_buffer(bits), pa.py_buffer(ends), pa.py_buffer(made)]
    return pa.Array.from_buffers(pa.binary(), len(values), buffers, values.null_count)


def _unhex(digits: Any, made: Any) -> None:  # noqa: ANN401 - a buffer, a numpy array
    """Write the first bytes of each 64 hex digits, some rows at a time: each block stays in the cache."""
    import numpy as np

    pairs = np.frombuffer(digits, dtype="<u2", count=len(made) * _HEX // 2).reshape(len(made), _HEX // 2)
    for at in range(0, len(made), _BLOCK):
        made[at : at + _BLOCK] = _table()[pairs[at : at + _BLOCK, :WIDTH].astype(np.intp)]


@cache
def _table() -> Any:  # noqa: ANN401 - a numpy array of uint8
    """Return the byte of each pair of hex digits, by the pair read as a little-endian number."""
    import numpy as np

    table = np.zeros(1 << 16, np.uint8)
    for byte in range(256):
        high, low = f"{byte:02x}".encode()
        table[high | low << 8] = byte
    return table
