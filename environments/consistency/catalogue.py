"""The versions that a store has of each asset, and a mark that says when to look again.

Invariants:
1. A mark that is not empty names one state of an asset's history: the same mark, the same versions.
2. A folder that was changed a moment ago has no mark: a second change in the same tick of the file system's
   clock would have the same one.

Example:
    >>> list_asset(store, "covid_tests")[0].created[-1]
    '2026-11-23T12:00:00Z'
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from data_contracts.terms import Selector
from environments.stores import AssetRecord, AssetStore

__all__ = ["Held", "Marked", "list_asset", "marks_of", "terms_in"]

_SETTLED_NS = 2_000_000_000
"""How old a folder's last change must be for its time to tell it from the next one."""


@runtime_checkable
class Marked(Protocol):
    """A store that can tell cheaply which assets changed."""

    def changes(self) -> dict[str, tuple[int, ...]]:
        """Return for each asset what changes with its history, the time (ns) of the last change first."""


@dataclass(frozen=True)
class Held:
    """What a store has of one asset, by columns: there are a hundred thousand versions.

    Attributes:
        versions: their digests, oldest first.
        numbers: the place of each in the history.
        created: when each was made, as its record says.
        contract: the digest of the contract that the latest was committed under.
        gone: versions that were removed, by digest: their places in the history.
        damaged: whether a record does not verify; then nothing else is said.
    """

    versions: Sequence[str] = ()
    numbers: Sequence[int] = ()
    created: Sequence[str] = ()
    contract: str = ""
    gone: Mapping[str, int] = field(default_factory=dict)
    damaged: bool = False

    def to_json(self) -> list[Any]:
        """Return a short form for the index."""
        return [self.versions, self.numbers, self.created, self.contract, dict(self.gone)]

    @classmethod
    def from_json(cls, value: list[Any]) -> Held:
        """Read what `to_json` wrote."""
        return cls(*value)


def list_asset(store: AssetStore, name: str) -> tuple[Held, AssetRecord | None]:
    """Read what a store has of an asset, and its latest record.

    Raises:
        NotVerifiableError: a record is damaged.
    """
    records = store.versions(name)
    gone = {stone.record.version: stone.record.sequence for stone in store.tombstones(name)}
    if not records:
        return Held(gone=gone), None
    versions, numbers = [record.version for record in records], [record.sequence for record in records]
    created = [record.created for record in records]
    return Held(versions, numbers, created, records[-1].contract_digest, gone), records[-1]


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
