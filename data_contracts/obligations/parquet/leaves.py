"""The decoded columns as Parquet sees them: leaves, their present values, and these as plain bytes.

`Leaf.values` are what a reader gets: present values in order. Everything in the file is compared with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from data_contracts.arrow import Values, compute
from data_contracts.obligations.parquet.thrift import UnaccountedError

__all__ = [
    "BOOLEAN",
    "BYTES",
    "DOUBLE",
    "FIXED",
    "FLOAT",
    "INT32",
    "INT64",
    "Leaf",
    "element_bytes",
    "leaves_of",
    "plain",
    "present",
    "storage",
]

BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTES, FIXED = 0, 1, 2, 4, 5, 6, 7
_OPTIONAL, _REPEATED = 1, 2


@dataclass(frozen=True)
class Leaf:
    """One leaf of the file's schema.

    Attributes:
        path: names from the top.
        type: Parquet's physical type.
        width: bytes of a value of fixed length, else 0.
        definitions: the highest definition level.
        repetitions: the highest repetition level.
    """

    path: tuple[str, ...]
    type: int
    width: int
    definitions: int
    repetitions: int


def leaves_of(schema: list[dict[str, Any]]) -> list[Leaf]:
    """Return the leaves of a footer's flat list of elements.

    Raises:
        UnaccountedError: the list is no tree, or an element says what it cannot mean.
    """
    if not schema or set(schema[0]) - {"name", "children", "repetition"} or schema[0].get("name") != "schema":
        raise UnaccountedError("structure")
    elements = iter(schema[1:])
    found = list(_below(elements, int(schema[0].get("children", 0)), (), (0, 0)))
    if next(elements, None) is not None:
        raise UnaccountedError("structure")
    return found


def _below(
    elements: Iterator[dict[str, Any]], count: int, path: tuple[str, ...], levels: tuple[int, int]
) -> Iterator[Leaf]:
    if len(path) > 32:  # noqa: PLR2004 - deeper than any contract
        raise UnaccountedError("structure")
    for _ in range(count):
        element = next(elements, None)
        if element is None or "name" not in element:
            raise UnaccountedError("structure")
        kind = element.get("repetition", 0)
        if kind not in {0, _OPTIONAL, _REPEATED}:
            raise UnaccountedError("structure")
        inner = (levels[0] + (kind > 0), levels[1] + (kind == _REPEATED))
        here = (*path, element["name"])
        if "type" in element:
            if element.get("children"):
                raise UnaccountedError("structure")
            yield Leaf(here, element["type"], element.get("type_length", 0), *inner)
        else:
            yield from _below(elements, int(element.get("children", 0)), here, inner)


def present(values: Values) -> Iterator[Values]:
    """Yield the leaves of a decoded column, each with its present values only, in Parquet's order.

    Raises:
        UnaccountedError: the type has a form that we do not write.
    """
    from pyarrow import types

    if types.is_struct(values.type):
        for child in values.flatten():
            yield from present(child)
    elif types.is_list(values.type) or types.is_large_list(values.type):
        yield from present(values.flatten())
    elif types.is_nested(values.type) or types.is_dictionary(values.type):
        raise UnaccountedError("structure")
    else:
        yield values.drop_null() if values.null_count else values


def storage(values: Values, leaf: Leaf) -> Any:  # noqa: ANN401 - numpy
    """Return fixed-width values as the integers or floats that are stored."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import types

    narrow = {INT32: "int32", INT64: "int64", FLOAT: "float32", DOUBLE: "float64"}[leaf.type]
    if types.is_temporal(values.type) or types.is_decimal(values.type):
        if types.is_decimal(values.type) or values.type.bit_width != np.dtype(narrow).itemsize * 8:
            raise UnaccountedError("structure")
        values = values.view(pa.int32() if leaf.type == INT32 else pa.int64())
    found = values.to_numpy(zero_copy_only=False)
    return found.astype(narrow, copy=False)  # uint32 and uint64 keep their bits


def _fixed(values: Values, leaf: Leaf) -> Any:  # noqa: ANN401 - numpy
    """Return values of fixed length as rows of bytes; decimals are big-endian."""
    import numpy as np
    from pyarrow import types

    if types.is_decimal(values.type):
        size = values.type.bit_width // 8
        raw = values.buffers()[1]
        rows = np.frombuffer(raw if raw is not None else b"", np.uint8)
        rows = rows[values.offset * size : (values.offset + len(values)) * size].reshape(-1, size)[:, ::-1]
        return rows[:, size - leaf.width :]
    if types.is_fixed_size_binary(values.type) and values.type.byte_width == leaf.width:
        raw = values.buffers()[1]
        rows = np.frombuffer(raw if raw is not None else b"", np.uint8).reshape(-1, leaf.width)
        return rows[values.offset : values.offset + len(values)]
    raise UnaccountedError("structure")


def plain(values: Values, leaf: Leaf) -> bytes:
    """Return present values in the PLAIN encoding.

    Raises:
        UnaccountedError: the file stores them in another type than a reader gets.
    """
    import numpy as np
    import pyarrow as pa

    if leaf.type == BOOLEAN:
        return np.packbits(values.to_numpy(zero_copy_only=False), bitorder="little").tobytes()
    if leaf.type in {INT32, INT64, FLOAT, DOUBLE}:
        return bytes(storage(values, leaf).tobytes())
    if leaf.type == FIXED:
        return bytes(np.ascontiguousarray(_fixed(values, leaf)).tobytes())
    if leaf.type != BYTES:
        raise UnaccountedError("structure")
    body = values.cast(pa.large_binary())
    sizes: Values = compute().binary_length(body).to_numpy(zero_copy_only=False).astype("<u4")
    heads = pa.Array.from_buffers(pa.binary(4), len(body), [None, pa.py_buffer(sizes)]).cast(
        pa.large_binary()
    )
    joined = compute().binary_join_element_wise(heads, body, pa.scalar(b"", pa.large_binary()))
    offsets = np.frombuffer(joined.buffers()[1], np.int64)
    data = joined.buffers()[2]
    return data.to_pybytes()[offsets[0] : offsets[len(joined)]] if data is not None else b""


def element_bytes(values: Values, leaf: Leaf) -> bytes:
    """Return one value as statistics hold it: without the length before it."""
    raw = plain(values, leaf)
    return raw[4:] if leaf.type == BYTES else raw
