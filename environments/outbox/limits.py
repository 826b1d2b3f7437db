"""How much may wait in an outbox, and for how long: as an environment's file declares it.

Invariants:
1. There is always a limit: what is not declared has the one that stands here.
2. A limit refuses what comes; it never removes what waits.

Example:
    >>> OutboxLimits(destinations={"edge": Quota(entries=10)}).quota("edge").entries
    10
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["LONGEST", "USUAL_OUTBOX", "OutboxLimits", "Quota"]

LONGEST = dt.timedelta(days=90)
"""The longest that anything may wait: so long counts what a requester signed for it."""


@dataclass(frozen=True)
class Quota:
    """How much may wait for one destination.

    Attributes:
        entries: crossings that are not ended.
        bytes: of the versions that they send, as the store counts them; these versions stay in the store.
    """

    entries: int = 100_000
    bytes: int = 1_000_000_000_000


@dataclass(frozen=True)
class OutboxLimits:
    """What an environment's file says under `outbox`.

    Attributes:
        entries: of each destination, how many crossings may wait.
        bytes: of each destination, how many bytes of versions.
        expires: days after which a crossing that nobody gave another time waits no more.
        in_flight: of each destination, how many may be sent and not answered at once.
        destinations: quotas of single destinations, in place of the two above.
    """

    entries: int = Quota.entries
    bytes: int = Quota.bytes
    expires: int = 14
    in_flight: int = 64
    destinations: Mapping[str, Quota] = field(default_factory=dict)

    def quota(self, destination: str) -> Quota:
        """Return what may wait for a destination."""
        return self.destinations.get(destination, Quota(self.entries, self.bytes))

    @property
    def lifetime(self) -> dt.timedelta:
        """How long a crossing waits that nobody gave another time."""
        return dt.timedelta(days=self.expires)


USUAL_OUTBOX = OutboxLimits()
"""What holds where a file says nothing."""
