"""How often what happened, by the ledger: counted entry by entry, and kept between two looks.

Invariants:
1. It is an index over the ledger (`environments.ledger.index`), and may be removed like one.
2. Of an entry it keeps directions, environments, outcomes and ids of rules; of what waits, the crossing or
   the asset until it waits no more.

Example:
    >>> tally(folder).crossings["egress", "cloud", "permitted"]
    3
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from environments.boundaries import is_held
from environments.folder import EnvironmentFolder
from environments.ledger.database import reading
from environments.ledger.entry import Entry
from environments.ledger.index import LedgerIndex, take_new
from environments.metrics.catalogue import FORMS, OTHER, WORDS

__all__ = ["Tally", "tally"]

_RULE = re.compile(FORMS["rule"])
_INDEX = LedgerIndex(
    file="tally.db",
    version=1,
    tables="""
CREATE TABLE IF NOT EXISTS crossings (
    direction TEXT, peer TEXT, outcome TEXT, count INTEGER, bytes INTEGER,
    PRIMARY KEY (direction, peer, outcome)
) STRICT;
CREATE TABLE IF NOT EXISTS rules (
    direction TEXT, peer TEXT, outcome TEXT, rule TEXT, count INTEGER,
    PRIMARY KEY (direction, peer, outcome, rule)
) STRICT;
CREATE TABLE IF NOT EXISTS waits (
    queue TEXT, peer TEXT, what TEXT, since TEXT, PRIMARY KEY (queue, what, peer)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS oldest ON waits (queue, peer, since);
""",
    counted=("crossings", "rules", "waits"),
    wait=30.0,
)


@dataclass(frozen=True)
class Tally:
    """Counts of everything up to one entry.

    Attributes:
        crossings: entries, by direction, peer and outcome.
        sent: bytes that were permitted to leave, by peer.
        rules: how often a rule spoke against a crossing, by direction, peer, outcome and rule; those that
            were seen first stand first.
        waits: crossings that were sent and not answered (`waiting`), and assets that are held back
            (`held_back`), by that and peer: how many, and since when the oldest.
    """

    crossings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    rules: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    waits: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """Count one entry; one that is no step of a crossing changes nothing."""
        body = entry.body
        if entry.kind not in WORDS["direction"] or "crossing" not in body:
            return
        peer = str(body.get("destination") or body.get("source") or OTHER)
        outcome = "held_back" if is_held(body) else str(body.get("outcome"))
        self.crossings[entry.kind, peer, outcome] += 1
        if entry.kind == "egress" and outcome == "permitted":
            self.sent[peer] += int(body.get("bytes") or 0)
        for rule in {_rule(each) for each in body.get("rules") or ()}:
            self.rules[entry.kind, peer, outcome, rule] += 1


def _rule(told: Mapping[str, Any]) -> str:
    name = str(told.get("id"))
    return name if _RULE.fullmatch(name) else OTHER


def tally(folder: EnvironmentFolder) -> Tally:
    """Count what the ledger got since the last time, and return all counts.

    Raises:
        NotVerifiableError: the ledger is none, or one of its entries.
        UnreachableError: the disk refuses.
    """
    return _INDEX.update(folder, lambda database: _take(database, folder.ledger))


def _take(database: sqlite3.Connection, ledger: Path) -> Tally:
    found, new = Tally(), False
    with reading(ledger) as record:
        _INDEX.rewind(database, record)
        _read(database, found)
        for entry in take_new(database, record):
            found.take(entry)
            _wait(database, entry)
            new = True
    if new:
        _write(database, found)
    oldest = "SELECT queue, peer, count(*), min(since) FROM waits GROUP BY queue, peer"
    for queue, peer, count, since in database.execute(oldest):
        found.waits[queue, peer] = count, since
    return found


def _wait(database: sqlite3.Connection, entry: Entry) -> None:
    """Note what begins to wait by an entry, and what waits no more."""
    body = entry.body
    if entry.kind not in {"egress", "settle"} or "crossing" not in body:
        return
    crossing, peer, outcome = str(body["crossing"]), str(body.get("destination")), body.get("outcome")
    wait = "INSERT OR REPLACE INTO waits VALUES (?, ?, ?, ?)"
    end = "DELETE FROM waits WHERE queue = ? AND what = ? AND peer = ?"
    if entry.kind == "settle":
        if outcome != "failed":
            database.execute(end, ("waiting", crossing, peer))
        return
    name = str(body.get("name"))
    if outcome == "permitted":
        database.execute(wait, ("waiting", peer, crossing, entry.time))
    elif outcome == "denied":  # what had been sent under it was taken back
        database.execute(end, ("waiting", crossing, peer))
    if is_held(body):
        database.execute(wait, ("held_back", peer, name, entry.time))
    else:
        database.execute(end, ("held_back", name, peer))


def _read(database: sqlite3.Connection, found: Tally) -> None:
    for direction, peer, outcome, count, size in database.execute("SELECT * FROM crossings"):
        found.crossings[direction, peer, outcome] = count
        if size:
            found.sent[peer] = size
    for direction, peer, outcome, rule, count in database.execute("SELECT * FROM rules ORDER BY rowid"):
        found.rules[direction, peer, outcome, rule] = count


def _write(database: sqlite3.Connection, found: Tally) -> None:
    rows = [
        (*key, count, found.sent[key[1]] if key[0] == "egress" and key[2] == "permitted" else 0)
        for key, count in found.crossings.items()
    ]
    again = "ON CONFLICT DO UPDATE SET count = excluded.count"
    database.executemany(
        f"INSERT INTO crossings VALUES (?, ?, ?, ?, ?) {again}, bytes = excluded.bytes",  # noqa: S608 - ours
        rows,
    )
    # Updated in place: a rule keeps its row, and so its rank among those that are shown.
    rules = [(*key, count) for key, count in found.rules.items()]
    database.executemany(f"INSERT INTO rules VALUES (?, ?, ?, ?, ?) {again}", rules)  # noqa: S608 - ours
