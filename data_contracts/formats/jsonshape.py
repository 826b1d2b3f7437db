"""The columns of a JSON Lines file that has no contract: learned from every line, never from a sample.

Invariants:
1. One JSON type for each key, null aside; whole numbers and others together are numbers. Mixed types are
   refused, with the first line where a second type stands.
2. An integer that 64 bits cannot hold is refused: no type of ours keeps all of its digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_contracts.errors import DataBreaksContractError
from data_contracts.formats.base import refusal
from data_contracts.formats.jsonlines import Number, read_objects
from data_contracts.model import Column, SchemaObject

__all__ = ["learn_object"]

_LEAST, _MOST, _UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1
_WHOLE = frozenset("-0123456789")
_MAX_DIGITS = 40


@dataclass
class _Shape:
    """What one key held so far."""

    kind: str = ""
    least: int = 0
    most: int = 0
    children: dict[str, _Shape] = field(default_factory=dict)

    def see(self, value: object) -> None:
        """Widen the shape by one value.

        Raises:
            ValueError: it does not go with what was seen.
        """
        if value is None:
            return
        kind = _kind(value)
        if {self.kind, kind} == {"integer", "number"}:
            kind = self.kind = "number"
        if self.kind not in {"", kind}:
            raise ValueError("values of several JSON types under one key")
        self.kind = kind
        if isinstance(value, Number):
            self._see_number(value)
        elif isinstance(value, dict):
            for key, item in value.items():
                self.children.setdefault(key, _Shape()).see(item)
        elif isinstance(value, list):
            for item in value:
                self.children.setdefault("item", _Shape()).see(item)

    def _see_number(self, value: Number) -> None:
        if self.kind == "number":
            if not math.isfinite(float(value)):
                raise ValueError("a number that is too large")
            return
        if len(value) > _MAX_DIGITS:
            raise ValueError("an integer that 64 bits do not hold")
        self.least, self.most = min(self.least, int(value)), max(self.most, int(value))
        if self.least < _LEAST or self.most > (_UNSIGNED if self.least == 0 else _MOST):
            raise ValueError("an integer that 64 bits do not hold")

    def column(self, name: str) -> Column:
        """Return the column that every value of the key fits.

        Raises:
            ValueError: there is none.
        """
        if self.kind == "array":
            item = self.children.get("item", _Shape()).column("item")
            return Column(name, "array", children=(item,))
        if self.kind == "object":
            if not self.children:
                raise ValueError(f"{name}: an object that is always empty has no type")
            return Column(name, "object", children=tuple(_columns(self.children)))
        unsigned = self.kind == "integer" and self.most > _MOST
        return Column(name, self.kind or "string", options={"format": "u64"} if unsigned else {})


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Number):
        return "integer" if _WHOLE.issuperset(value) else "number"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "string"


def _columns(shapes: dict[str, _Shape]) -> Iterator[Column]:
    for name, shape in shapes.items():
        yield shape.column(name)


def learn_object(path: Path) -> SchemaObject:
    """Return columns of the types that every line of the file has; a key of nothing but nulls is text.

    Raises:
        DataBreaksContractError: the file is no strict JSON Lines, or a key has several types.
    """
    shapes: dict[str, _Shape] = {}
    for first, rows in read_objects(path):
        for line, row in enumerate(rows, first):
            _see(path, line, shapes, row)
    if not shapes:
        raise refusal(path, 1, "no keys", "lines with one JSON object each")
    try:
        return SchemaObject(path.stem, tuple(_columns(shapes)))
    except ValueError as error:
        raise DataBreaksContractError(f"{path.name}: {error}") from None


def _see(path: Path, line: int, shapes: dict[str, _Shape], row: dict[str, Any]) -> None:
    for place, (name, value) in enumerate(row.items(), 1):
        if not name:
            raise refusal(path, line, f"key {place} is empty", "a name for every column")
        try:
            shapes.setdefault(name, _Shape()).see(value)
        except ValueError as error:
            message = f"key {place} of the line: {error}"
            raise refusal(path, line, message, "one type of value under each key") from None
