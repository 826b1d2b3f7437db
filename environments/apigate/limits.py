"""How much may pass: bytes, seconds, and requests of one speaker.

Example:
    >>> bucket = Bucket(rate=1.0, burst=2)
    >>> [bucket.take(now=0.0) for _ in range(3)]
    [True, True, False]
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

__all__ = ["MOST_ANSWER", "MOST_BODY", "PATIENCE", "SLOW", "Bucket", "Buckets"]

MOST_BODY = 4 * 1024**2
"""Bytes of a request: Prefect's handler sends its lines in batches of at most this."""
MOST_ANSWER = 16 * 1024**2
"""Bytes of an answer of the server's."""
SLOW = 10.0
"""Seconds in which a request must have arrived."""
PATIENCE = 20.0
"""Seconds in which the server must have answered."""


@dataclass
class Bucket:
    """A bucket that fills with `rate` a second up to `burst`."""

    rate: float
    burst: float
    level: float = field(default=-1.0)
    since: float = 0.0

    def take(self, *, now: float) -> bool:
        """Take one if there is one."""
        if self.level < 0:
            self.level = self.burst
        self.level = min(self.burst, self.level + self.rate * max(0.0, now - self.since))
        self.since = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class Buckets:
    """A bucket for each speaker; the ones that were silent longest are forgotten, and so full again."""

    def __init__(self, rate: float, burst: float, most: int = 1000) -> None:
        """Keep at most `most`."""
        self._rate, self._burst, self._most = rate, burst, most
        self._known: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, who: str, *, now: float) -> bool:
        """Take one of somebody's if there is one."""
        bucket = self._known.setdefault(who, Bucket(self._rate, self._burst))
        self._known.move_to_end(who)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return bucket.take(now=now)
