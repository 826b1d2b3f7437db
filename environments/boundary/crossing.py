"""What is asked to cross, and the id that makes a retry the same crossing.

Invariants:
1. The id covers source, destination, source version, contract digest, purpose and request id (design §4):
   the same question has the same id in every environment, and no other question has it.
2. Nothing here permits anything.

Example:
    >>> request = CrossingRequest("tests", version, "cloud", "model-training", "run-7/sync-1")
    >>> crossing_id("onprem", request, contract_digest) == crossing_id("onprem", request, contract_digest)
    True
"""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts.digest import digest_json, is_digest
from data_contracts.errors import UsageError
from environments.ref import check_name

__all__ = ["CrossingRequest", "check_crossing", "crossing_id"]

_MAX_REQUEST = 512


@dataclass(frozen=True)
class CrossingRequest:
    """One asset, to one destination, for one purpose.

    Attributes:
        name: the asset in the source's store.
        version: `sha256:<hex>`; pinned before anything is asked.
        destination: the environment it shall go to.
        purpose: what for, as contracts name it.
        request_id: the pipeline's run and call site, or what `isthmus sync` printed.
        requester: who asks, once the source has seen whose signature there is; `unattributed` before.
    """

    name: str
    version: str
    destination: str
    purpose: str
    request_id: str
    requester: str = "unattributed"

    def __post_init__(self) -> None:
        """Refuse anything that is not exactly of the shape."""
        check_name(self.name, "the asset")
        check_name(self.destination, "the destination")
        check_name(self.purpose, "the purpose")
        if not is_digest(self.version):
            raise UsageError("the version: not a digest", remedy="pin the asset's version first")
        for text, what in ((self.request_id, "the request id"), (self.requester, "the requester")):
            if not text or len(text) > _MAX_REQUEST or not text.isascii() or not text.isprintable():
                raise UsageError(f"{what}: 1 to {_MAX_REQUEST} printable ASCII characters are needed")


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
