r"""Texts as the bytes that they are: where they lie, their ends, and whether a page holds them.

Invariants:
1. Where all texts have one width, a page of them is rows of that width and a head, compared by columns of up
   to eight bytes: the last overlaps rather than leave a byte out. Else each is cut out of the page.
2. Both ways say the same of every page and all texts; only the time differs.

Example:
    >>> import pyarrow as pa
    >>> texts_are(memoryview(b"\2\0\0\0ab\2\0\0\0cd"), pa.array([b"ab", b"cd"]))
    True
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from data_contracts.arrow import Values

__all__ = ["binary_of", "binary_parts", "ends_of_rows", "narrow", "one_width", "texts_are"]

_HEAD, _WIDEST = 4, 8


def binary_of(values: Values) -> Values:
    """Return texts as bytes, where they lie."""
    import pyarrow as pa
    from pyarrow import types

    wide = types.is_large_string(values.type) or types.is_large_binary(values.type)
    return values.view(pa.large_binary() if wide else pa.binary())


def binary_parts(values: Values) -> tuple[Any, Any]:
    """Return the offsets of binary values, and the buffer that these point into (numpy)."""
    import numpy as np
    import pyarrow as pa

    _, ends, data = values.buffers()
    wide = np.int64 if values.type == pa.large_binary() else np.int32
    if ends is None or not len(values):
        return np.zeros(1, wide), np.zeros(0, np.uint8)
    offsets = np.frombuffer(ends, wide)[values.offset : values.offset + len(values) + 1]
    return offsets, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def narrow(values: Values) -> Values:
    """Return bytes with offsets of 32 bits."""
    import pyarrow as pa

    return values if values.type == pa.binary() else values.cast(pa.binary())


def one_width(offsets: Any) -> int:  # noqa: ANN401 - a numpy array of integers
    """Return the width that all texts between these offsets have; 0 where they differ, or are empty."""
    count = len(offsets) - 1
    if not count:
        return 0
    width, over = divmod(int(offsets[-1]) - int(offsets[0]), count)
    return 0 if over or ((offsets[1:] - offsets[:-1]) != width).any() else width


def texts_are(page: memoryview, values: Values) -> bool:
    """Whether a page is texts, each behind its length in four bytes.

    Where each stands follows from the values. Offsets in a page have 32 bits: it is shorter than 1 GiB
    (`compression`).
    """
    offsets, data = binary_parts(values)
    if len(page) != int(offsets[-1]) - int(offsets[0]) + _HEAD * len(values):
        return False
    width = one_width(offsets)
    if width:
        return _rows_are(page, data[int(offsets[0]) : int(offsets[-1])], width, len(values))
    return _pieces_are(page, values, offsets)


def _rows_are(page: memoryview, body: Any, width: int, count: int) -> bool:  # noqa: ANN401 - numpy's uint8
    """Whether a page is rows of one width, each behind that width: `body` are the rows alone."""
    import numpy as np

    step = _HEAD + width
    if not (np.ndarray((count,), "<u4", page, 0, (step,)) == width).all():
        return False
    return all(
        (
            np.ndarray((count,), f"<u{size}", page, _HEAD + at, (step,))
            == np.ndarray((count,), f"<u{size}", body, at, (width,))
        ).all()
        for at, size in _columns(width)
    )


def _columns(width: int) -> Iterator[tuple[int, int]]:
    """Yield places and sizes that cover a row, from its begin to its end; the last may overlap."""
    size = min(_WIDEST, 1 << (width.bit_length() - 1))
    yield from ((at, size) for at in range(0, width - size + 1, size))
    if width % size:
        yield width - size, size


def _pieces_are(page: memoryview, values: Values, offsets: Any) -> bool:  # noqa: ANN401 - as `binary_parts`
    """Whether a page is texts: heads are looked at where they stand, bodies cut out and compared."""
    import numpy as np
    import pyarrow as pa

    count = len(values)
    if not count:
        return True
    sizes = np.diff(offsets)
    starts = offsets[:-1].astype(np.int64) - int(offsets[0]) + _HEAD * np.arange(count)
    heads: Any = np.ndarray((len(page) - _HEAD + 1,), "<u4", page, 0, (1,))
    if not (heads[starts] == sizes).all():
        return False
    cuts: Any = np.empty(2 * count + 1, np.int32)
    cuts[:-1:2], cuts[1::2], cuts[-1] = starts, starts + _HEAD, len(page)
    pieces = pa.Array.from_buffers(pa.binary(), 2 * count, [None, pa.py_buffer(cuts), pa.py_buffer(page)])
    odd: Any = np.arange(1, 2 * count, 2, dtype=np.uint32)
    bodies = pieces.take(pa.Array.from_buffers(pa.uint32(), count, [None, pa.py_buffer(odd)]))
    return bool(bodies.equals(narrow(values)))


def ends_of_rows(rows: Any, width: int) -> tuple[bytes, bytes]:  # noqa: ANN401 - a numpy array of uint8
    """Return the least and the greatest of texts of one width that follow each other, as bytes compare."""
    import numpy as np

    (_, size), *others = _columns(width)
    first: Any = _numbers(rows, width, 0, size).astype(f"u{size}")
    lowest, highest = (np.flatnonzero(first == end) for end in (first.min(), first.max()))
    return _among(rows, width, others, lowest, least=True), _among(rows, width, others, highest, least=False)


def _numbers(rows: Any, width: int, at: int, size: int) -> Any:  # noqa: ANN401 - as above
    """Return some bytes of each row, read as a number: numbers compare as bytes do."""
    import numpy as np

    return np.ndarray((len(rows) // width,), f">u{size}", rows, at, (width,))


def _among(rows: Any, width: int, columns: list[tuple[int, int]], places: Any, *, least: bool) -> bytes:  # noqa: ANN401 - as above
    """Return the least or greatest of the rows at these places, which are alike before the columns."""
    for at, size in columns:
        if len(places) == 1:
            break
        numbers = _numbers(rows, width, at, size)[places]
        places = places[numbers == (numbers.min() if least else numbers.max())]
    start = int(places[0]) * width
    return bytes(rows[start : start + width])
