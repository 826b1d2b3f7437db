"""Bloom filters: bits of the values that are there, and no bit more.

A filter of the originals would let anyone ask "is this name in it?". So it is built again from the values
that a reader gets, and must be the same bit for bit.

Source: Parquet's `BloomFilter.md` (split blocks of 256 bits, XXH64 with seed 0 of the plain bytes).
"""

from __future__ import annotations

from data_contracts.arrow import Values
from data_contracts.obligations.parquet.format import BLOOM
from data_contracts.obligations.parquet.leaves import Leaf, element_bytes
from data_contracts.obligations.parquet.thrift import UnaccountedError, read_struct

__all__ = ["check_bloom", "xxh64"]

_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
_MASK = (1 << 64) - 1
_BLOCK = 32
_MOST = 128 * 1024 * 1024
_SALT = (
    0x47B6137B,
    0x44974D91,
    0x8824AD5B,
    0xA2B7289D,
    0x705495C7,
    0x2DF1424B,
    0x9EFC4947,
    0x5C6BFB31,
)


def _turn(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _round(state: int, lane: int) -> int:
    return _turn((state + lane * _P2) & _MASK, 31) * _P1 & _MASK


def xxh64(raw: bytes) -> int:
    """Return XXH64 with seed 0 (Y. Collet, the XXH64 specification)."""
    at, size = 0, len(raw)
    if size >= _BLOCK:
        states = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        while at + _BLOCK <= size:
            for lane in range(4):
                states[lane] = _round(states[lane], int.from_bytes(raw[at : at + 8], "little"))
                at += 8
        value = sum(_turn(state, bits) for state, bits in zip(states, (1, 7, 12, 18), strict=True)) & _MASK
        for state in states:
            value = ((value ^ _round(0, state)) * _P1 + _P4) & _MASK
    else:
        value = _P5
    value = (value + size) & _MASK
    while at + 8 <= size:
        value = (_turn(value ^ _round(0, int.from_bytes(raw[at : at + 8], "little")), 27) * _P1 + _P4) & _MASK
        at += 8
    if at + 4 <= size:
        value ^= int.from_bytes(raw[at : at + 4], "little") * _P1 & _MASK
        value = (_turn(value, 23) * _P2 + _P3) & _MASK
        at += 4
    for byte in raw[at:]:
        value = _turn(value ^ (byte * _P5 & _MASK), 11) * _P1 & _MASK
    value = (value ^ (value >> 33)) * _P2 & _MASK
    value = (value ^ (value >> 29)) * _P3 & _MASK
    return value ^ (value >> 32)


def check_bloom(raw: bytes, leaf: Leaf, values: Values) -> None:
    """Compare a filter, its header included, with the one that the present values make.

    Raises:
        UnaccountedError: a bit is set that none of them sets, or one is missing.
    """
    header, at = read_struct(raw, 0, BLOOM)
    size = int(header.get("size", 0))
    known = all(len(header.get(name) or {}) == 1 for name in ("algorithm", "hash", "compression"))
    if not known or size % _BLOCK or not 0 < size <= _MOST or at + size != len(raw):
        raise UnaccountedError("bloom")
    made = bytearray(size)
    blocks = size // _BLOCK
    distinct = values.unique()
    for place in range(len(distinct)):
        value = xxh64(element_bytes(distinct.slice(place, 1), leaf))
        block = ((value >> 32) * blocks >> 32) * _BLOCK
        key = value & 0xFFFFFFFF
        for word, salt in enumerate(_SALT):
            bit = (key * salt & 0xFFFFFFFF) >> 27
            made[block + word * 4 + bit // 8] |= 1 << bit % 8
    if bytes(made) != raw[at:]:
        raise UnaccountedError("bloom")
