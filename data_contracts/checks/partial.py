"""What one part of the data showed, and how parts add up.

Invariants:
1. `merge` is associative and commutative: any grouping and order of parts gives the same verdict.
2. A partial holds counts, reason codes and seeded 64-bit hashes (for uniqueness only); no value.
3. Parts of different plans do not merge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from data_contracts.errors import DefectError
from data_contracts.verdict import Reason

__all__ = ["Partial", "Tally", "merge"]

_ORDER = list(Reason)


@dataclass(frozen=True)
class Tally:
    """Counts of one rule.

    Attributes:
        missing: rows without a value.
        unexpected: rows that break the rule.
        structural: why the rule could not look at all (no such column, wrong type); None where it could.
    """

    missing: int = 0
    unexpected: int = 0
    structural: Reason | None = None

    def __add__(self, other: Tally) -> Tally:
        """Return the counts of both parts; of two structural reasons, the same one in any order."""
        reasons = [reason for reason in (self.structural, other.structural) if reason is not None]
        return Tally(
            self.missing + other.missing,
            self.unexpected + other.unexpected,
            min(reasons, key=_ORDER.index, default=None),
        )


@dataclass(frozen=True)
class Partial:
    """What some parts showed; picklable.

    Attributes:
        plan: fingerprint of the plan that made it.
        rows: rows seen.
        tallies: by rule id.
        hashes: by rule id of scope `unique`: arrays of hashes (numpy uint64), one for each part.
    """

    plan: str
    rows: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    hashes: dict[str, tuple[Any, ...]] = field(default_factory=dict, repr=False)


def merge(partials: Iterable[Partial]) -> Partial:
    """Merge partials of one plan, in any order and grouping.

    Raises:
        DefectError: there is none, or they are of different plans.
    """
    parts = list(partials)
    if not parts or any(part.plan != parts[0].plan for part in parts):
        raise DefectError("partials of one plan merge, and there must be one")
    tallies: dict[str, Tally] = {}
    hashes: dict[str, list[Any]] = {}
    for part in parts:
        for rule, tally in part.tallies.items():
            tallies[rule] = tallies[rule] + tally if rule in tallies else tally
        for rule, arrays in part.hashes.items():
            hashes.setdefault(rule, []).extend(arrays)
    rows = sum(part.rows for part in parts)
    return Partial(parts[0].plan, rows, tallies, {rule: tuple(arrays) for rule, arrays in hashes.items()})
