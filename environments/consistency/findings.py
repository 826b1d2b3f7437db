"""What does not agree: one finding for each, with what may be done about it, or why nothing is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["KINDS", "Finding"]

KINDS = {
    "missing": "recorded, and not there",
    "extra": "there, and not recorded",
    "altered": "there, and not what was recorded",
    "orphaned": "left behind by something that is over or unknown",
    "half-done": "begun, and not ended",
}


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that does not agree.

    Attributes:
        environment: on whose side it was found.
        kind: one of `KINDS`.
        about: a crossing's id, `NAME@VERSION`, or a place.
        peer: with whom; empty where it is about this side alone.
        what: a sentence.
        repair: what `--repair` does about it; empty where nothing is done.
        untouched: why nothing is done; empty where something is.
        action: which repair; see `environments.consistency.repairing`.
        done: whether it was repaired just now.
    """

    environment: str
    kind: str
    about: str
    peer: str
    what: str
    repair: str = ""
    untouched: str = ""
    action: str = ""
    done: bool = False

    @property
    def grave(self) -> bool:
        """Whether an operator must look: it is never repaired by us."""
        return self.kind != "half-done" and not self.repair

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return dict(vars(self))
