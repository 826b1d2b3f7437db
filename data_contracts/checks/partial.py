"""What one part of the data showed, and how parts add up.

Invariants:
1. `merge` is associative and commutative: any grouping and order of parts gives the same verdict.
2. A partial holds the states of measures: counts, reason codes, seeded hashes, and for a few rules values
   at a part's edges. It stays inside the environment.
3. Parts of different plans do not merge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from data_contracts.errors import DefectError
from data_contracts.verdict import Reason

__all__ = ["Partial", "Structural", "Unevaluated", "merge"]

_ORDER = list(Reason)


@dataclass(frozen=True)
class Structural:
    """Parts in which a rule could not look at its column, because of the column itself.

    Attributes:
        reason: of several, the first in the order of `Reason`.
        rows: of those parts.
    """

    reason: Reason
    rows: int

    def merge(self, other: Structural) -> Structural:
        """Return both; the reason is the same in any order."""
        return Structural(min(self.reason, other.reason, key=_ORDER.index), self.rows + other.rows)


@dataclass(frozen=True)
class Unevaluated:
    """The engine could not evaluate the rule on some part: the rule has failed."""

    def merge(self, other: object) -> Unevaluated:
        """Whatever else was seen."""
        del other
        return self


@dataclass(frozen=True)
class Partial:
    """What some parts showed; picklable.

    Attributes:
        plan: fingerprint of the plan that made it.
        levels: rows seen, by level; '' is the table's own.
        undeclared: names of columns that should not be there.
        structural: by rule id.
        states: by rule id.
    """

    plan: str
    levels: dict[str, int] = field(default_factory=dict)
    undeclared: frozenset[str] = frozenset()
    structural: dict[str, Structural] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def rows(self) -> int:
        """Rows seen."""
        return self.levels.get("", 0)


def merge(partials: Iterable[Partial]) -> Partial:
    """Merge partials of one plan, in any order and grouping.

    Raises:
        DefectError: there is none, or they are of different plans.
    """
    parts = list(partials)
    if not parts or any(part.plan != parts[0].plan for part in parts):
        raise DefectError("partials of one plan merge, and there must be one")
    if len(parts) == 1:
        return parts[0]
    levels: dict[str, int] = {}
    structural: dict[str, Structural] = {}
    states: dict[str, Any] = {}
    for part in parts:
        for level, rows in part.levels.items():
            levels[level] = levels.get(level, 0) + rows
        for rule, found in part.structural.items():
            structural[rule] = structural[rule].merge(found) if rule in structural else found
        for rule, state in part.states.items():
            states[rule] = _both(states[rule], state) if rule in states else state
    undeclared = frozenset().union(*(part.undeclared for part in parts))
    return Partial(parts[0].plan, levels, undeclared, structural, states)


def _both(left: Any, right: Any) -> Any:  # noqa: ANN401 - states of one measure
    return right if isinstance(right, Unevaluated) else left.merge(right)
