"""What was moved over each boundary: counted on disk, by quarters of an hour, before it moves.

Invariants:
1. What is counted is on disk (fsync) before the bytes move: a crash counts too much, never too little, and
   no retry, restart or other process counts from zero again.
2. Counts are by UTC quarters of an hour, whatever a budget's period and zone are: declaring another budget
   forgets nothing. A clock that is set back sees what was moved "later" too.
3. One transaction looks and counts: of two processes that ask for the last bytes, one is told to wait.
4. A rate is shared by all processes of the environment: each object is given its moment, in turn; while a
   crossing of a higher priority moves, the others are given none.

What it is not: a defence against the environment's own operator, who may remove the file.

Example:
    >>> with open_accounts(folder) as accounts:
    ...     accounts.count("cloud", "send", 4096, limits, now)     # None: counted; else why not
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.boundaries import BoundaryLimits, Budget, Direction, Hold, budget_hold
from environments.home import EnvironmentFolder
from environments.private import check_private, disk_errors, make_private

__all__ = ["Accounts", "open_accounts"]

_QUARTER = 15 * 60
_KEPT_DAYS = 400
_PATIENCE = 60.0
_LAYOUT = """
CREATE TABLE IF NOT EXISTS moved (
    peer TEXT NOT NULL, direction TEXT NOT NULL, quarter INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (peer, direction, quarter)
) WITHOUT ROWID;
"""
_PACE = """
CREATE TABLE IF NOT EXISTS pace (
    boundary TEXT PRIMARY KEY, boot TEXT NOT NULL, free REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moving (
    boundary TEXT NOT NULL, crossing TEXT NOT NULL, priority INTEGER NOT NULL, boot TEXT NOT NULL,
    seen REAL NOT NULL, PRIMARY KEY (boundary, crossing)
) WITHOUT ROWID;
"""
_STALE_S = 10.0
"""Seconds after which a crossing that asked for nothing is no longer waited for."""


class Accounts:
    """One environment's counts, open."""

    def __init__(self, base: sqlite3.Connection, pace: sqlite3.Connection) -> None:
        """Use open databases; see `open_accounts`."""
        self._base, self._pace = base, pace

    def moved(self, limits: BoundaryLimits, now: dt.datetime) -> dict[Budget, int]:
        """Return what was moved in the present period of each budget."""
        return {budget: self._since(limits, budget.period(now)[0]) for budget in limits.budget}

    def total(self, peer: str, direction: str, since: dt.datetime) -> int:
        """Return the bytes that were counted since a moment; direction `again` is what was read back."""
        return self._sum(peer, (direction,), since)

    def count(
        self,
        direction: Direction,
        size: int,
        limits: BoundaryLimits,
        now: dt.datetime,
        *,
        again: bool = False,
    ) -> Hold | None:
        """Count bytes that are about to move, or say why they must wait.

        Args:
            direction: `send` or `fetch`.
            size: bytes.
            limits: of this boundary.
            now: the moment.
            again: bytes that a source reads back of what it sent itself: counted apart, in no budget.
        """
        with _transaction(self._base):
            if not again:
                hold = budget_hold(limits, now, size, self.moved(limits, now))
                if hold is not None:
                    return hold
            self._base.execute(
                "INSERT INTO moved VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
                (limits.peer, "again" if again else direction, _quarter(now), size),
            )
        return None

    def forget_old(self, now: dt.datetime) -> None:
        """Remove counts that no budget looks at any more."""
        with _transaction(self._base):
            old = _quarter(now - dt.timedelta(days=_KEPT_DAYS))
            self._base.execute("DELETE FROM moved WHERE quarter < ?", (old,))

    def pause(
        self, limits: BoundaryLimits, boundary: str, crossing: str, priority: int, size: int, moment: float
    ) -> float | None:
        """Return the seconds until an object may move; None: a more urgent crossing goes first, ask again.

        Args:
            limits: of the boundary; without `limit` nobody waits but for the more urgent.
            boundary: peer and, where directions have limits of their own, direction.
            crossing: who asks.
            priority: of that crossing.
            size: bytes of the object.
            moment: seconds of a clock that all processes of this machine share and nobody sets.
        """
        with _transaction(self._pace):
            mark = (boundary, crossing, priority, _boot(), moment)
            self._pace.execute("INSERT OR REPLACE INTO moving VALUES (?, ?, ?, ?, ?)", mark)
            [(urgent,)] = self._pace.execute(
                "SELECT max(priority) FROM moving WHERE boundary = ? AND boot = ? AND seen > ?",
                (boundary, _boot(), moment - _STALE_S),
            )
            if urgent > priority:
                return None
            if limits.limit is None:
                return 0.0
            found = self._pace.execute(
                "SELECT free FROM pace WHERE boundary = ? AND boot = ?", (boundary, _boot())
            ).fetchone()
            begins = max(moment, found[0] if found else moment)
            ends = begins + size / limits.limit
            self._pace.execute("INSERT OR REPLACE INTO pace VALUES (?, ?, ?)", (boundary, _boot(), ends))
            mark = (boundary, crossing, priority, _boot(), begins)
            self._pace.execute("INSERT OR REPLACE INTO moving VALUES (?, ?, ?, ?, ?)", mark)
            return begins - moment

    def over(self, boundary: str, crossing: str) -> None:
        """Note that a crossing moves nothing any more."""
        with _transaction(self._pace):
            where = (boundary, crossing)
            self._pace.execute("DELETE FROM moving WHERE boundary = ? AND crossing = ?", where)

    def _since(self, limits: BoundaryLimits, start: dt.datetime) -> int:
        directions = ("send", "fetch") if limits.direction is None else (limits.direction,)
        return self._sum(limits.peer, directions, start)

    def _sum(self, peer: str, directions: tuple[str, ...], start: dt.datetime) -> int:
        total = 0
        for direction in directions:
            [(found,)] = self._base.execute(
                "SELECT coalesce(sum(bytes), 0) FROM moved WHERE peer = ? AND direction = ? AND quarter >= ?",
                (peer, direction, _quarter(start)),
            )
            total += found
        return total


@contextmanager
def open_accounts(folder: EnvironmentFolder) -> Iterator[Accounts]:
    """Open the counts of one environment; any thread may use them, one at a time.

    Raises:
        NotVerifiableError: the file is damaged, or others may open it.
        UnreachableError: the disk refuses, or another process holds it for a minute.
    """
    place = make_private(folder.economy)
    with ExitStack() as stack:
        base = stack.enter_context(_opened(place / "moved.db", _LAYOUT, durable=True))
        pace = stack.enter_context(_opened(place / "pace.db", _PACE, durable=False))
        yield Accounts(base, pace)


@contextmanager
def _opened(path: Path, layout: str, *, durable: bool) -> Iterator[sqlite3.Connection]:
    with _errors(path.name):
        if not path.exists():
            with disk_errors(f"{path}: cannot be made"):
                path.touch(mode=0o600)
        check_private(path)
        base = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        with _errors(path.name):
            # As the ledger's: a commit survives a loss of power. Whose turn it is need not.
            base.execute("PRAGMA journal_mode=TRUNCATE")
            base.execute(f"PRAGMA synchronous={'EXTRA' if durable else 'OFF'}")
            base.executescript(layout)
        yield base
    finally:
        with suppress(sqlite3.Error):
            base.close()


@contextmanager
def _transaction(base: sqlite3.Connection) -> Iterator[None]:
    with _errors():
        base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            base.execute("ROLLBACK")
            raise
        base.execute("COMMIT")


def _quarter(moment: dt.datetime) -> int:
    return int(moment.timestamp()) // _QUARTER


@cache
def _boot() -> str:
    """Return this start of the machine: its clocks begin anew with the next one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


@contextmanager
def _errors(name: str = "moved.db") -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UnreachableError(
            f"the counts of what was moved cannot be used ({error})",
            remedy="look at the disk, and at what else uses this environment",
        ) from None
    except sqlite3.DatabaseError:
        raise NotVerifiableError(
            "the counts of what was moved are damaged: nothing moves over a boundary with limits",
            remedy=f"restore economy/{name} from a backup; without it every budget begins anew",
        ) from None
