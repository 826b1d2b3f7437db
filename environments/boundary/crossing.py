"""What is asked to cross, and the id that makes a retry the same crossing.

Invariants:
1. The id covers source, destination, source version, contract digest, purpose and request id (design §4):
   the same question has the same id in every environment, and no other question has it.
2. A set's version is the digest of its members' NAME@VERSION, sorted, so it is the same set in any order.
3. Nothing here permits anything.

Example:
    >>> request = CrossingRequest("tests", version, "cloud", "model-training", "run-7/sync-1")
    >>> crossing_id("onprem", request, contract_digest) == crossing_id("onprem", request, contract_digest)
    True
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from data_contracts.digest import digest_json, is_digest
from data_contracts.errors import UsageError
from environments.ref import check_name

__all__ = [
    "MAX_MEMBERS",
    "SET",
    "CrossingRequest",
    "Member",
    "check_crossing",
    "crossing_id",
    "set_digest",
    "told_members",
]

_MAX_REQUEST = 512
SET = "set"
"""The name of every set, where one asset's name would stand."""
MAX_MEMBERS = 10_000
_MAX_TOLD = 1_000


@dataclass(frozen=True, order=True)
class Member:
    """One version of one asset, as a member of a set."""

    name: str
    version: str

    def __post_init__(self) -> None:
        """Refuse anything that is not exactly of the shape."""
        check_name(self.name, "the asset")
        if not is_digest(self.version):
            raise UsageError("the version: not a digest", remedy="pin the asset's version first")

    def __str__(self) -> str:
        """Render as NAME@VERSION."""
        return f"{self.name}@{self.version}"


def set_digest(members: Iterable[Member]) -> str:
    """Return the version of a set."""
    return digest_json(sorted(map(str, members)))


@dataclass(frozen=True)
class CrossingRequest:
    """One asset, or one set of assets, to one destination, for one purpose.

    Attributes:
        name: the asset in the source's store; `set` for a set.
        version: `sha256:<hex>`; pinned before anything is asked. Of a set its digest.
        destination: the environment it shall go to.
        purpose: what for, as contracts name it.
        request_id: the pipeline's run and call site, or what `isthmus sync` printed.
        members: of a set, sorted by name; none for one asset.
        requester: who asks, once the source has seen whose signature there is; `unattributed` before.
    """

    name: str
    version: str
    destination: str
    purpose: str
    request_id: str
    requester: str = "unattributed"
    members: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        """Refuse anything that is not exactly of the shape."""
        check_name(self.name, "the asset")
        check_name(self.destination, "the destination")
        check_name(self.purpose, "the purpose")
        if not is_digest(self.version):
            raise UsageError("the version: not a digest", remedy="pin the asset's version first")
        if self.members:
            self._check_members()
        for text, what in ((self.request_id, "the request id"), (self.requester, "the requester")):
            if not text or len(text) > _MAX_REQUEST or not text.isascii() or not text.isprintable():
                raise UsageError(f"{what}: 1 to {_MAX_REQUEST} printable ASCII characters are needed")

    def _check_members(self) -> None:
        names = [member.name for member in self.members]
        if names != sorted(set(names)) or not 1 < len(names) <= MAX_MEMBERS:
            raise UsageError(
                f"a set: 2 to {MAX_MEMBERS} members are needed, sorted, each asset once",
                remedy="name each asset once; of two versions of one asset, choose one",
            )
        if (self.name, self.version) != (SET, set_digest(self.members)):
            raise UsageError("a set: its version is not that of its members")

    @property
    def assets(self) -> tuple[Member, ...]:
        """What shall cross, one by one."""
        return self.members or (Member(self.name, self.version),)

    @classmethod
    def of(
        cls, members: Iterable[Member], destination: str, purpose: str, request_id: str
    ) -> CrossingRequest:
        """Return the request for these assets, in any order; one is no set.

        Raises:
            UsageError: none, too many, or one asset twice.
        """
        asked = tuple(sorted(members))
        if not asked:
            raise UsageError("nothing is asked for", remedy="name at least one asset")
        if len(asked) == 1:
            return cls(asked[0].name, asked[0].version, destination, purpose, request_id)
        return cls(SET, set_digest(asked), destination, purpose, request_id, members=asked)


def crossing_id(source: str, request: CrossingRequest, contract_digest: str) -> str:
    """Return the crossing's id, `sha256:<hex>`."""
    return digest_json(
        {
            "source": source,
            "destination": request.destination,
            "version": request.version,
            "contract": contract_digest,
            "purpose": request.purpose,
            "request": request.request_id,
        }
    )


def told_members(members: Iterable[Member]) -> dict[str, Any]:
    """Return what a ledger says of a set's members: how many, and which, up to a thousand of them."""
    told = [[member.name, member.version] for member in members]
    if not told:
        return {}
    return {"count": len(told)} | ({"members": told} if len(told) <= _MAX_TOLD else {})


def check_crossing(crossing: object) -> str:
    """Return `crossing` if it is an id.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(crossing, str) or not is_digest(crossing):
        raise UsageError(
            "not a crossing id", remedy="say sha256:<64 hex digits>, as `isthmus sync` printed it"
        )
    return crossing
