"""The rows of `asset status`: which version is where, how far behind, and why.

Invariants:
1. Every asset and every declared peer has a row. A destination for which the asset's contract has no terms is
   not behind: nothing shall be there.
2. A version is behind by the versions committed after it, and since the first of these was.

Example:
    >>> [(row.asset, row.destination, row.state) for row in rows_of(follow(folder, store), peers, now, look)]
    [('covid_tests', 'cloud', 'current'), ('covid_tests', 'edge', 'no-terms')]
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, NamedTuple, TypeAlias

from environments.consistency.catalogue import Held
from environments.consistency.index import Followed, Known
from environments.consistency.standing import Pair
from environments.outbox import Lane
from environments.profile import Profile

__all__ = ["STATES", "Answer", "Row", "asset_names", "rows_of"]

STATES = {
    "current": "the latest version is there",
    "in-flight": "sent, and not answered yet",
    "unsettled": "an answer lies in the transit and was not read yet",
    "waiting": "the latest version waits to be asked for",
    "queued": "it waits in the outbox",
    "denied": "terms or policy deny it",
    "broken": "the data breaks its contract",
    "failed": "the answer does not verify",
    "recalled": "it was recalled, and is erased there",
    "never-sent": "nothing was ever asked to cross",
    "damaged": "the store's record of this asset does not verify",
    "no-terms": "the contract has no terms for this destination",
}
"""What a row's state means."""


@dataclass(frozen=True)
class Answer:
    """Whether an answer to a crossing lies in the transit.

    Attributes:
        lies: whether something lies under the receipt's name.
        note: why that is not known; empty where it is.
    """

    lies: bool
    note: str = ""


_BEFORE_QUEUED = {"damaged", "current", "in-flight", "unsettled"}
"""What is said of a pair although something of it waits in the outbox."""
_WAITS = {"permitted": "", "held": "held back by a limit of the boundary"}
_Look: TypeAlias = "Callable[[str, str], Answer]"


class Row(NamedTuple):
    """One asset at one destination; a tuple, since there are a hundred thousand.

    Attributes:
        asset: its name.
        destination: the peer.
        state: one of `STATES`.
        there: the source's version that the newest receipt is for; empty where nothing is there.
        arrived: what that version is called at the destination; empty where it came in a set.
        received: when it was received there, as the destination says.
        latest: the source's latest version; empty where the store cannot say.
        behind: by how many versions; None where the version there is not in the store's history.
        since: when the first of these was committed; empty where there is none.
        seconds: for how long it is behind; 0 where it is not.
        asked: the version that was asked for last.
        crossing: that crossing; empty where nothing was asked.
        rules: that spoke against it: id, reason and count of rows.
        note: what else is to be known; empty where nothing is.
        queued: what of it waits in the outbox, whatever the state; None where nothing does.
    """

    asset: str
    destination: str
    state: str
    there: str = ""
    arrived: str = ""
    received: str = ""
    latest: str = ""
    behind: int | None = 0
    since: str = ""
    seconds: int = 0
    asked: str = ""
    crossing: str = ""
    rules: tuple[dict[str, Any], ...] = ()
    note: str = ""
    queued: Lane | None = None

    @property
    def why(self) -> str:
        """The state in words."""
        return STATES[self.state]

    def to_json(self) -> dict[str, Any]:
        """Return the row as a JSON object."""
        queued = None if self.queued is None else self.queued.to_json()
        return self._asdict() | {"rules": list(self.rules), "queued": queued, "why": STATES[self.state]}


def asset_names(followed: Followed, waiting: Mapping[Pair, Lane]) -> list[str]:
    """Return every asset of which there is a row, sorted."""
    return sorted({*followed.assets, *followed.standings, *(name for name, _ in waiting)})


def rows_of(
    followed: Followed,
    peers: Mapping[str, Profile],
    now: dt.datetime,
    look: _Look,
    waiting: Mapping[Pair, Lane] | None = None,
    *,
    names: Sequence[str] | None = None,
) -> Iterator[Row]:
    """Give every row, or those of some assets.

    Nothing is read but what `followed` holds, the declarations, and what `look` says.
    """
    queued = waiting or {}
    sides = [peer.destination() for peer in peers.values()]
    admitted = {
        digest: frozenset(side.environment for side in sides if any(one.matches(side) for one in selectors))
        for digest, selectors in followed.terms.items()
    }
    destinations = sorted(peers)
    nothing, never, made = Held(), Known(), partial(tuple.__new__, Row)
    for name in asset_names(followed, queued) if names is None else names:
        held = followed.assets.get(name, nothing)
        history, standings = _History(held, now), followed.standings.get(name, {})
        latest = "" if held.damaged else history.latest
        lawful = admitted.get(held.contract, frozenset())
        for destination in destinations:
            standing = standings.get(destination, never)
            _, _, there, arrived, received, asked, crossing, _, told = standing
            if there == latest and latest:  # as most are
                row = made((name, destination, "current", latest, arrived, received, latest, 0, "", 0, asked,
                            crossing, standing.rules if told else (), "", None))  # fmt: skip
            else:
                row = _row(name, destination, standing, held, history, destination in lawful, look)
            lane = queued.get((name, destination)) if queued else None
            yield row if lane is None else _with_queued(row, lane)


class _History:
    """By how many versions, and since when, each version of an asset is behind."""

    def __init__(self, held: Held, now: dt.datetime) -> None:
        self._created = held.created
        self.latest = held.versions[-1] if held.versions else ""
        self._place = dict(zip(held.versions, count(1), strict=False))
        # A version that was removed stands where the next one that is still there does.
        self._place |= {
            version: bisect(held.numbers, number)
            for version, number in held.gone.items()
            if version not in self._place
        }
        self._now = now
        self._ages: dict[str, int] = {}

    def after(self, version: str) -> tuple[int | None, str, int]:
        """Return how many versions came after one, when the first of these did, and how long ago that is."""
        if version and version not in self._place:
            return None, "", 0
        place = self._place.get(version, 0)
        if place == len(self._created):
            return 0, "", 0
        since = self._created[place]
        return len(self._created) - place, since, self._age(since)

    def _age(self, since: str) -> int:
        if since not in self._ages:
            age = self._now - dt.datetime.fromisoformat(since)
            self._ages[since] = max(0, int(age.total_seconds()))
        return self._ages[since]


def _row(
    name: str,
    destination: str,
    standing: Known,
    held: Held,
    history: _History,
    admitted: bool,
    look: _Look,
) -> Row:
    state, note = _state(standing, held, history, admitted, lambda: look(destination, standing.crossing))
    nothing_due = state in {"no-terms", "recalled"}
    behind, since, seconds = (0, "", 0) if nothing_due else history.after(standing.there)
    if held.damaged:
        behind = None
    return Row(
        name, destination, state, standing.there, standing.arrived, standing.received, history.latest, behind,
        since, seconds, standing.asked, standing.crossing, standing.rules, note,
    )  # fmt: skip


def _with_queued(row: Row, lane: Lane) -> Row:
    if row.state in _BEFORE_QUEUED:
        return row._replace(queued=lane)
    more = f", and {lane.entries - 1} behind it" if lane.entries > 1 else ""
    note = f"since {lane.since:%Y-%m-%d %H:%M} UTC{more}" + (f": {lane.reason}" if lane.reason else "")
    return row._replace(state="queued", rules=(), note=note, queued=lane)


def _state(
    standing: Known, held: Held, history: _History, admitted: bool, look: Callable[[], Answer]
) -> tuple[str, str]:
    if held.damaged:
        return "damaged", "see `isthmus asset verify`"
    if not history.latest and not standing.crossing:
        return "never-sent", ""
    older = "" if standing.asked == history.latest else "an older version was asked for last"
    if standing.outcome == "open":
        answer = look()
        return ("unsettled" if answer.lies else "in-flight"), (answer.note or older)
    if standing.outcome == "recalled" and not (older and history.latest):
        return "recalled", ""
    if standing.outcome in {"denied", "broken", "failed"} and not older:
        return standing.outcome, ""
    if not admitted:
        return "no-terms", ""
    if not standing.crossing:
        return "never-sent", ""
    return "waiting", _WAITS.get(standing.outcome, f"the last answer was {standing.outcome}")
