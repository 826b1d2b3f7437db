"""One leaf's present values in one row group, and what pages, statistics and indexes ask of them.

The values are those that a reader gets. What is asked of the same rows twice (the ends of a page are those of
a chunk of one page, of its statistics and of its index) is worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from data_contracts.arrow import Values, compute
from data_contracts.obligations.parquet.leaves import (
    BYTES,
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    Leaf,
    element_bytes,
    plain,
    storage,
)

__all__ = ["Cells", "binary_of", "binary_parts"]

Ends = tuple[frozenset[bytes], frozenset[bytes]]
_HEAD = 4


@dataclass(frozen=True)
class Cells:
    """The present values of a leaf, in order."""

    leaf: Leaf
    values: Values
    _ends: dict[tuple[int, int], Ends] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def body(self) -> Values:
        """Texts as bytes."""
        return binary_of(self.values)

    def are_plain(self, page: memoryview, first: int, count: int) -> bool:
        """Whether a page is `count` values from `first` on in the PLAIN encoding, and nothing more."""
        if self.leaf.type == BYTES:
            return _texts_are(page, self.body.slice(first, count))
        return bytes(page) == plain(self.values.slice(first, count), self.leaf)

    def are_entries(self, entries: Any, indices: Any, first: int) -> bool:  # noqa: ANN401 - of `dictionary`
        """Whether the values from `first` on are those entries of a dictionary that the indices name."""
        import pyarrow as pa

        count = len(indices)
        if self.leaf.type != BYTES:
            return bytes(entries[indices].tobytes()) == plain(self.values.slice(first, count), self.leaf)
        places = pa.Array.from_buffers(pa.uint32(), count, [None, pa.py_buffer(indices)])
        found = entries.take(places)
        same = bool(found.equals(_narrow(self.body.slice(first, count))))
        if same and count:
            # The ends of the rows are those of the entries that they name, and these are few.
            self._ends[first, count] = _bytes_ends(entries.take(_distinct(indices, len(entries))))
        return same

    def size(self, first: int, count: int) -> int:
        """Return how many bytes values are, without their lengths; 0 for those of a fixed width."""
        if self.leaf.type != BYTES:
            return 0
        offsets, _ = binary_parts(self.body.slice(first, count))
        return int(offsets[-1] - offsets[0])

    def ends(self, first: int, count: int) -> Ends:
        """Return the bytes that a minimum may have, and those of a maximum; none where there is no value.

        Of floats NaN has no place in an order, and zero is written with either sign.
        """
        if (first, count) not in self._ends:
            of_texts = self.leaf.type == BYTES
            values = (self.body if of_texts else self.values).slice(first, count)
            self._ends[first, count] = _bytes_ends(values) if of_texts else _ends(values, self.leaf)
        return self._ends[first, count]


def binary_of(values: Values) -> Values:
    """Return texts as bytes, where they lie."""
    import pyarrow as pa
    from pyarrow import types

    wide = types.is_large_string(values.type) or types.is_large_binary(values.type)
    return values.cast(pa.large_binary() if wide else pa.binary())


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


def _texts_are(page: memoryview, values: Values) -> bool:
    """Whether a page is texts, each behind its length in four bytes.

    Where each stands follows from the values: heads and bodies are cut out of the page there and compared.
    Offsets in a page have 32 bits: it is shorter than 1 GiB (`compression`).
    """
    import numpy as np
    import pyarrow as pa

    offsets, _ = binary_parts(values)
    offsets = offsets.astype(np.int64) - offsets[0]
    count = len(values)
    if len(page) != int(offsets[-1]) + _HEAD * count:
        return False
    cuts: Any = np.empty(2 * count + 1, np.int32)
    cuts[::2] = offsets + _HEAD * np.arange(count + 1)
    cuts[1::2] = cuts[:-1:2] + _HEAD
    buffers = [None, pa.py_buffer(cuts), pa.py_buffer(page)]
    pieces = pa.Array.from_buffers(pa.binary(), 2 * count, buffers)
    places: Any = np.arange(2 * count, dtype=np.uint32).reshape(count, 2)
    heads, bodies = (
        pieces.take(pa.Array.from_buffers(pa.uint32(), count, [None, pa.py_buffer(places[:, at].copy())]))
        for at in (0, 1)
    )
    sizes = np.diff(offsets).astype("<u4")
    said = heads.buffers()[2]
    same = (said.to_pybytes() if said is not None else b"") == sizes.tobytes()
    return same and bool(bodies.equals(_narrow(values)))


def _narrow(values: Values) -> Values:
    import pyarrow as pa

    return values if values.type == pa.binary() else values.cast(pa.binary())


def _distinct(indices: Any, count: int) -> Values:  # noqa: ANN401 - a numpy array of uint32
    """Return each index once, as an Arrow array."""
    import numpy as np
    import pyarrow as pa

    named = np.zeros(count, np.bool_)
    named[indices] = True
    places: Any = np.flatnonzero(named)
    return pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)])


def _bytes_ends(values: Values) -> Ends:
    if not len(values):
        return frozenset(), frozenset()
    found = compute().min_max(values)
    return frozenset({found["min"].as_py()}), frozenset({found["max"].as_py()})


def _ends(values: Values, leaf: Leaf) -> Ends:
    import numpy as np
    import pyarrow as pa
    from pyarrow import types

    if not len(values):
        return frozenset(), frozenset()
    if leaf.type not in {INT32, INT64, FLOAT, DOUBLE}:
        found = compute().min_max(values)
        low, high = (pa.array([found[name].as_py()], type=found[name].type) for name in ("min", "max"))
        return frozenset({element_bytes(low, leaf)}), frozenset({element_bytes(high, leaf)})
    numbers = storage(values, leaf)
    if leaf.type in {FLOAT, DOUBLE}:
        nan = np.isnan(numbers)
        numbers = numbers[~nan] if nan.any() else numbers
    elif types.is_unsigned_integer(values.type):
        numbers = numbers.view(f"u{numbers.dtype.itemsize}")
    if not numbers.size:
        return frozenset(), frozenset()
    return _forms(numbers.min()), _forms(numbers.max())


def _forms(number: Any) -> frozenset[bytes]:  # noqa: ANN401 - a numpy number
    if number != 0 or number.dtype.kind != "f":
        return frozenset({number.tobytes()})
    return frozenset({number.dtype.type(0.0).tobytes(), number.dtype.type(-0.0).tobytes()})
