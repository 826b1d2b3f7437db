"""Statistics and size statistics: the ends of the values that are there, and true counts."""

from __future__ import annotations

from typing import Any

from data_contracts.arrow import Values, compute
from data_contracts.obligations.parquet.leaves import BYTES, DOUBLE, FLOAT, Leaf, element_bytes
from data_contracts.obligations.parquet.thrift import UnaccountedError

__all__ = ["bounds", "check_sizes", "check_statistics"]


def bounds(values: Values, leaf: Leaf) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Return the bytes that a minimum may have, and those of a maximum; none where there is no value.

    Of floats NaN has no place in an order, and zero is written with either sign.
    """
    import pyarrow as pa

    pc = compute()
    floats = leaf.type in {FLOAT, DOUBLE}
    if floats:
        values = values.filter(pc.invert(pc.is_nan(values)))
    if not len(values):
        return frozenset(), frozenset()
    found = pc.min_max(values.cast(pa.large_binary()) if leaf.type == BYTES else values)
    ends = []
    for name in ("min", "max"):
        one: Values = pa.array([found[name].as_py()], type=found[name].type) if not floats else None
        forms = {element_bytes(one, leaf)} if one is not None else _zeros(found[name].as_py(), values, leaf)
        ends.append(frozenset(forms))
    return ends[0], ends[1]


def _zeros(value: float, values: Values, leaf: Leaf) -> set[bytes]:
    import numpy as np
    import pyarrow as pa

    numbers = (0.0, -0.0) if value == 0 else (value,)
    kind = np.float32 if leaf.type == FLOAT else np.float64
    made = [pa.Array.from_buffers(values.type, 1, [None, pa.py_buffer(kind(n).tobytes())]) for n in numbers]
    return {element_bytes(one, leaf) for one in made}


def check_statistics(found: dict[str, Any], values: Values, nulls: int, leaf: Leaf) -> None:
    """Compare statistics with the present values that they are about.

    Raises:
        UnaccountedError: they say something else.
    """
    low, high = bounds(values, leaf)
    for name, allowed in (("min", low), ("old_min", low), ("max", high), ("old_max", high)):
        if name in found and found[name] not in allowed:
            raise UnaccountedError("statistics")
    if found.get("nulls", nulls) != nulls or not (
        found.get("max_exact", True) and found.get("min_exact", True)
    ):
        raise UnaccountedError("statistics")


def check_sizes(found: dict[str, Any], size: int, levels: dict[str, list[int]], leaf: Leaf) -> None:
    """Compare size statistics (or an index's) with the bytes of all values and the counts of levels.

    Raises:
        UnaccountedError: they say something else.
    """
    if found.get("bytes", size) != size or ("bytes" in found and leaf.type != BYTES):
        raise UnaccountedError("statistics")
    for name in ("repetitions", "definitions"):
        if found.get(name) and found[name] != levels[name]:
            raise UnaccountedError("statistics")
