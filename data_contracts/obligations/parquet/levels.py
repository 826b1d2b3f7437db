"""Parquet's hybrid of runs and packed bits: levels and dictionary indices, with no bit left over.

The heads of the runs are walked one after the other, since each says where the next one is; what they hold is
then unpacked at once. A column of few nulls has a thousand runs in a page.
"""

from __future__ import annotations

from typing import Any

from data_contracts.obligations.parquet.thrift import UnaccountedError

__all__ = ["hybrid", "ones"]

_GROUP = 8
_MOST_BITS = 32
_MORE = 0x80
_LONGEST_HEAD = 35
"""Bits of a head: a run of more than 2^32 is none."""


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(raw) or shift > _LONGEST_HEAD:
            raise UnaccountedError("pages")
        piece = raw[at]
        at += 1
        value |= (piece & 0x7F) << shift
        shift += 7
        if not piece & _MORE:
            if piece == 0 and shift > 7:  # noqa: PLR2004 - a last byte of zero adds nothing
                raise UnaccountedError("pages")
            return value, at


def _unpacked(raw: bytes, width: int) -> Any:  # noqa: ANN401 - a numpy array of uint32
    """Return the numbers in groups of eight, each group `width` bytes."""
    import numpy as np

    if width == 1:
        return np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little").astype(np.uint32)
    groups = len(raw) // width
    if width <= _GROUP:
        # A group is one number of 64 bits, and its eight are shifted out of it at once.
        words: Any = np.zeros((groups, _GROUP), np.uint8)
        words[:, :width] = np.frombuffer(raw, np.uint8).reshape(groups, width)
        shifted = words.view("<u8") >> (np.arange(_GROUP, dtype=np.uint64) * np.uint64(width))
        return (shifted & np.uint64((1 << width) - 1)).astype(np.uint32).reshape(-1)
    rows = np.zeros((groups, width + _GROUP), np.uint8)
    rows[:, :width] = np.frombuffer(raw, np.uint8).reshape(groups, width)
    found = np.empty((groups, _GROUP), np.uint32)
    for place in range(_GROUP):
        # A number of at most 32 bits, from any bit of a byte on, lies inside of eight bytes.
        byte, bit = divmod(place * width, 8)
        pieces = np.ascontiguousarray(rows[:, byte : byte + 8]).view("<u8")[:, 0]
        found[:, place] = (pieces >> np.uint64(bit)) & np.uint64((1 << width) - 1)
    return found.reshape(-1)


def hybrid(raw: bytes | memoryview, width: int, count: int) -> Any:  # noqa: ANN401 - a numpy array of uint32
    """Return `count` numbers of `width` bits; every byte must be needed, and what pads must be zero.

    Raises:
        UnaccountedError: there are fewer, or more, or bits that mean nothing are set.
    """
    return _numbers(*_runs(bytes(raw), width, count), width, count)


def ones(raw: bytes | memoryview, count: int) -> int:
    """Return how many of `count` bits are set: of `hybrid` with width 1 its sum, and with the same duties.

    Counted run by run: of a column with few nulls, the levels are most of what is walked in a file.

    Raises:
        UnaccountedError: as `hybrid`.
    """
    raw = bytes(raw)
    at, left, size, there = 0, count, len(raw), 0
    while left > 0:
        if at >= size:
            raise UnaccountedError("pages")
        head = raw[at]
        if head & _MORE:
            head, at = _varint(raw, at)
        else:
            at += 1
        length = head >> 1
        if head & 1:
            end = at + length
            if not length or end > size:
                raise UnaccountedError("pages")
            # Most packed runs are of one group.
            bits = raw[at] if length == 1 else int.from_bytes(raw[at:end], "little")
            length *= _GROUP
            # Of the last group at most seven bits are not asked for, and they are zero.
            if length > left and (length - left >= _GROUP or bits >> left):
                raise UnaccountedError("pages")
            there += bits.bit_count()
            at = end
        else:
            if not length or length > left or at >= size or raw[at] > 1:
                raise UnaccountedError("pages")
            if raw[at]:
                there += length
            at += 1
        left -= length
    if at != size:
        raise UnaccountedError("pages")
    return there


def _runs(raw: bytes, width: int, count: int) -> tuple[list[bytes], list[int], list[int]]:
    """Return the bytes of packed runs, the length of every run, and its value; -1 where it is packed."""
    if not 0 <= width <= _MOST_BITS:
        raise UnaccountedError("pages")
    packed: list[bytes] = []
    lengths: list[int] = []
    values: list[int] = []
    at, left, size, value_size = 0, count, len(raw), (width + 7) // 8
    while left > 0:
        if at >= size:
            raise UnaccountedError("pages")
        head = raw[at]
        if head & _MORE:
            head, at = _varint(raw, at)
        else:
            at += 1
        length, packs = head >> 1, head & 1
        end = at + (length * width if packs else value_size)
        length *= _GROUP if packs else 1
        over = length - left >= (_GROUP if packs else 1)
        if not length or over or end > size or (width == 0 and length > count + _GROUP):
            raise UnaccountedError("pages")
        if packs:
            packed.append(raw[at:end])
        value = -1 if packs else raw[at] if value_size == 1 else int.from_bytes(raw[at:end], "little")
        if value >> width > 0:
            raise UnaccountedError("pages")
        values.append(value)
        lengths.append(length)
        left -= length
        at = end
    if at != size:
        raise UnaccountedError("pages")
    return packed, lengths, values


def _numbers(packed: list[bytes], lengths: list[int], values: list[int], width: int, count: int) -> Any:  # noqa: ANN401 - a numpy array of uint32
    import numpy as np

    if width and len(packed) == len(lengths):
        found = _unpacked(b"".join(packed), width)
    else:
        kinds, repeated = np.array(values, np.int64), np.array(lengths, np.int64)
        found = np.repeat(kinds.clip(0).astype(np.uint32), repeated)
        if width and packed:
            found[np.repeat(kinds < 0, repeated)] = _unpacked(b"".join(packed), width)
    # At most seven more than asked for, which pad the last packed run.
    if found[count:].any():
        raise UnaccountedError("pages")
    return found[:count]
