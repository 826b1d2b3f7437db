"""What is noted beside the entries: how each line fares, and what was made of what lies in a transit.

All of it may be lost: then a line is tried, or an object looked at, once more.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Collection
from contextlib import closing
from typing import Literal, TypeAlias

from environments.outbox.entry import Arrival, Line

__all__ = ["Direction", "Notes", "moment", "seconds"]

Direction: TypeAlias = Literal["send", "fetch"]


def seconds(at: dt.datetime) -> float:
    """Return a moment in seconds of 1970."""
    return at.timestamp()


def moment(at: float) -> dt.datetime:
    """Return seconds of 1970 as a moment in UTC."""
    return dt.datetime.fromtimestamp(at, dt.UTC)


class Notes:
    """The notes in an open outbox."""

    def __init__(self, base: sqlite3.Connection) -> None:
        """Use an open database."""
        self._base = base

    def copy(self) -> bytes:
        """Return the whole outbox as it is now, as one file."""
        with closing(sqlite3.connect(":memory:")) as copied:
            self._base.backup(copied)
            return copied.serialize()

    def line(self, peer: str, direction: Direction) -> Line:
        """Return how a line fares."""
        query = "SELECT failures, due, reason FROM lines WHERE peer = ? AND direction = ?"
        found = self._base.execute(query, (peer, direction)).fetchone()
        return Line() if found is None else Line(found[0], moment(found[1]), found[2])

    def open(self, peer: str, direction: Direction, now: dt.datetime) -> bool:
        """Whether a line may be tried: its pause is over, or the clock was set back."""
        query = "SELECT tried, due FROM lines WHERE peer = ? AND direction = ?"
        found = self._base.execute(query, (peer, direction)).fetchone()
        return found is None or found[1] <= seconds(now) or found[0] > seconds(now)

    def close_line(
        self, peer: str, direction: Direction, now: dt.datetime, due: dt.datetime, reason: str, failures: int
    ) -> None:
        """Let a line rest until `due`."""
        self._base.execute(
            "INSERT OR REPLACE INTO lines VALUES (?, ?, ?, ?, ?, ?)",
            (peer, direction, failures, seconds(now), seconds(due), reason),
        )

    def reopen(self, peer: str, direction: Direction) -> None:
        """Note that a line works."""
        self._base.execute("DELETE FROM lines WHERE peer = ? AND direction = ?", (peer, direction))

    def arrival(self, peer: str, crossing: str) -> Arrival | None:
        """Return what was made of a crossing from a peer; None where it was never looked at."""
        query = "SELECT manifest, attempts, due, reason FROM arrivals WHERE peer = ? AND crossing = ?"
        found = self._base.execute(query, (peer, crossing)).fetchone()
        return None if found is None else Arrival(found[0], found[1], moment(found[2]), found[3])

    def note_arrival(self, peer: str, crossing: str, arrival: Arrival, now: dt.datetime) -> None:
        """Note what was made of a crossing from a peer."""
        self._base.execute(
            "INSERT OR REPLACE INTO arrivals VALUES (?, ?, ?, ?, ?, ?, ?)",
            (peer, crossing, arrival.manifest, arrival.attempts, seconds(now), seconds(arrival.due),
             arrival.reason),
        )  # fmt: skip

    def forget_arrivals(self, peer: str, lying: Collection[str]) -> None:
        """Forget what does not lie in the transit from a peer any more."""
        known = {crossing for (crossing,) in self._base.execute(
            "SELECT crossing FROM arrivals WHERE peer = ?", (peer,))}  # fmt: skip
        gone = [(peer, crossing) for crossing in known - set(lying)]
        self._base.executemany("DELETE FROM arrivals WHERE peer = ? AND crossing = ?", gone)
