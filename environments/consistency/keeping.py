"""Which versions of an asset something still needs, and what. Pure: nothing is read or removed here.

Invariants:
1. What is not known to be free is kept: a peer whose account is not known may refer to everything it sent.
2. The latest version of an asset is always kept.
3. Who asks says how many or how old; nothing is removed because of a default.

Example:
    >>> [(each.record.sequence, each.reason) for each in decide(records, Wish(keep=1), Needs(), now)]
    [(1, ''), (2, 'latest')]
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from data_contracts.model import Contract
from environments.stores import AssetRecord

__all__ = ["REASONS", "Decided", "Needs", "Wish", "decide", "retention"]

REASONS = {
    "latest": "it is the latest version",
    "newest": "it is among the newest that shall stay",
    "young": "it is younger than what shall go",
    "crossing": "a crossing that is not ended sends it",
    "peer": "the next crossing from its source may refer to its chunks",
    "unknown-peer": "its source's account is not known, so the next crossing may refer to its chunks",
    "retention": "its contract's retention is not over",
    "hold": "a legal hold or a duty to keep it counts",
    "read": "somebody reads it, or writes to the store at this moment",
    "damaged": "its record or contract does not verify",
}
"""Why a version stays."""
_DAYS = {"h": 1 / 24, "d": 1, "w": 7, "mo": 31, "y": 366}
_FOR_EVER = dt.timedelta(days=400_000)


@dataclass(frozen=True)
class Wish:
    """What may go.

    Attributes:
        keep: how many of the newest versions of each asset stay; None: no matter how many.
        older_than: how old a version must be to go; None: no matter how old.
    """

    keep: int | None = None
    older_than: dt.timedelta | None = None


@dataclass(frozen=True)
class Needs:
    """What is needed beside that.

    Attributes:
        sent: asset and version of every crossing that is not ended.
        settled: for each source whose account is known, the crossings that it has settled, but for those
            whose chunks its next crossing of the asset will not send again.
    """

    sent: Collection[tuple[str, str]] = ()
    settled: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Decided:
    """One version, and why it stays.

    Attributes:
        record: the version's.
        reason: one of `REASONS`; empty where nothing needs it.
        detail: which hold or duty, as its own words say it; empty for any other reason.
    """

    record: AssetRecord
    reason: str
    detail: str = ""

    @property
    def why(self) -> str:
        """The reason in words."""
        return self.detail or REASONS.get(self.reason, "")


def decide(
    records: Sequence[AssetRecord],
    wish: Wish,
    needs: Needs,
    now: dt.datetime,
    retained: Mapping[str, dt.timedelta] | None = None,
) -> list[Decided]:
    """Decide about every version of one asset.

    Args:
        records: oldest first.
        wish: what may go.
        needs: what is needed beside that.
        now: the time.
        retained: how long each contract asks a version to be kept, by the contract's digest.
    """
    newest = len(records) - (wish.keep or 0)
    found = []
    for place, record in enumerate(records):
        age = now - dt.datetime.fromisoformat(record.created)
        if place == len(records) - 1:
            reason = "latest"
        elif wish.keep is not None and place >= newest:
            reason = "newest"
        elif wish.older_than is not None and age < wish.older_than:
            reason = "young"
        elif (record.name, record.version) in needs.sent:
            reason = "crossing"
        elif held := _held(record, needs):
            reason = held
        elif (kept := (retained or {}).get(record.contract_digest)) and age < kept:
            reason = "retention"
        else:
            reason = ""
        found.append(Decided(record, reason))
    return found


def _held(record: AssetRecord, needs: Needs) -> str:
    """Return why the next crossing from a version's source may refer to it; empty where it cannot.

    A source refers to the crossing that it settled last, or to one that it will settle yet; and never again
    to another that it has settled.
    """
    crossing, source = origin(record)
    if not crossing:
        return ""
    if source not in needs.settled:
        return "unknown-peer"
    return "" if crossing in needs.settled[source] else "peer"


def origin(record: AssetRecord) -> tuple[str, str]:
    """Return the crossing that brought a version, and its source; empty where none did."""
    crossing = record.lineage.get("crossing")
    inputs = record.lineage.get("inputs") or [{}]
    return (str(crossing), str(inputs[0].get("environment", ""))) if crossing else ("", "")


def retention(contract: Contract) -> dt.timedelta:
    """Return how long a contract asks a version to be kept; for ever, where it cannot be told."""
    longest = dt.timedelta(0)
    for agreed in contract.sla:
        if agreed.property == "retention":
            try:
                longest = max(longest, dt.timedelta(days=float(agreed.value) * _DAYS[agreed.unit]))
            except (KeyError, TypeError, ValueError, OverflowError):
                return _FOR_EVER
    return longest
