"""Versioned assets: one interface, one conformance suite, and the store on a local disk.

Example:
    with store.begin("covid_tests") as draft:
        write_parquet(draft.path / "part-00000.parquet")
        record = draft.commit(contract, contract.labels, rows=14280)
    [path] = store.open(store.record("covid_tests"))   # every byte verified
    with store.begin_set(["model", "reference"]) as draft:     # visible at once or not at all
        write_files(draft.path("model"), draft.path("reference"))
        draft.commit({"model": SetMember(contract, labels), "reference": SetMember(other, labels)})
"""

from __future__ import annotations

from environments.stores.cutting import Written
from environments.stores.local import LocalStore
from environments.stores.opening import open_store
from environments.stores.protocol import AssetStore, Draft, SetDraft, SetMember, Snapshot, Tombstone
from environments.stores.record import AssetRecord, FileEntry, version_of

__all__ = [
    "AssetRecord",
    "AssetStore",
    "Draft",
    "FileEntry",
    "LocalStore",
    "SetDraft",
    "SetMember",
    "Snapshot",
    "Tombstone",
    "Written",
    "open_store",
    "version_of",
]
