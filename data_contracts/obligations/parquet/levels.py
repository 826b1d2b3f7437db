"""Parquet's hybrid of runs and packed bits: levels and dictionary indices, with no bit left over."""

from __future__ import annotations

from typing import Any

from data_contracts.obligations.parquet.thrift import UnaccountedError

__all__ = ["hybrid"]

_GROUP = 8
_MOST_BITS = 32


def _varint(raw: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(raw) or shift > 35:  # noqa: PLR2004 - a run of more than 2^32 is none
            raise UnaccountedError("pages")
        piece = raw[at]
        at += 1
        value |= (piece & 0x7F) << shift
        shift += 7
        if not piece & 0x80:
            if piece == 0 and shift > 7:  # noqa: PLR2004 - a last byte of zero adds nothing
                raise UnaccountedError("pages")
            return value, at


def _packed(raw: memoryview, at: int, groups: int, width: int) -> tuple[Any, int]:
    import numpy as np

    size = groups * width
    if size > len(raw) - at:
        raise UnaccountedError("pages")
    bits = np.unpackbits(np.frombuffer(raw[at : at + size], np.uint8), bitorder="little")
    weights = np.uint64(1) << np.arange(width, dtype=np.uint64)
    return bits.reshape(groups * _GROUP, width) @ weights, at + size


def hybrid(raw: memoryview, width: int, count: int) -> Any:  # noqa: ANN401 - a numpy array of uint64
    """Return `count` numbers of `width` bits; every byte must be needed, and what pads must be zero.

    Raises:
        UnaccountedError: there are fewer, or more, or bits that mean nothing are set.
    """
    import numpy as np

    if not 0 <= width <= _MOST_BITS:
        raise UnaccountedError("pages")
    found: list[Any] = []
    at = given = 0
    while given < count:
        head, at = _varint(raw, at)
        length = head >> 1
        if length == 0:
            raise UnaccountedError("pages")
        if head & 1:
            if length * _GROUP - (count - given) >= _GROUP or (
                width == 0 and length * _GROUP > count + _GROUP
            ):
                raise UnaccountedError("pages")
            values, at = _packed(raw, at, length, width)
            if values[count - given :].any():
                raise UnaccountedError("pages")
            values = values[: count - given]
        else:
            size = (width + 7) // 8
            if length > count - given or size > len(raw) - at:
                raise UnaccountedError("pages")
            value = int.from_bytes(raw[at : at + size], "little")
            at += size
            if value >> width:
                raise UnaccountedError("pages")
            values = np.full(length, value, np.uint64)
        found.append(values)
        given += len(values)
    if at != len(raw):
        raise UnaccountedError("pages")
    return np.concatenate(found) if found else np.zeros(0, np.uint64)
