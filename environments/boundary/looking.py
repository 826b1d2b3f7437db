"""What lies in a transit, and in the folders of crossings; clearing what is over.

Invariants:
1. Nothing is believed: names and sizes are the transit's word, until somebody verifies.
2. Looking changes nothing; only what belongs to a crossing that this source settled, refused, or took back,
   is cleared.

Example:
    >>> lying(env, "cloud")
    ('sha256:e1e1e5…',)
"""

from __future__ import annotations

from data_contracts.errors import NotVerifiableError
from environments.boundary.context import EnvironmentContext
from environments.boundary.outbox import Outbox, unattended, working_on
from environments.outbox import has_outbox, open_outbox
from environments.private import is_draft, read_private
from environments.transit import crossing_prefix

__all__ = ["clear_over", "lying", "pinned", "refers", "stale_work"]


def lying(env: EnvironmentContext, destination: str) -> tuple[str, ...]:
    """Return the ids of the crossings of which anything lies in the transit to a peer.

    Raises:
        UnreachableError: the transit cannot be reached.
    """
    return tuple(f"sha256:{prefix}" for prefix in env.outgoing(destination).crossings())


def clear_over(env: EnvironmentContext, destination: str, crossing: str) -> None:
    """Remove what is left of a crossing that has ended: in the transit, and its keys here.

    Raises:
        NotVerifiableError: the ledger does not say that it has.
        UnreachableError: the transit cannot be reached.
    """
    with working_on(env.folder, crossing) as kept:
        ended = _ended(env, crossing, kept)
        if ended is None:
            raise NotVerifiableError("this crossing has not ended: nothing of it is removed")
        env.outgoing(destination).clear(crossing_prefix(crossing))
        refused = () if ended == "permitted" else ("manifest",)
        for name in ("sealed", "request", "pinned", *refused):
            kept.forget(name)


def _ended(env: EnvironmentContext, crossing: str, kept: Outbox) -> str | None:
    """Return how a crossing ended that was sent or asked for, by this side's ledger; None: it has not."""
    sent = env.ledger.find("egress", crossing=crossing, outcome="permitted")
    since = sent.sequence if sent else 0
    last = env.ledger.find("settle", crossing=crossing)
    if last is not None and last.body["outcome"] != "failed" and last.sequence > since:
        return str(last.body["outcome"])
    back = env.ledger.find("egress", crossing=crossing, outcome="denied")
    if sent and back and back.sequence > since and "not_before" not in back.body:
        return "denied"
    # Taken out, or expired, before a manifest was published; or refused, and nothing goes on from it.
    if sent is None and env.ledger.find("outbox", crossing=crossing) is not None:
        return "denied"
    asked = env.ledger.find("egress", crossing=crossing)
    over = sent is None and asked is not None and "not_before" not in asked.body and not kept.begun
    return "denied" if over else None


def stale_work(env: EnvironmentContext, *, clear: bool = False) -> tuple[str, ...]:
    """Return the crossings where a writer that died left output in clear, or a file that it had half written.

    `clear` removes it.

    Raises:
        UnreachableError: the disk refuses.
    """
    found = dict[str, None]()
    for name in ("work", ".*"):
        for crossing, place in unattended(env.folder, name):
            if name == "work" or is_draft(place.name):
                found[crossing] = None
                if clear:
                    Outbox(place.parent).clear_killed()
    return tuple(found)


def pinned(env: EnvironmentContext) -> frozenset[tuple[str, str]]:
    """Return asset and version of everything that crossings which have not ended send, or wait to send.

    Raises:
        NotVerifiableError: what one of them kept is not that.
    """
    places = (path.parent for path in env.folder.outbox.glob("*/pinned"))
    sent = {(member.name, member.version) for place in places for member in Outbox(place).pinned()}
    if not has_outbox(env.folder):
        return frozenset(sent)
    with open_outbox(env.folder) as outbox:
        return outbox.members() | sent


def refers(env: EnvironmentContext, destination: str) -> dict[str, str]:
    """Return for each asset the crossing whose chunks the next one to a peer will not send again."""
    found = {}
    for path in sorted((env.folder.outbox / "at" / destination).glob("[!.]*")):
        found[path.name] = f"sha256:{read_private(path).decode('ascii')}"
    return found
