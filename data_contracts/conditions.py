"""Conditions on rows, as the boundary terms of a contract write them under `rows:`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Condition"]


@dataclass(frozen=True)
class Condition:
    """A condition on rows, as written, and the columns that it looks at."""

    text: str
    columns: tuple[str, ...]
