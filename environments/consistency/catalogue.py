"""The versions that a store has of each asset, and a mark that says when to look again.

Invariants:
1. A mark that is not empty names one state of an asset's history: the same mark, the same versions.
2. A folder that was changed a moment ago has no mark: a second change in the same tick of the file system's
   clock would have the same one.

Example:
    >>> list_asset(store, "covid_tests")[0].versions[-1].created
    '2026-11-23T12:00:00Z'
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from data_contracts.terms import Selector
from environments.stores import AssetRecord, AssetStore

__all__ = ["Held", "Marked", "Version", "list_asset", "marks_of", "terms_in"]

_SETTLED_NS = 2_000_000_000
"""How old a folder's last change must be for its time to tell it from the next one."""


@runtime_checkable
class Marked(Protocol):
    """A store that can tell cheaply which assets changed."""

    def changes(self) -> dict[str, tuple[int, ...]]:
        """Return for each asset what changes with its history, the time (ns) of the last change first."""


class Version(NamedTuple):
    """One version of an asset.

    Attributes:
        sequence: its place in the history.
        version: its digest.
        created: when, as the record says.
    """

    sequence: int
    version: str
    created: str


@dataclass(frozen=True)
class Held:
    """What a store has of one asset.

    Attributes:
        versions: oldest first.
        contract: the digest of the contract that the latest was committed under.
        gone: versions that were removed, by digest: their places in the history.
        damaged: whether a record does not verify; then nothing else is said.
    """

    versions: tuple[Version, ...] = ()
    contract: str = ""
    gone: Mapping[str, int] = field(default_factory=dict)
    damaged: bool = False

    def to_json(self) -> list[Any]:
        """Return a short form for the index."""
        versions = [[each.sequence, each.version, each.created] for each in self.versions]
        return [self.contract, versions, dict(self.gone)]

    @classmethod
    def from_json(cls, value: list[Any]) -> Held:
        """Read what `to_json` wrote."""
        return cls(tuple(map(Version._make, value[1])), value[0], value[2])


def list_asset(store: AssetStore, name: str) -> tuple[Held, AssetRecord | None]:
    """Read what a store has of an asset, and its latest record.

    Raises:
        NotVerifiableError: a record is damaged.
    """
    records = store.versions(name)
    gone = {stone.record.version: stone.record.sequence for stone in store.tombstones(name)}
    if not records:
        return Held(gone=gone), None
    versions = tuple(Version(record.sequence, record.version, record.created) for record in records)
    return Held(versions, records[-1].contract_digest, gone), records[-1]


def terms_in(store: AssetStore, record: AssetRecord) -> tuple[Selector, ...]:
    """Return to whom the contract of a version has terms, whatever they say.

    Raises:
        NotVerifiableError: the contract is not the one of the record.
    """
    terms = store.contract(record).terms
    return tuple(crossing.to for crossing in terms.crossings) if terms is not None else ()


def marks_of(store: AssetStore) -> dict[str, str]:
    """Return a mark for each asset; empty where only reading the asset tells."""
    if not isinstance(store, Marked):
        return dict.fromkeys(store.names(), "")
    young = time.time_ns() - _SETTLED_NS
    return {
        name: "-".join(map(str, mark)) if mark[0] < young else "" for name, mark in store.changes().items()
    }
