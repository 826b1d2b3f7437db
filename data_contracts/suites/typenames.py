"""Names of types, as GX understands them for what pandas holds.

A name is numpy's (`int64`, `float`, `datetime64[us]`), Python's (`str`, `bool`) or pandas' (`Timestamp`).
Names beyond those known here are `Unfamiliar`: only pandas knows what it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from data_contracts.suites.columns import ColumnType
from data_contracts.suites.wanted import Unfamiliar

__all__ = ["is_of", "same_type", "value_is_of"]

_NATIVE: dict[str, type] = {
    "none": type(None),
    "bool": bool,
    "int": int,
    "long": int,
    "float": float,
    "bytes": bytes,
    "complex": complex,
    "str": str,
    "string_types": str,
    "list": list,
    "dict": dict,
}
_PANDAS = frozenset(
    {"Timestamp", "Timedelta", "StringDtype", "BooleanDtype", "CategoricalDtype", "DatetimeTZDtype"}
)
_PANDAS |= {f"{sign}{bits}Dtype" for sign in ("Int", "UInt") for bits in (8, 16, 32, 64)}
_PANDAS |= {"Float32Dtype", "Float64Dtype"}
_NOTHING = frozenset(
    {"string", "date", "datetime", "timestamp", "number", "integer", "varchar", "text", "unicode"}
)
"""Names that people write and that neither numpy nor pandas has."""
_OBJECT = frozenset({"object", "object_", "O"})


def _accepted(names: Iterable[str]) -> set[Any]:
    """Return the types that the names stand for: numpy's, Python's own, or the names of pandas' classes."""
    import numpy as np

    found: set[Any] = set()
    for name in names:
        try:
            found.add(np.dtype(name).type)
        except TypeError:
            if name in _PANDAS:
                found.add(name)
            elif name not in _NOTHING and name.lower() not in _NATIVE:
                raise Unfamiliar("type_") from None
        if name.lower() in _NATIVE:
            found.add(_NATIVE[name.lower()])
    return found


def is_of(column: ColumnType, names: list[str], *, nulls: bool, several: bool) -> bool | None:
    """Return whether pandas' type of the column is one of some; None where GX looks at each value instead.

    Raises:
        Unfamiliar: only pandas can say, or GX raises.
    """
    import numpy as np

    dtype = column.dtype_of(nulls=nulls)
    accepted = _accepted(names)
    if several and dtype != "object":
        return _listed(column, dtype, names)
    if dtype == "object":
        looks = several or names[0] not in _OBJECT
        if looks and not accepted:
            raise Unfamiliar("type_")
        return None if looks else True
    if dtype == "str":
        return str in accepted
    if column.zone is not None:
        return "Timestamp" in accepted
    return np.dtype(dtype).type in accepted


def _listed(column: ColumnType, dtype: str, names: list[str]) -> bool:
    """Return whether a list of types has the dtype itself: GX is stricter here than with one type."""
    import numpy as np

    if set(names) & _PANDAS:
        raise Unfamiliar("type_list")
    if dtype == "str" or column.zone is not None:
        return False  # Of what numpy does not have, no name of numpy or Python is the dtype itself.
    found: list[Any] = []
    for name in names:
        with suppress(TypeError):  # It is a name of Python alone.
            found += [np.dtype(name).type, np.dtype(name)]
        found += [_NATIVE[name.lower()]] if name.lower() in _NATIVE else []
    return np.dtype(dtype) in found


def value_is_of(column: ColumnType, names: list[str]) -> bool:
    """Return whether a value of a column of objects (booleans among nulls) is of one of the types."""
    sample = {"boolean": True}.get(column.kind)
    return any(isinstance(sample, kind) for kind in _accepted(names) if isinstance(kind, type))


_EXACT = frozenset(
    {"bool", "object", "str", "string", "float64", "float32"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    | {f"datetime64[{unit}]" for unit in ("s", "ms", "us", "ns")}
)


def same_type(column: ColumnType, name: str, *, nulls: bool) -> bool:
    """Return whether pandas' type of the column is exactly the one that the name means.

    Raises:
        Unfamiliar: only pandas can say.
    """
    if name not in _EXACT or column.zone is not None:
        raise Unfamiliar("type_")
    return column.dtype_of(nulls=nulls) == name
