"""What waits: taken in, given out in order, and ended.

Invariants:
1. `ahead` of an entry counts the lanes (an asset to a destination) in which an earlier one is not ended. Only
   one with none ahead is given out, so that no version of an asset overtakes another.
2. Who waits ahead of something urgent is as urgent.
3. An entry is refused before anything is changed, or is whole.
4. A moment before that of the last attempt means that the clock was set back: then what waits is due.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, cast

from data_contracts.errors import DeniedError
from environments.outbox.entry import Queued, State, Waits
from environments.outbox.lanes import Lanes
from environments.outbox.limits import OutboxLimits
from environments.outbox.notes import moment, seconds

__all__ = ["Outbox"]

_LAST = 2**63 - 1
_KEPT = dt.timedelta(days=30)
_COLUMNS = (
    "crossing, request, members, name, version, destination, purpose, priority, size, signed, queued, "
    "expires, number, state, attempts, due, reason, ahead, until"
)
_READY = (
    f"SELECT {_COLUMNS} FROM entries WHERE destination = ? AND state = ? AND ahead = 0 AND ended IS NULL "  # noqa: S608 - ours
    "AND (due <= ? OR tried > ?) ORDER BY priority DESC, number LIMIT ?"
)


class Pair(Protocol):
    """An asset and one of its versions."""

    @property
    def name(self) -> str:
        """The asset's name."""

    @property
    def version(self) -> str:
        """The version."""


class Outbox(Lanes):
    """One environment's outbox, open for one thread; see `open_outbox`."""

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def add(self, entry: Queued, limits: OutboxLimits) -> Queued:
        """Take a crossing in; the same one again is the one that is there.

        Raises:
            DeniedError: as much waits for the destination as may.
        """
        with self._changing():
            found = self.get(entry.crossing)
            if found is not None:
                return found
            self._refuse_more(entry, limits)
            values = (
                entry.crossing, entry.request, json.dumps(entry.members), entry.name, entry.version,
                entry.destination, entry.purpose, entry.priority, entry.size, entry.signed,
                seconds(entry.queued), seconds(entry.expires), "waiting", 0, seconds(entry.queued),
                seconds(entry.queued), "", 0,
            )  # fmt: skip
            number = self._base.execute(
                "INSERT INTO entries (crossing, request, members, name, version, destination, purpose, "  # noqa: S608 - ours
                "priority, size, signed, queued, expires, state, attempts, tried, due, reason, ahead) "
                f"VALUES ({', '.join('?' * len(values))})",
                values,
            ).lastrowid
            lanes = [(entry.destination, asset, number) for asset, _ in entry.members]
            ahead = sum(self._head(*lane[:2]) is not None for lane in lanes)
            self._base.executemany("INSERT INTO lanes VALUES (?, ?, ?)", lanes)
            self._base.execute("UPDATE entries SET ahead = ? WHERE number = ?", (ahead, number))
            self._hurry(cast("int", number), entry.priority)
        return cast("Queued", self.get(entry.crossing))

    def _refuse_more(self, entry: Queued, limits: OutboxLimits) -> None:
        quota, waits = limits.quota(entry.destination), self.waits(entry.destination).get(entry.destination)
        entries, size = (waits.entries, waits.bytes) if waits else (0, 0)
        where = f"the outbox for {entry.destination} is full"
        remedy = (
            "wait until some of it is sent (`isthmus outbox list`), take some out, or let its environment's "
            "file take more (`outbox`); nothing that waits was changed"
        )
        if entries >= quota.entries:
            raise DeniedError(f"{where}: {entries:,} crossings wait, and that is the limit", remedy=remedy)
        if size + entry.size > quota.bytes:
            raise DeniedError(
                f"{where}: {size:,} of {quota.bytes:,} bytes wait, and this is {entry.size:,} more",
                remedy=remedy,
            )

    def _head(self, destination: str, asset: str) -> int | None:
        query = "SELECT min(number) FROM lanes WHERE destination = ? AND asset = ?"
        found: int | None = self._base.execute(query, (destination, asset)).fetchone()[0]
        return found

    def _hurry(self, number: int, priority: int) -> None:
        """Make all that is ahead of an entry as urgent; each is so already for all that was behind it."""
        behind = [number]
        nearest = (
            "SELECT max(older.number) FROM lanes AS mine JOIN lanes AS older USING (destination, asset) "
            "WHERE mine.number = ? AND older.number < mine.number GROUP BY mine.asset"
        )
        hurry = "UPDATE entries SET priority = ? WHERE number = ? AND priority < ?"
        while behind:
            for (older,) in self._base.execute(nearest, (behind.pop(),)).fetchall():
                if self._base.execute(hurry, (priority, older, priority)).rowcount:
                    behind.append(older)

    def get(self, crossing: str) -> Queued | None:
        """Return the entry of a crossing; None where there is none."""
        found = self._base.execute(f"SELECT {_COLUMNS} FROM entries WHERE crossing = ?", (crossing,))  # noqa: S608 - ours
        return next(map(_read, found), None)

    def find(self, word: str, most: int = 2) -> list[Queued]:
        """Return entries by request id, or by the beginning of a crossing's id."""
        query = (
            f"SELECT {_COLUMNS} FROM entries WHERE request = ? OR (crossing >= ? AND crossing < ?) LIMIT ?"  # noqa: S608 - ours
        )
        begins = word if word.startswith("sha256:") else f"sha256:{word}"
        return list(map(_read, self._base.execute(query, (word, begins, begins + "g", most))))

    def same(self, name: str, version: str, destination: str, purpose: str) -> Queued | None:
        """Return the entry that asks for this already and is not ended."""
        return next((each for each in self._of(name, destination, purpose) if each.version == version), None)

    def older(self, entry: Queued) -> list[Queued]:
        """Return what waits of the same asset, to the same destination, for the same purpose, unsent."""
        of = self._of(entry.name, entry.destination, entry.purpose)
        return [each for each in of if each.number < entry.number and each.state == "waiting"]

    def _of(self, name: str, destination: str, purpose: str) -> list[Queued]:
        query = (
            f"SELECT {_COLUMNS} FROM entries WHERE ended IS NULL AND name = ? AND purpose = ? AND number IN "  # noqa: S608 - ours
            "(SELECT number FROM lanes WHERE destination = ? AND (asset = ? OR ? = 'set'))"
        )
        return list(map(_read, self._base.execute(query, (name, purpose, destination, name, name))))

    def taken_out(self, crossing: str) -> bool:
        """Whether somebody took a crossing out, or it waited for too long: then it does not go any more."""
        found = self.get(crossing)
        return found is not None and found.state in {"dropped", "superseded", "expired"}

    def overtaken(self, destination: str, assets: Iterable[Pair], crossing: str) -> Queued | None:
        """Return an entry that a crossing of these would overtake; None where it would none."""
        before = _LAST if (mine := self.get(crossing)) is None or mine.ended else mine.number
        query = "SELECT number FROM lanes WHERE destination = ? AND asset = ? AND number < ? ORDER BY number"
        for asset in assets:
            # Also behind one that sends this very version.
            for (number,) in self._base.execute(query, (destination, asset.name, before)).fetchall():
                found = self._at(number)
                if found and (asset.name, asset.version) not in found.members:
                    return found
        return None

    def _at(self, number: int) -> Queued | None:
        found = self._base.execute(f"SELECT {_COLUMNS} FROM entries WHERE number = ?", (number,))  # noqa: S608 - ours
        return next(map(_read, found), None)

    def ready(self, destination: str, state: State, now: dt.datetime, most: int = 1) -> list[Queued]:
        """Return what is due for a destination in a state, the most urgent first, then who waits longest."""
        at = seconds(now)
        return list(map(_read, self._base.execute(_READY, (destination, state, at, at, most))))

    def expired(self, destination: str, now: dt.datetime, most: int = 1000) -> list[Queued]:
        """Return what has waited for a destination for too long, the longest first.

        Of what was sent, whose answer may lie there, what is due.
        """
        query = (
            f"SELECT {_COLUMNS} FROM entries WHERE ended IS NULL AND destination = ? AND expires <= ? "  # noqa: S608 - ours
            "AND (state != 'sent' OR due <= ?) ORDER BY expires LIMIT ?"
        )
        at = seconds(now)
        return list(map(_read, self._base.execute(query, (destination, at, at, most))))

    def mark(
        self,
        entry: Queued,
        state: State,
        now: dt.datetime,
        *,
        due: dt.datetime | None = None,
        reason: str = "",
        tried: bool = False,
        until: dt.datetime | None = None,
    ) -> None:
        """Note where an entry stands, and when it is looked at next."""
        at = seconds(now)
        values = (state, int(tried), at, at if due is None else seconds(due), reason,
                  None if until is None else seconds(until), entry.number)  # fmt: skip
        self._base.execute(
            "UPDATE entries SET state = ?, attempts = attempts + ?, tried = ?, due = ?, reason = ?, "
            "until = ? WHERE number = ? AND ended IS NULL",
            values,
        )

    def wake(self, crossing: str) -> None:
        """Let a crossing be tried now: what it waited for has come."""
        self._base.execute(
            "UPDATE entries SET due = 0 WHERE crossing = ? AND state = 'waiting' AND ended IS NULL",
            (crossing,),
        )

    def end(self, entry: Queued, state: State, now: dt.datetime, reason: str = "") -> bool:
        """Note how an entry ended, and let go what waited for it; false where it had ended before."""
        with self._changing():
            done = self._base.execute(
                "UPDATE entries SET state = ?, ended = ?, reason = ?, signed = NULL WHERE number = ? "
                "AND ended IS NULL",
                (state, seconds(now), reason, entry.number),
            ).rowcount
            for asset, _ in entry.members if done else ():
                lane = (entry.destination, asset)
                first = self._head(*lane) == entry.number
                self._base.execute(
                    "DELETE FROM lanes WHERE destination = ? AND asset = ? AND number = ?",
                    (*lane, entry.number),
                )
                if first:
                    self._base.execute(
                        "UPDATE entries SET ahead = ahead - 1 WHERE number = ?", (self._head(*lane),)
                    )
        return bool(done)

    def recover(self, now: dt.datetime, pause: float) -> None:
        """Let what a killed process was sending wait again, but not at once: it may be what killed it."""
        at = seconds(now)
        self._base.execute(
            "UPDATE entries SET state = 'waiting', tried = ?, due = ? "
            "WHERE state = 'sending' AND ended IS NULL",
            (at, at + pause),
        )
        self._base.execute("DELETE FROM entries WHERE ended < ?", (at - _KEPT.total_seconds(),))

    def waits(self, destination: str | None = None) -> dict[str, Waits]:
        """Return what waits, by destination."""
        where, values = ("", ()) if destination is None else ("AND destination = ?", (destination,))
        query = (
            "SELECT destination, count(*), sum(size), min(queued), sum(state = 'sent') FROM entries "  # noqa: S608 - ours
            f"WHERE ended IS NULL {where} GROUP BY destination"
        )
        return {
            name: Waits(count, size, moment(oldest), sent)
            for name, count, size, oldest, sent in self._base.execute(query, values)
        }

    def destinations(self) -> list[str]:
        """Return for whom anything waits, sorted; from name to name in the index, however much waits."""
        query = (
            "WITH RECURSIVE found(name) AS (SELECT min(destination) FROM entries WHERE ended IS NULL "
            "UNION ALL SELECT (SELECT min(destination) FROM entries WHERE ended IS NULL "
            "AND destination > found.name) FROM found WHERE found.name IS NOT NULL) "
            "SELECT name FROM found WHERE name IS NOT NULL"
        )
        return [name for (name,) in self._base.execute(query)]

    def entries(self, destination: str | None = None, *, ended: bool = False) -> Iterator[Queued]:
        """Give what waits, in the order of queueing; `ended`: also what has ended in the last 30 days."""
        query = (
            f"SELECT {_COLUMNS} FROM entries WHERE (? OR ended IS NULL) "  # noqa: S608 - ours
            "AND destination = coalesce(?, destination) "
            "ORDER BY number"
        )
        return map(_read, self._base.execute(query, (ended, destination)))

    def members(self) -> frozenset[tuple[str, str]]:
        """Return asset and version of everything that waits."""
        rows = self._base.execute("SELECT DISTINCT members FROM entries WHERE ended IS NULL")
        return frozenset((name, version) for (text,) in rows for name, version in json.loads(text))


def _read(row: tuple[object, ...]) -> Queued:
    found = dict(zip(_COLUMNS.split(", "), row, strict=True))
    members = tuple((str(name), str(version)) for name, version in json.loads(str(found["members"])))
    times = {
        key: None if found[key] is None else moment(cast("float", found[key]))
        for key in ("queued", "expires", "due", "until")
    }
    return Queued(**cast("dict[str, object]", found | {"members": members} | times))  # type: ignore[arg-type]
