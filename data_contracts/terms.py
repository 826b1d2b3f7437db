"""Boundary terms: to whom, for what and in which form a contract's columns may cross.

Invariants:
1. A column that a crossing does not name may not cross under it.
2. For one destination and purpose at most one declaration applies: the most specific selector;
   loading refuses two that are equally specific and could both match.
3. Nothing here permits by itself: `policy.decide` does, over these terms and much else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data_contracts.conditions import Condition
from data_contracts.destination import Destination

__all__ = [
    "AnonymityTerms",
    "BoundaryTerms",
    "CrossingDeclaration",
    "CrossingTerms",
    "ExpertDetermination",
    "MinimumCell",
    "Selector",
    "Treatment",
]


@dataclass(frozen=True)
class Selector:
    """Which destinations a declaration is about: one by name, or all of a kind and jurisdiction."""

    environment: str | None = None
    kind: str | None = None
    jurisdiction: str | None = None

    @property
    def specificity(self) -> int:
        """A name is more specific than any selector, two conditions more than one."""
        return (
            3 if self.environment is not None else sum(x is not None for x in (self.kind, self.jurisdiction))
        )

    def matches(self, destination: Destination) -> bool:
        """Whether the destination is one of those; a selector without a condition matches none."""
        pairs = (
            (self.environment, destination.environment),
            (self.kind, destination.kind),
            (self.jurisdiction, destination.jurisdiction),
        )
        return self.specificity > 0 and all(want in (None, have) for want, have in pairs)

    def overlaps(self, other: Selector) -> bool:
        """Whether one destination could match both."""
        pairs = (
            (self.environment, other.environment),
            (self.kind, other.kind),
            (self.jurisdiction, other.jurisdiction),
        )
        return all(a is None or b is None or a == b for a, b in pairs)


@dataclass(frozen=True)
class Treatment:
    """What happens to one column: the name of an obligation (`keep`, `drop`, …) and its parameters."""

    obligation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AnonymityTerms:
    """How anonymous the output of a crossing must be; verified on the decoded output.

    Attributes:
        k: rows at least that share each combination of quasi-identifiers.
        quasi_identifiers: the columns, by name.
        sensitive: for each sensitive column, how many distinct values each such group holds at least.
        max_suppressed: the largest share of the source's rows, 0 to 1, that may be left out to reach it.
    """

    k: int
    quasi_identifiers: tuple[str, ...]
    sensitive: Mapping[str, int] = field(default_factory=dict)
    max_suppressed: float = 0.0


@dataclass(frozen=True)
class MinimumCell:
    """Small cells stay at the source: a count that crosses is null or at least `least`.

    Attributes:
        columns: the columns that hold counts, by name.
        least: the smallest count that may cross.
    """

    columns: tuple[str, ...]
    least: int


@dataclass(frozen=True)
class ExpertDetermination:
    """Who determined that the risk of re-identification is very small (45 CFR 164.514(b)(1)).

    Attributes:
        by: the expert.
        date: ISO 8601.
        report: the digest of the report.
    """

    by: str
    date: str
    report: str


@dataclass(frozen=True)
class CrossingDeclaration:
    """One entry of `crossings`.

    Attributes:
        to: the destinations it is about.
        purposes: the purposes it is for; never empty.
        columns: each column that may cross or is dropped; empty for a model, which crosses whole.
        rows: what every row that crosses must meet; None lets every row cross.
        anonymity: what the whole output must reach; None asks nothing.
        minimum_cell: what counts in the output must reach; None asks nothing.
        reidentify: the purposes for which the source may turn its pseudonyms and codes back.
        profile: the shipped profile that it says it keeps; empty where it says none.
        expert: the determination that it rests on; None where there is none.
    """

    to: Selector
    purposes: tuple[str, ...]
    columns: Mapping[str, Treatment]
    rows: Condition | None = None
    anonymity: AnonymityTerms | None = None
    minimum_cell: MinimumCell | None = None
    reidentify: tuple[str, ...] = ()
    profile: str = ""
    expert: ExpertDetermination | None = None


@dataclass(frozen=True)
class CrossingTerms:
    """The one declaration that applies to a destination and a purpose; see `CrossingDeclaration`."""

    destination: str
    purpose: str
    columns: Mapping[str, Treatment]
    rows: Condition | None = None
    anonymity: AnonymityTerms | None = None
    minimum_cell: MinimumCell | None = None
    reidentify: tuple[str, ...] = ()


@dataclass(frozen=True)
class BoundaryTerms:
    """All crossings that a contract declares."""

    version: int
    crossings: tuple[CrossingDeclaration, ...]

    def reach(self, destination: Destination) -> bool:
        """Whether any declaration, for whatever purpose, is about the destination."""
        return any(crossing.to.matches(destination) for crossing in self.crossings)

    def select(self, destination: Destination, purpose: str) -> CrossingTerms | None:
        """Return the declaration that applies, or None: then nothing may cross."""
        found = [c for c in self.crossings if purpose in c.purposes and c.to.matches(destination)]
        if not found:
            return None
        best = max(found, key=lambda crossing: crossing.to.specificity)
        return CrossingTerms(
            destination.environment,
            purpose,
            best.columns,
            best.rows,
            best.anonymity,
            best.minimum_cell,
            best.reidentify,
        )
