"""The whole answer to `isthmus contract diff OLD NEW`.

Invariants:
1. It is breaking if some reader or producer is broken: here, at a destination (whose arrival contract
   changed with it), or because a crossing is no longer possible.
2. A crossing that became possible is told apart from that: it breaks nobody, and somebody must have meant it.
3. The version that the change needs follows from it (semver 2.0.0, items 6 to 8): a breaking change needs a
   new MAJOR, any other a new MINOR, and words a new PATCH.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from data_contracts.destination import Destination
from data_contracts.evolution.changes import Change, changes
from data_contracts.evolution.passages import Opening, Passage, opened, passages, sides_named
from data_contracts.model import Contract
from data_contracts.projection import project

__all__ = ["Difference", "compare"]

_STEPS = ("none", "patch", "minor", "major")


@dataclass(frozen=True)
class Difference:
    """What changed, for whom.

    Attributes:
        old: `id@version`.
        new: `id@version`.
        changes: where the data is.
        arrivals: what changed at the destination of each crossing that is possible before and after.
        opened: crossings that were not possible before.
        closed: the ids of crossings that are no longer possible.
        same: whether the two documents are one.
    """

    old: str
    new: str
    changes: tuple[Change, ...]
    arrivals: tuple[tuple[str, tuple[Change, ...]], ...]
    opened: tuple[Opening, ...]
    closed: tuple[str, ...]
    same: bool

    @property
    def broken(self) -> tuple[str, ...]:
        """Who is broken: `readers`, `producers`, and `CONTRACT:DESTINATION:PURPOSE` of each destination."""
        found = {kind for change in self.changes for kind in change.breaks}
        there = [name for name, made in self.arrivals if any("readers" in change.breaks for change in made)]
        kinds = [kind for kind in ("readers", "producers") if kind in found]
        return (*kinds, *sorted({*there, *self.closed}))

    @property
    def breaking(self) -> bool:
        """Whether anyone is broken."""
        return bool(self.broken)

    @property
    def needs(self) -> str:
        """The step that the version must take: `none`, `patch`, `minor` or `major`."""
        if self.same:
            return "none"
        if self.breaking:
            return "major"
        more = self.changes or self.opened or any(made for _, made in self.arrivals)
        return "minor" if more else "patch"

    @property
    def step(self) -> str:
        """The step that the version takes; `back` where it is lower than it was."""
        old, new = (
            tuple(map(int, reference.rpartition("@")[2].split("."))) for reference in (self.old, self.new)
        )
        if new < old:
            return "back"
        at = next((index for index, (a, b) in enumerate(zip(old, new, strict=True)) if a != b), None)
        return "none" if at is None else ("major", "minor", "patch")[at]

    @property
    def version_suffices(self) -> bool:
        """Whether the step that the version takes is as large as the change needs."""
        return self.step in _STEPS and _STEPS.index(self.step) >= _STEPS.index(self.needs)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "old": self.old,
            "new": self.new,
            "breaking": self.breaking,
            "breaks": list(self.broken),
            "changes": [change.to_json() for change in self.changes],
            "arrivals": [
                {"crossing": name, "changes": [change.to_json() for change in made]}
                for name, made in self.arrivals
            ],
            "opened": [item.to_json() for item in self.opened],
            "closed": list(self.closed),
            "version": {"needs": self.needs, "takes": self.step, "suffices": self.version_suffices},
        }


def compare(old: Contract, new: Contract, sides: Sequence[Destination]) -> Difference:
    """Compare two versions of a contract, for readers, producers and every boundary between `sides`.

    Environments that the contracts name and that are not among `sides` are judged by the terms alone.
    """
    places = sides_named((old, new), sides)
    before, after = passages([old], places), passages([new], places)
    was, now = ({(item.destination, item.purpose): item for item in found} for found in (before, after))
    by_name = {side.environment: side for side in places}
    arrivals = tuple(
        (now[key].id, _arrival(old, new, by_name[key[0]], key[1])) for key in sorted(set(was) & set(now))
    )
    return Difference(
        old.reference,
        new.reference,
        changes(old, new),
        tuple((name, made) for name, made in arrivals if made),
        opened((_as(item, new.id) for item in before), after),
        tuple(was[key].id for key in sorted(set(was) - set(now))),
        old.digest == new.digest,
    )


def _as(passage: Passage, contract: str) -> Passage:
    """Return the passage under the new contract's id: a new name alone opens nothing."""
    return replace(passage, contract=contract)


def _arrival(old: Contract, new: Contract, side: Destination, purpose: str) -> tuple[Change, ...]:
    found = changes(project(old, side, purpose), project(new, side, purpose))
    return tuple(change for change in found if change.path != "id")
