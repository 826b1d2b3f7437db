"""What waits in each lane (an asset to a destination), told at once for all of them: for who only looks."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from environments.outbox.notes import Notes, moment

__all__ = ["Lane", "Lanes"]


@dataclass(frozen=True)
class Lane:
    """What waits of one asset for one destination.

    Attributes:
        entries: how many crossings.
        since: when the first of them was queued.
        version: the version that it sends.
        state: where it stands: `waiting`, `sending` or `sent`.
        attempts: how often it was tried.
        due: when it is tried next; None: at any time.
        reason: why it waits, or why its line rests; empty where nothing is the matter.
    """

    entries: int
    since: dt.datetime
    version: str
    state: str
    attempts: int = 0
    due: dt.datetime | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        shown = {name: _shown(moment) for name, moment in (("since", self.since), ("due", self.due))}
        return vars(self) | shown


class Lanes(Notes):
    """The lanes in an open outbox."""

    def lanes(self) -> dict[tuple[str, str], Lane]:
        """Return what waits, by asset and destination."""
        # Beside the one minimum, SQLite takes the other columns from the row that has it: the lane's first.
        query = (
            "SELECT lanes.asset, lanes.destination, count(*), min(lanes.number), entries.queued, "
            "entries.members, entries.state, entries.attempts, entries.due, entries.reason, "
            "entries.ahead, entries.version, entries.name "
            "FROM lanes JOIN entries USING (number) GROUP BY lanes.destination, lanes.asset"
        )
        resting = {
            peer: (due, reason)
            for peer, due, reason in self._base.execute(
                "SELECT peer, due, reason FROM lines WHERE direction = 'send'"
            )
        }
        return {(row[0], row[1]): _lane(row, resting) for row in self._base.execute(query)}


def _lane(row: tuple[Any, ...], resting: dict[str, tuple[float, str]]) -> Lane:
    asset, destination, entries, _, queued, members, state, attempts, due, reason, ahead, version, name = row
    if name != asset:  # of a set
        version = dict(json.loads(members)).get(asset, "")
    if state == "waiting" and not reason:
        if ahead:
            reason = "it is one of a set, of which another asset's earlier version goes first"
        elif destination in resting:
            due, reason = resting[destination]
    return Lane(entries, moment(queued), version, state, attempts, moment(due) if due else None, reason)


def _shown(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
