"""What a condition says, as frozen types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Among", "Both", "Compare", "Constant", "Missing", "Name", "Negated", "Node"]


@dataclass(frozen=True)
class Name:
    """A column and its kind."""

    column: str
    kind: str


@dataclass(frozen=True)
class Constant:
    """A constant in the type of the column beside it, as a plain Python value."""

    value: Any
    kind: str


@dataclass(frozen=True)
class Compare:
    """`left OPERATOR right`."""

    operator: str
    left: Name
    right: Name | Constant


@dataclass(frozen=True)
class Among:
    """`column in (…)`; the constants are never null."""

    column: Name
    values: tuple[Constant, ...]


@dataclass(frozen=True)
class Missing:
    """`column is null`."""

    column: Name


@dataclass(frozen=True)
class Negated:
    """`not …`."""

    part: Node


@dataclass(frozen=True)
class Both:
    """Two or more parts joined by one word, `and` or `or`."""

    word: str
    parts: tuple[Node, ...]


Node: TypeAlias = Compare | Among | Missing | Negated | Both
