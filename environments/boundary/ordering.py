"""A crossing does not overtake what waits in the outbox: an older version never arrives after a newer one.

Invariants:
1. What waits for a destination with another version of one of the assets goes first, whoever asks. The same
   version is no other.
2. What was sent already is gone on with. What was taken out of the outbox does not go after all.
3. Where nothing was ever queued, nothing is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from environments.boundary.queueing import ending_alone
from environments.boundary.result import GateRule
from environments.outbox import has_outbox, open_outbox

if TYPE_CHECKING:
    from environments.boundary.asking import Asked
    from environments.boundary.context import EnvironmentContext
    from environments.boundary.outbox import Outbox

__all__ = ["ORDER", "overtaking"]

ORDER = "order"


def overtaking(env: EnvironmentContext, asked: Asked, kept: Outbox) -> GateRule | None:
    """Return the rule by which a crossing must wait for one that is queued; None where it may go.

    The caller holds the crossing's folder.

    Raises:
        ConflictError: another process ends something, and takes too long.
        UnreachableError: the disk refuses.
    """
    if not has_outbox(env.folder) or kept.read("manifest") is not None:
        return None
    with ending_alone(env), open_outbox(env.folder, durable=False) as outbox:
        # Whoever takes one out is killed between ledger and outbox, or the outbox is one from a backup.
        told = env.ledger.find("outbox", crossing=asked.crossing)
        if told is not None or outbox.taken_out(asked.crossing):
            return GateRule(
                ORDER, "this very request was taken out of the outbox: ask under another request id"
            )
        ahead = outbox.overtaken(asked.request.destination, asked.request.assets, asked.crossing)
    if ahead is None:
        return None
    return GateRule(
        ORDER,
        f"an earlier version waits in the outbox for {ahead.destination} (request {ahead.request}): queue "
        "this too (isthmus sync --queue, with --supersede in its place), or take that one out "
        "(isthmus outbox drop)",
    )
