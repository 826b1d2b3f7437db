"""Many columns alike: a wide table is judged by the different shapes of its columns, each once.

Invariants:
1. Two columns have one shape if they differ only in texts that the standard leaves free (name, description).
   What the schema says of one it says of all.
2. A problem of a shape is told of every column that has it, in the places of the author's file.
3. More shapes than `MAX_SHAPES` are refused: no table has them, and judging each would take minutes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["MAX_SHAPES", "Alike", "alike"]

MAX_SHAPES = 2000
_FEW = 100
_FREE = ("name", "description", "businessName", "physicalName")
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Alike:
    """A document with one column of each shape.

    Attributes:
        data: the document; the very same where no object has many columns.
        members: for an object's index and a column's index in `data`, the columns of that shape in the file.
        excess: the index of an object with too many shapes; None where there is none.
    """

    data: Any
    members: Mapping[int, list[list[int]]]
    excess: int | None = None

    def places(self, path: Path) -> Iterator[Path]:
        """Yield where a place of `data` is in the author's file."""
        if len(path) < 4 or path[0] != "schema" or path[2] != "properties" or path[1] not in self.members:  # noqa: PLR2004 - schema, its index, properties, its index
            yield path
            return
        for index in self.members[int(path[1])][int(path[3])]:
            yield (*path[:3], index, *path[4:])


def alike(data: Any) -> Alike:  # noqa: ANN401 - any JSON value
    """Return the document with the first column of each shape, wherever an object has many columns."""
    objects = data.get("schema") if isinstance(data, Mapping) else None
    if not isinstance(objects, list):
        return Alike(data, {})
    members: dict[int, list[list[int]]] = {}
    made = list(objects)
    for index, item in enumerate(objects):
        columns = item.get("properties") if isinstance(item, Mapping) else None
        if not isinstance(columns, list) or len(columns) <= _FEW:
            continue
        shapes: dict[str, list[int]] = {}
        for at, column in enumerate(columns):
            shapes.setdefault(_shape(column), []).append(at)
        if len(shapes) > MAX_SHAPES:
            return Alike(data, {}, index)
        members[index] = list(shapes.values())
        made[index] = {**item, "properties": [columns[group[0]] for group in members[index]]}
    return Alike({**data, "schema": made}, members) if members else Alike(data, {})


def _shape(column: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(column, Mapping):
        column = {
            key: "" if key in _FREE and isinstance(value, str) else value for key, value in column.items()
        }
    return json.dumps(column, sort_keys=True)
