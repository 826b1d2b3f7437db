"""Tombstones: what a store keeps of a version that was erased, and its one form.

Invariants:
1. A tombstone holds the version's record (names, counts, digests, lineage) and none of its bytes.
2. It is believed only if its digest is that of what it holds.

Example:
    >>> read_tombstone(write_tombstone(stone), "visits") == stone
    True
"""

from __future__ import annotations

from datetime import UTC, datetime

from data_contracts.digest import canonical, digest_json, is_digest
from data_contracts.errors import NotVerifiableError, UsageError
from environments.signed import strict_json
from environments.stores.protocol import Tombstone
from environments.stores.record import AssetRecord

__all__ = ["MAX_TOMBSTONE", "new_tombstone", "read_tombstone", "write_tombstone"]

MAX_TOMBSTONE = 64 * 1024 * 1024
_KEYS = {"format", "record", "why", "erased"}


def new_tombstone(record: AssetRecord, why: str, now: datetime) -> Tombstone:
    """Return the tombstone of a version that is erased now.

    Raises:
        UsageError: `why` is no digest.
    """
    if not is_digest(why):
        raise UsageError("why a version is erased: not a digest", remedy="name the request by its digest")
    return Tombstone(record, why, now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def write_tombstone(stone: Tombstone) -> bytes:
    """Return the one form of a tombstone."""
    body = {"format": 1, "record": stone.record.to_json(), "why": stone.why, "erased": stone.erased}
    return canonical({"tombstone": body, "digest": digest_json(body)})


def read_tombstone(raw: bytes, name: str) -> Tombstone:
    """Read what `write_tombstone` wrote.

    Raises:
        NotVerifiableError: it is something else, or of another asset.
    """
    what = f"{name}: a tombstone"
    document = strict_json(raw, what)
    body = document.get("tombstone") if isinstance(document, dict) else None
    if not isinstance(body, dict) or set(body) != _KEYS or body["format"] != 1 or not is_digest(body["why"]):
        raise NotVerifiableError(f"{what}: not what was written", remedy="restore the store from a backup")
    if document != {"tombstone": body, "digest": digest_json(body)}:
        raise NotVerifiableError(f"{what}: not what was written", remedy="restore the store from a backup")
    stone = Tombstone(AssetRecord.from_json(body["record"]), str(body["why"]), str(body["erased"]))
    if stone.record.name != name:
        raise NotVerifiableError(f"{what}: is of another asset", remedy="restore the store from a backup")
    return stone
