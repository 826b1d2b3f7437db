"""Whether a round of the pump would find anything to do: light enough to ask every few seconds.

Invariants:
1. No key is opened, nothing is decided, and nothing changes.
2. Of transits only folders are looked into; any other is due when its line is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from pathlib import Path

from data_contracts.errors import IsthmusError
from environments.folder import EnvironmentFolder
from environments.outbox import Outbox, has_outbox, open_outbox
from environments.profile import Profile
from environments.transit import DirectoryTransit, open_transit

__all__ = ["anything_due"]


def anything_due(
    folder: EnvironmentFolder, profile: Profile, peers: Collection[str], now: dt.datetime
) -> bool:
    """Whether something waits that is due, or lies in a transit from a peer and was not answered.

    Raises:
        UnreachableError: the disk refuses.
    """
    root = folder.transits
    near = {peer: _near(root, peer, profile) for peer in sorted(peers)}
    if not has_outbox(folder):
        return any(transit is None or next(iter(_lying(transit)), "") for transit in near.values())
    with open_outbox(folder, durable=False) as outbox:
        return any(_due_for(outbox, name, now) for name in outbox.destinations()) or any(
            outbox.open(peer, "fetch", now)
            and (transit is None or any(_new(outbox, peer, crossing, now) for crossing in _lying(transit)))
            for peer, transit in near.items()
        )


def _near(root: Path, peer: str, profile: Profile) -> DirectoryTransit | None:
    """Return the transit from a peer where it is a folder."""
    declared = profile.transit_with(peer)
    if declared is not None and declared.place[0] != "directory":
        return None
    transit = open_transit(root, peer, profile.name, declared)
    return transit if isinstance(transit, DirectoryTransit) else None


def _lying(transit: DirectoryTransit) -> list[str]:
    try:
        return [f"sha256:{prefix}" for prefix in transit.crossings()]
    except IsthmusError:
        return ["?"]  # a round looks at it, and lets the line rest


def _new(outbox: Outbox, peer: str, crossing: str, now: dt.datetime) -> bool:
    known = outbox.arrival(peer, crossing)
    return known is None or known.due <= now


def _due_for(outbox: Outbox, destination: str, now: dt.datetime) -> bool:
    if not outbox.open(destination, "send", now):
        return False
    return any(
        (
            outbox.ready(destination, "waiting", now),
            outbox.ready(destination, "sending", now),  # a pump was killed, or another works on it
            outbox.ready(destination, "sent", now),
            outbox.expired(destination, now, 1),
        )
    )
