"""What was derived from what, by the lineage of one store's own records; erased versions count too.

Invariants:
1. A record says from which versions of this environment it was made; from these, and from theirs, follows
   everything that was derived, models like data.
2. A version's bytes stand for themselves: where the same version came by two ways, what was made of it was
   made of both.

Example:
    >>> {record.name for record in lineage_of(env.store).derived("cloud", seeds)}
    {'summary', 'visits', 'visits_model'}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from environments.stores import AssetRecord, AssetStore, Tombstone

__all__ = ["Lineage", "lineage_of"]


@dataclass(frozen=True)
class Lineage:
    """The records of one store.

    Attributes:
        records: of the versions that stand.
        erased: tombstones of those that were erased.
    """

    records: tuple[AssetRecord, ...]
    erased: tuple[Tombstone, ...]

    @property
    def everything(self) -> tuple[AssetRecord, ...]:
        """The records of all versions that ever stood here and are known."""
        return (*self.records, *(stone.record for stone in self.erased))

    def derived(self, environment: str, seeds: Iterable[AssetRecord]) -> tuple[AssetRecord, ...]:
        """Return the seeds and all that was made of them here, each once, sorted by name and number."""
        made = self._made(environment)
        found: dict[tuple[str, int], AssetRecord] = {}
        waiting = list(seeds)
        while waiting:
            record = waiting.pop()
            if found.setdefault((record.name, record.sequence), record) is record:
                waiting += made.get((record.name, record.version), ())
        return tuple(found[key] for key in sorted(found))

    def _made(self, environment: str) -> Mapping[tuple[str, str], list[AssetRecord]]:
        made = defaultdict[tuple[str, str], list[AssetRecord]](list)
        for record in self.everything:
            for name, version in inputs_of(record, environment):
                made[name, version].append(record)
        return made

    def brought(
        self, source: str, crossings: Collection[str], assets: Collection[tuple[str, str]]
    ) -> tuple[AssetRecord, ...]:
        """Return what these crossings brought of these assets of the source, and no other member of a set."""
        return tuple(
            record
            for record in self.everything
            if record.lineage.get("crossing") in crossings
            and not inputs_of(record, source).isdisjoint(assets)
        )


def inputs_of(record: AssetRecord, environment: str) -> set[tuple[str, str]]:
    """Return name and version of the inputs that were assets of an environment."""
    given = record.lineage.get("inputs")
    listed = given if isinstance(given, list) else []
    return {
        (str(one.get("name")), str(one.get("version")))
        for one in listed
        if isinstance(one, Mapping) and one.get("environment") == environment
    }


def lineage_of(store: AssetStore) -> Lineage:
    """Read every record and tombstone of a store.

    Raises:
        NotVerifiableError: one is damaged.
        UnreachableError: the store cannot be read.
    """
    records = tuple(record for name in store.names() for record in store.versions(name))
    erased = tuple(stone for name in store.erased_names() for stone in store.tombstones(name))
    return Lineage(records, erased)
