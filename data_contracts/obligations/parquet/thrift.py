r"""Thrift's compact protocol, strictly: one way to write each value, no field that is not known.

Example:
    >>> read_struct(b"\x15\x02\x00", 0, {1: ("version", "i32")})
    ({'version': 1}, 3)
"""

from __future__ import annotations

import struct
from typing import Any, Final

__all__ = ["Kind", "Spec", "UnaccountedError", "read_struct"]

Kind = Any
"""`bool`, `i8` to `i64`, `double`, `binary`, `text`; a list as `[kind]`; a struct as its `Spec`."""
Spec = dict[int, tuple[str, Kind]]

_TRUE, _FALSE = 1, 2
_CODES: Final = {"i8": 3, "i16": 4, "i32": 5, "i64": 6, "double": 7, "binary": 8, "text": 8}
_LIST, _STRUCT = 9, 12
_WIDTH: Final = {"i8": 8, "i16": 16, "i32": 32, "i64": 64}
_NUMBERS: Final = frozenset({"i16", "i32", "i64"})
_MORE = 0x80
_DEEP = 16
_SHORT = 15


class UnaccountedError(Exception):
    """Bytes that nothing accounts for.

    Attributes:
        where: `structure`, `pages`, `dictionaries`, `statistics`, `indexes`, `bloom`, `metadata` or `bytes`.
    """

    def __init__(self, where: str) -> None:
        """Say where; never what."""
        super().__init__(where)
        self.where = where


def _fail() -> UnaccountedError:
    return UnaccountedError("structure")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        piece = raw[at]
        at += 1
        value |= (piece & 0x7F) << shift
        shift += 7
        if not piece & _MORE:
            break
        if shift > 63:  # noqa: PLR2004 - no value is longer than 64 bits
            raise _fail()
    if value >> 64 or (piece == 0 and shift > 7):  # noqa: PLR2004 - a last byte of zero adds nothing
        raise _fail()
    return value, at


def _whole(raw: bytes, at: int, kind: str) -> tuple[int, int]:
    value = raw[at]
    if value < _MORE:  # most are of one byte, and then in every type's bounds
        return (value >> 1) ^ -(value & 1), at + 1
    second = raw[at + 1]
    if 0 < second < _MORE:  # of two bytes: 14 bits, as above
        value = value & 0x7F | second << 7
        return (value >> 1) ^ -(value & 1), at + 2
    value, at = _varint(raw, at)
    number = (value >> 1) ^ -(value & 1)
    if not -(1 << (_WIDTH[kind] - 1)) <= number < 1 << (_WIDTH[kind] - 1):
        raise _fail()
    return number, at


def _bytes(raw: bytes, at: int) -> tuple[bytes, int]:
    size = raw[at]
    size, at = (size, at + 1) if size < _MORE else _varint(raw, at)
    if size > len(raw) - at:
        raise _fail()
    return raw[at : at + size], at + size


def _value(raw: bytes, at: int, kind: str) -> tuple[Any, int]:
    if kind in _NUMBERS:
        return _whole(raw, at, kind)
    if kind == "i8":
        value = raw[at]
        return value - ((value & 0x80) << 1), at + 1
    if kind == "double":
        if at + 8 > len(raw):
            raise _fail()
        return struct.unpack_from("<d", raw, at)[0], at + 8
    found, at = _bytes(raw, at)
    if kind == "binary":
        return found, at
    try:
        return found.decode("utf-8"), at
    except UnicodeDecodeError:
        raise _fail() from None


def _nested(raw: bytes, at: int, kind: Kind, depth: int) -> tuple[Any, int]:
    if isinstance(kind, dict):
        return _struct(raw, at, kind, depth + 1)
    return _list(raw, at, kind[0], depth + 1) if isinstance(kind, list) else _value(raw, at, kind)


def _code(kind: Kind) -> int:
    if isinstance(kind, str):
        return _CODES.get(kind, _TRUE)
    return _STRUCT if isinstance(kind, dict) else _LIST


def _list(raw: bytes, at: int, kind: Kind, depth: int) -> tuple[list[Any], int]:
    head = raw[at]
    at += 1
    size = head >> 4
    if size == _SHORT:
        size, at = _varint(raw, at)
        if size < _SHORT:
            raise _fail()
    code = head & 0x0F
    # A list of booleans is written with either code.
    if code != _code(kind) and not (kind == "bool" and code in {_TRUE, _FALSE}):
        raise _fail()
    if size > len(raw) - at:
        raise _fail()
    found = []
    for _ in range(size):
        if kind == "bool":
            item: Any = raw[at]
            item, at = _truth(item), at + 1
        else:
            item, at = _nested(raw, at, kind, depth)
        found.append(item)
    return found, at


def read_struct(raw: bytes, at: int, spec: Spec, depth: int = 0) -> tuple[dict[str, Any], int]:
    """Read one struct; returns its fields by name, and where it ends.

    Raises:
        UnaccountedError: a field is not in `spec`, of another type, twice, out of order, or cut off.
    """
    try:
        return _struct(raw, at, spec, depth)
    except IndexError:  # it goes on where the bytes end
        raise _fail() from None


def _truth(code: int) -> bool:
    if code not in {_TRUE, _FALSE}:
        raise _fail()
    return code == _TRUE


def _far(raw: bytes, at: int, last: int) -> tuple[int, int]:
    """Return the number of a field that is more than 15 behind the last one, and only of such a field."""
    number, at = _whole(raw, at, "i16")
    if 0 < number - last <= _SHORT:
        raise _fail()
    return number, at


def _struct(raw: bytes, at: int, spec: Spec, depth: int) -> tuple[dict[str, Any], int]:
    if depth > _DEEP:
        raise _fail()
    found: dict[str, Any] = {}
    last = 0
    while head := raw[at]:
        at += 1
        code, step = head & 0x0F, head >> 4
        number = last + step
        if step == 0:
            number, at = _far(raw, at, last)
        if number <= last or number not in spec:
            raise _fail()
        last = number
        name, kind = spec[number]
        if not isinstance(kind, str):
            if code != (_STRUCT if isinstance(kind, dict) else _LIST):
                raise _fail()
            found[name], at = _nested(raw, at, kind, depth)
        elif kind == "bool":
            found[name] = _truth(code)
        elif code != _CODES[kind]:
            raise _fail()
        elif kind in _NUMBERS:
            found[name], at = _whole(raw, at, kind)
        else:
            found[name], at = _value(raw, at, kind)
    return found, at + 1
