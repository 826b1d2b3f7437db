"""What a child may use, as plain data that both sides read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["GIB", "MIB", "Limits"]

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclass(frozen=True)
class Limits:
    """Limits of one child; each ends it, and the work with a reason code.

    Attributes:
        memory_bytes: address space beyond what its own imports take.
        cpu_seconds: processor time of all its threads together.
        wall_seconds: of the start, and of each call, by the parent's clock.
        file_bytes: the largest file that it may write in its private folder; 0 is none at all.
        answer_bytes: the largest answer.
    """

    memory_bytes: int = 2 * GIB
    cpu_seconds: int = 60
    wall_seconds: float = 120.0
    file_bytes: int = 0
    answer_bytes: int = MIB

    def to_json(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)
