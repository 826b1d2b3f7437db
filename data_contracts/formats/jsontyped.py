"""JSON values as columns of a contract's types.

Invariants:
1. A JSON number is never text and text never a number: a value of another JSON type than the column's is
   unreadable, and so is a number with a fraction in an integer column.
2. Text becomes a date, time or timestamp by the same reading as in CSV (`data_contracts.parsing`).
3. JSON null and an absent key are no value. A text that is one of the column's missing tokens is none either.
4. Nested values follow the same rules; one unreadable part makes its row unreadable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import Values, array_of, column_type, compute, kind_of, object_schema
from data_contracts.errors import UsageError
from data_contracts.formats.base import Batch, refusal
from data_contracts.formats.jsonlines import Number, read_objects
from data_contracts.model import Column, SchemaObject
from data_contracts.parsing import Unreadable, parse_column

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["typed_batches"]

_JSON_KINDS = {
    "string": str,
    "date": str,
    "timestamp": str,
    "time": str,
    "integer": Number,
    "number": Number,
    "boolean": bool,
    "object": dict,
    "array": list,
}


def typed_batches(path: Path, item: SchemaObject, columns: list[str] | None = None) -> Iterator[Batch]:
    """Yield the file's rows as columns of `item`'s types; a file without lines gives one empty batch.

    Raises:
        DataBreaksContractError: the file is no strict JSON Lines, or has a key that the contract does not
            declare.
        UsageError: a column has no storable type.
    """
    wanted = [column for column in item.columns if columns is None or column.name in columns]
    given = False
    for line, rows in read_objects(path):
        _check_keys(path, line, rows, item)
        yield _batch(wanted, rows)
        given = True
    if not given:
        yield _batch(wanted, [])


def _check_keys(path: Path, line: int, rows: list[dict[str, Any]], item: SchemaObject) -> None:
    declared = set(item.names)
    for number, row in enumerate(rows, line):
        extra = len(row.keys() - declared)
        if extra:
            message = f"{extra} keys that are not declared"
            raise refusal(path, number, message, f"the contract's columns {', '.join(item.names)}")


def _batch(columns: list[Column], rows: list[dict[str, Any]]) -> Batch:
    import pyarrow as pa

    arrays: list[Values] = []
    unreadable: list[Unreadable] = []
    rejected: Values | None = None
    for column in columns:
        values, broken = _built(column, [row.get(column.name) for row in rows])
        arrays.append(values)
        count = int(compute().sum(broken).as_py() or 0)
        if count:
            unreadable.append(Unreadable(f"{column.name}.type", column.name, count))
            rejected = broken if rejected is None else compute().or_(rejected, broken)
    table = pa.table(arrays, schema=object_schema(SchemaObject("", tuple(columns))))
    written = partial(_written, columns, rows)
    if rejected is None:
        return Batch(table, written=written)
    return Batch(table, rejected, written(), tuple(unreadable), written)


def _written(columns: list[Column], rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            column.name: array_of([_text(row.get(column.name)) for row in rows], pa.string())
            for column in columns
        }
    )


def _text(value: object) -> str | None:
    """Return a value as a person wrote it, for rejected rows."""
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _is(kind: str, value: object) -> bool:
    wanted = _JSON_KINDS[kind]
    return isinstance(value, wanted) and (wanted is not str or not isinstance(value, Number))


def _built(column: Column, values: list[Any]) -> tuple[Values, Values]:
    """Return the typed array and one flag per value that could not be read."""
    import pyarrow as pa

    kind = kind_of(column)
    if kind not in _JSON_KINDS:
        raise UsageError(
            f"column {column.name}: no storable type",
            remedy="give it a logicalType (and properties or items)",
        )
    if column.missing_tokens:
        tokens = set(column.missing_tokens)
        values = [None if _is("string", value) and value in tokens else value for value in values]
    wrong = [value is not None and not _is(kind, value) for value in values]
    sound = [None if broken else value for value, broken in zip(values, wrong, strict=True)]
    if kind == "object":
        typed, broken = _struct(column, sound)
    elif kind == "array":
        typed, broken = _list(column, sound)
    elif kind == "boolean":
        typed, broken = array_of(sound, pa.bool_()), array_of([False] * len(sound), pa.bool_())
    else:
        words = [None if value is None else str(value) for value in sound]
        typed, broken = parse_column(column, array_of(words, pa.string()))
    return typed, compute().or_(broken, array_of(wrong, pa.bool_()))


def _struct(column: Column, values: list[Any]) -> tuple[Values, Values]:
    import pyarrow as pa

    declared = {child.name for child in column.children}
    flags = array_of([value is not None and bool(value.keys() - declared) for value in values], pa.bool_())
    arrays: list[Values] = []
    for child in column.children:
        typed, broken = _built(child, [None if value is None else value.get(child.name) for value in values])
        arrays.append(typed)
        flags = compute().or_(flags, broken)
    missing = array_of([value is None for value in values], pa.bool_())
    fields: Values = column_type(column)
    return pa.StructArray.from_arrays(arrays, fields=list(fields), mask=missing), flags


def _list(column: Column, values: list[Any]) -> tuple[Values, Values]:
    import numpy as np
    import pyarrow as pa

    sizes = [0 if value is None else len(value) for value in values]
    typed, broken = _built(column.children[0], [item for value in values if value for item in value])
    ends: Values = np.fromiter(accumulate(sizes, initial=0), dtype=np.int32, count=len(sizes) + 1)
    running = np.concatenate([[0], np.cumsum(broken.to_numpy(zero_copy_only=False))])
    flags = running[ends[1:]] > running[ends[:-1]]
    offsets = pa.Array.from_buffers(pa.int32(), len(ends), [None, pa.py_buffer(ends)])
    missing = array_of([value is None for value in values], pa.bool_())
    of_arrays: Values = pa.ListArray.from_arrays
    listed = of_arrays(offsets, typed, mask=missing, type=column_type(column))
    return listed, array_of([bool(flag) for flag in flags], pa.bool_())
