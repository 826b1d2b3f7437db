"""One leaf's present values in one row group, and what pages, statistics and indexes ask of them.

The values are those that a reader gets. What is asked of the same rows twice (the ends of a page are those of
a chunk of one page, of its statistics and of its index) is worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from data_contracts.arrow import Values, compute
from data_contracts.obligations.parquet.binary import (
    binary_of,
    binary_parts,
    ends_of_rows,
    narrow,
    one_width,
    texts_are,
)
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

__all__ = ["Cells"]

Ends = tuple[frozenset[bytes], frozenset[bytes]]
_NUMBERS = frozenset({INT32, INT64, FLOAT, DOUBLE})
_FEW = 64


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

    @cached_property
    def stored(self) -> Any:  # noqa: ANN401 - numpy
        """Numbers as they are stored."""
        return storage(self.values, self.leaf)

    def are_plain(self, page: memoryview, first: int, count: int) -> bool:
        """Whether a page is `count` values from `first` on in the PLAIN encoding, and nothing more."""
        if self.leaf.type == BYTES:
            return texts_are(page, self.body.slice(first, count))
        if self.leaf.type in _NUMBERS:
            return _same_bytes(page, self.stored[first : first + count])
        return bytes(page) == plain(self.values.slice(first, count), self.leaf)

    def are_entries(self, entries: Any, indices: Any, first: int, named: Any) -> bool:  # noqa: ANN401 - numpy
        """Whether the values from `first` on are those entries of a dictionary that the indices name.

        Args:
            entries: the dictionary's, numpy rows or an Arrow array.
            indices: one for each value, of 64 bits.
            first: number of the first value.
            named: of each entry whether an index names it.
        """
        import pyarrow as pa

        count = len(indices)
        if self.leaf.type in _NUMBERS:
            return _same_bytes(entries.take(indices), self.stored[first : first + count])
        if self.leaf.type != BYTES:
            return bytes(entries[indices].tobytes()) == plain(self.values.slice(first, count), self.leaf)
        places = pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(indices)])
        found = entries.take(places)
        same = bool(found.equals(narrow(self.body.slice(first, count))))
        if same and count:
            # The ends of the rows are those of the entries that they name, and these are few.
            self._ends[first, count] = _bytes_ends(_chosen(entries, named))
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
            self._ends[first, count] = self._found_ends(first, count)
        return self._ends[first, count]

    def _found_ends(self, first: int, count: int) -> Ends:
        if self.leaf.type == BYTES:
            return _bytes_ends(self.body.slice(first, count))
        values = self.values.slice(first, count)
        if self.leaf.type in _NUMBERS and count:
            return _number_ends(self.stored[first : first + count], values.type)
        return _ends(values, self.leaf)


def _same_bytes(page: Any, numbers: Any) -> bool:  # noqa: ANN401 - what has a buffer
    """Whether two buffers hold the same bytes, compared where they lie."""
    import pyarrow as pa

    return bool(pa.py_buffer(page).equals(pa.py_buffer(numbers)))


def _chosen(entries: Values, named: Any) -> Values:  # noqa: ANN401 - a numpy array of bool
    """Return the entries that are named."""
    import numpy as np
    import pyarrow as pa

    if named.all():
        return entries
    places: Any = np.flatnonzero(named)
    return entries.take(pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)]))


def _bytes_ends(values: Values) -> Ends:
    if not len(values):
        return frozenset(), frozenset()
    if len(values) <= _FEW:
        texts = values.to_pylist()
        return frozenset({min(texts)}), frozenset({max(texts)})
    offsets, data = binary_parts(values)
    width = one_width(offsets)
    if width:
        ends = ends_of_rows(data[int(offsets[0]) : int(offsets[-1])], width)
        return frozenset({ends[0]}), frozenset({ends[1]})
    found = compute().min_max(values)
    return frozenset({found["min"].as_py()}), frozenset({found["max"].as_py()})


def _ends(values: Values, leaf: Leaf) -> Ends:
    import pyarrow as pa

    if not len(values):
        return frozenset(), frozenset()
    found = compute().min_max(values)
    low, high = (pa.array([found[name].as_py()], type=found[name].type) for name in ("min", "max"))
    return frozenset({element_bytes(low, leaf)}), frozenset({element_bytes(high, leaf)})


def _number_ends(numbers: Any, kind: Values) -> Ends:  # noqa: ANN401 - numpy
    import numpy as np
    from pyarrow import types

    if numbers.dtype.kind == "f":
        nan = np.isnan(numbers)
        numbers = numbers[~nan] if nan.any() else numbers
    elif types.is_unsigned_integer(kind):
        numbers = numbers.view(f"u{numbers.dtype.itemsize}")
    if not numbers.size:
        return frozenset(), frozenset()
    return _forms(numbers.min()), _forms(numbers.max())


def _forms(number: Any) -> frozenset[bytes]:  # noqa: ANN401 - a numpy number
    if number != 0 or number.dtype.kind != "f":
        return frozenset({number.tobytes()})
    return frozenset({number.dtype.type(0.0).tobytes(), number.dtype.type(-0.0).tobytes()})
