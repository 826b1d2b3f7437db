"""The outbox: what one environment was asked to send and has not ended yet, durably, and in order.

Invariants:
1. What `add` returned survives a loss of power; it ends in one state, once, and is recorded by then.
2. Of one asset to one destination, one version is on its way at a time, in the order of their queueing.
3. Nothing here permits anything: an entry is a wish, which the gate decides when it is sent, each time.

Example:
    >>> with open_outbox(folder) as outbox:
    ...     outbox.add(entry, limits)
"""

from __future__ import annotations

from environments.outbox.backup import copy_of, put_back
from environments.outbox.database import has_outbox, open_outbox
from environments.outbox.entry import ENDS, Arrival, Line, Queued, State, Waits
from environments.outbox.lanes import Lane
from environments.outbox.limits import OutboxLimits, Quota
from environments.outbox.pausing import pause
from environments.outbox.queue import Outbox

__all__ = [
    "ENDS",
    "Arrival",
    "Lane",
    "Line",
    "Outbox",
    "OutboxLimits",
    "Queued",
    "Quota",
    "State",
    "Waits",
    "copy_of",
    "has_outbox",
    "open_outbox",
    "pause",
    "put_back",
]
