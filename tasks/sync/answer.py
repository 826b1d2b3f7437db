"""What a built-in step says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.steps.errors import BrokenRule

__all__ = ["Answer"]


@dataclass(frozen=True)
class Answer:
    """What a built-in step says.

    Attributes:
        results: names, digests and counts.
        outcome: of a crossing's step: `permitted`, `denied` or `broken`; of a recall's: `permitted`,
            `denied`, `erased`, `refused` or `waiting`; empty for a pin.
        rules: those that spoke against it.
    """

    results: Mapping[str, Any]
    outcome: str = ""
    rules: tuple[BrokenRule, ...] = ()
