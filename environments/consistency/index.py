"""What `asset status` would otherwise compute from every entry and every record, kept between two calls.

Invariants:
1. It is an index over the ledger (`environments.ledger.index`), and may be removed like one.
2. An asset's versions are read again whenever the mark of their folder changed, or was so young when they
   were read that it might change unseen.

Example:
    >>> follow(folder, store).standings["covid_tests"]["cloud"].outcome
    'permitted'
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import astuple, dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import DefectError, NotVerifiableError
from data_contracts.terms import Selector
from environments.consistency.catalogue import Held, list_asset, marks_of, terms_in
from environments.consistency.standing import Open, Pair, Standing, Standings
from environments.folder import EnvironmentFolder
from environments.ledger import find_entries
from environments.ledger.database import reading
from environments.ledger.index import LedgerIndex, take_new
from environments.stores import AssetStore

__all__ = ["Followed", "Known", "follow"]

_INDEX = LedgerIndex(
    file="standings.db",
    version=4,
    tables="""
CREATE TABLE IF NOT EXISTS pairs (
    name TEXT, destination TEXT, there TEXT, arrived TEXT, received TEXT, receipt TEXT, head INTEGER,
    asked TEXT, crossing TEXT, outcome TEXT, rules TEXT, since TEXT, PRIMARY KEY (name, destination)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS crossings (
    crossing TEXT PRIMARY KEY, destination TEXT, members TEXT, since TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contracts (digest TEXT PRIMARY KEY, terms TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS assets (name TEXT PRIMARY KEY, mark TEXT, held TEXT) STRICT, WITHOUT ROWID;
""",
    counted=("pairs", "crossings"),
    wait=60.0,
)
_COLUMNS = ", ".join(Standing._fields)
_TOLD = "name, destination, there, arrived, received, asked, crossing, outcome, rules"


class Known(NamedTuple):
    """A standing as it is told; the columns of the index, since there are a hundred thousand.

    Attributes:
        asset: its name.
        destination: the peer.
        there: as in `Standing`, and so are those that follow.
        told: the rules that spoke against it, as JSON; empty where none did.
    """

    asset: str = ""
    destination: str = ""
    there: str = ""
    arrived: str = ""
    received: str = ""
    asked: str = ""
    crossing: str = ""
    outcome: str = ""
    told: str = ""

    @property
    def rules(self) -> tuple[dict[str, Any], ...]:
        """The rules that spoke against it, as the ledger has them."""
        return tuple(json.loads(self.told)) if self.told else ()


@dataclass(frozen=True)
class Followed:
    """What ledger and store say, at one moment.

    Attributes:
        standings: by asset, and by destination.
        crossings: those that are open, by id.
        assets: every asset of the store, with its versions.
        terms: to whom each of their contracts has terms, by the contract's digest.
    """

    standings: Mapping[str, Mapping[str, Known]]
    crossings: Mapping[str, Open]
    assets: dict[str, Held]
    terms: dict[str, tuple[Selector, ...]]


def follow(folder: EnvironmentFolder, store: AssetStore) -> Followed:
    """Bring the index up to date, and return what is in it.

    Raises:
        NotVerifiableError: the ledger is none, or one of its entries.
        UnreachableError: the disk refuses.
    """

    def take(database: sqlite3.Connection) -> Followed:
        return Followed(*_take_entries(database, folder.ledger), *_take_assets(database, store))

    return _INDEX.update(folder, take)


class _Kept(MutableMapping[Pair, Standing]):
    """The standings in the index, each read when it is asked for: a call takes few entries, of few pairs."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database, self.changed = database, dict[Pair, Standing]()
        [self._some] = database.execute("SELECT EXISTS (SELECT 1 FROM pairs)").fetchone()

    def __getitem__(self, pair: Pair) -> Standing:
        if pair in self.changed:
            return self.changed[pair]
        query = f"SELECT {_COLUMNS} FROM pairs WHERE name = ? AND destination = ?"  # noqa: S608 - our own names
        row = self._database.execute(query, pair).fetchone() if self._some else None
        if row is None:
            raise KeyError(pair)
        return _standing(row)

    def __setitem__(self, pair: Pair, standing: Standing) -> None:
        self.changed[pair] = standing

    def __delitem__(self, pair: Pair) -> None:
        raise DefectError("a standing ends with its ledger")

    def __iter__(self) -> Iterator[Pair]:
        raise DefectError("standings are asked for one by one while entries are taken")

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM pairs").fetchone()[0])


def _take_entries(
    database: sqlite3.Connection, ledger: Path
) -> tuple[dict[str, dict[str, Known]], dict[str, Open]]:
    """Take what the ledger got since the last time; everything, if it is another ledger."""
    with reading(ledger) as record:
        _INDEX.rewind(database, record)
        kept = _Kept(database)
        crossings = {found[0]: _open(found) for found in database.execute("SELECT * FROM crossings")}
        before = dict(crossings)
        standings = Standings(kept, crossings, lambda crossing: _origin(ledger, crossing))
        for entry in take_new(database, record):
            standings.take(entry)
    _write(database, kept.changed, before, crossings)
    return _all(database), crossings


def _all(database: sqlite3.Connection) -> dict[str, dict[str, Known]]:
    """Return every standing: a hundred thousand are read in two tenths of a second."""
    rows = database.execute(f"SELECT {_TOLD} FROM pairs ORDER BY name, destination")  # noqa: S608 - our own names
    # As `_make` makes them, which looks at their length again.
    known = map(partial(tuple.__new__, Known), rows)
    return {name: {one.destination: one for one in mine} for name, mine in groupby(known, key=itemgetter(0))}


def _origin(ledger: Path, crossing: str) -> Open | None:
    for entry in reversed(find_entries(ledger, crossing=crossing)):
        if entry.kind == "egress":
            return Open.of(entry)
    return None


def _write(
    database: sqlite3.Connection,
    pairs: dict[Pair, Standing],
    crossings_before: dict[str, Open],
    crossings: dict[str, Open],
) -> None:
    """Write what changed."""
    changed = [(*pair, *_row(now)) for pair, now in pairs.items()]
    database.executemany(f"INSERT OR REPLACE INTO pairs VALUES ({','.join('?' * 12)})", changed)  # noqa: S608 - question marks
    gone = [(crossing,) for crossing in crossings_before.keys() - crossings.keys()]
    database.executemany("DELETE FROM crossings WHERE crossing = ?", gone)
    new = [(id_, now) for id_, now in crossings.items() if now is not crossings_before.get(id_)]
    sent = [(id_, now.destination, json.dumps(now.members), now.since) for id_, now in new]
    database.executemany("INSERT OR REPLACE INTO crossings VALUES (?, ?, ?, ?)", sent)


def _open(row: tuple[Any, ...]) -> Open:
    return Open(row[1], tuple((name, version) for name, version in json.loads(row[2])), row[3])


def _row(standing: Standing) -> tuple[Any, ...]:
    rules = json.dumps(list(standing.rules)) if standing.rules else ""
    return tuple(standing._replace(rules=rules))  # type: ignore[arg-type] # as text


def _standing(row: tuple[Any, ...]) -> Standing:
    # The columns are the fields, in their order; rules are text there, and mostly none.
    if row[8]:
        return Standing._make((*row[:8], tuple(json.loads(row[8])), row[9]))
    return Standing._make((*row[:8], (), row[9]))


def _take_assets(
    database: sqlite3.Connection, store: AssetStore
) -> tuple[dict[str, Held], dict[str, tuple[Selector, ...]]]:
    """Read the versions of each asset whose mark changed, and contracts that were not seen before."""
    known = {name: (mark, held) for name, mark, held in database.execute("SELECT * FROM assets")}
    rows = database.execute("SELECT * FROM contracts")
    terms = {digest: tuple(Selector(*one) for one in json.loads(text)) for digest, text in rows}
    found: dict[str, Held] = {}
    for name, mark in marks_of(store).items():
        if mark and name in known and known[name][0] == mark:
            found[name] = Held.from_json(json.loads(known[name][1]))
            continue
        try:
            found[name], latest = list_asset(store, name)
            if latest is not None and latest.contract_digest not in terms:
                terms[latest.contract_digest] = terms_in(store, latest)
                selectors = json.dumps([astuple(one) for one in terms[latest.contract_digest]])
                database.execute("INSERT INTO contracts VALUES (?, ?)", (latest.contract_digest, selectors))
        except NotVerifiableError:  # told as that, and looked at again the next time
            found[name] = Held(damaged=True)
            continue
        row = (name, mark, json.dumps(found[name].to_json()))
        database.execute("INSERT OR REPLACE INTO assets VALUES (?, ?, ?)", row)
    gone = [(name,) for name in known.keys() - found.keys()]
    database.executemany("DELETE FROM assets WHERE name = ?", gone)
    return {name: held for name, held in found.items() if held.versions or held.damaged}, terms
