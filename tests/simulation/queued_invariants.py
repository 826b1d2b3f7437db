"""What must hold of outboxes, sets, limits and recalls, whatever went wrong.

`Watch` is told what happens, keeps books of its own, and compares: what was queued, how it ended first, what
moved in which hour, what was said to be erased.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from boundary_world import START
from invariants import arrived_at, check_ledger, check_leftovers, permitted_of, statement_of
from queued_schedule import Act, Limit
from queued_world import QueuedWorld, boundary_limits
from simworld import MEMORY, NAMES, ViolationError

from environments.boundaries import Budget
from environments.boundary.envelope import MAX_ENVELOPE
from environments.boundary.recall.lineage import inputs_of
from environments.boundary.recall.statement import open_erasure, open_request
from environments.consistency.account import Account, read_accounts
from environments.ledger.lookup import find_entries, read_entries
from environments.outbox import Outbox, Queued
from environments.stores import AssetRecord, LocalStore
from environments.timetable import is_open

__all__ = ["Watch", "is_unsettled"]

_ON_ITS_WAY = ("sending", "sent")
_NO_LEDGER = ("failed",)


class Watch:
    """The books of one run."""

    def __init__(self, world: QueuedWorld, acts: Iterable[Act], limits: Iterable[Limit], quota: int) -> None:
        self.world, self.quota = world, quota
        self.queued = {
            world.crossing(act, number): act for number, act in enumerate(acts) if act.kind == "queue"
        }
        self.past = {
            world.crossing(act, number): act for number, act in enumerate(acts) if act.kind == "past"
        }
        self.returned: set[str] = set()
        self.by_hand: set[str] = set()
        self._ahead: dict[str, set[str]] = {}
        self._limits = {(each.environment, each.peer): boundary_limits(each) for each in limits}
        self._moved: dict[tuple[str, Budget, dt.datetime], int] = defaultdict(int)
        self._seen: dict[str, tuple[bytes, ...]] = {}
        self._ends: dict[str, str] = {}
        self._erased: dict[tuple[str, str], set[tuple[str, str]]] = {}

    # While it runs.

    def look(self, environment: str) -> None:
        """Look at one environment: its ledger, what arrived, what waits."""
        check_ledger(self.world, environment)
        for crossing in arrived_at(self.world, environment):
            self.whole(environment, crossing)
        self.look_at_queue(environment)

    def whole(self, environment: str, crossing: str) -> None:
        """All members of a set are visible, or none; each once; and nothing that was said to be erased."""
        names = {record.name for record in self.world.sent((self.queued | self.past)[crossing])}
        store = LocalStore(self.world.world.folder(environment).store)
        found = [
            record
            for name in names
            for record in store.versions(name)
            if record.lineage.get("crossing") == crossing
        ]
        gone = {
            stone.record.name
            for name in names
            for stone in store.tombstones(name)
            if stone.record.lineage.get("crossing") == crossing
        }
        twice = [name for name, count in Counter(record.name for record in found).items() if count > 1]
        if twice:
            raise ViolationError(f"more than one version of crossing {crossing} in {environment}")
        if {record.name for record in found} | gone not in (set(), names):
            raise ViolationError(f"a part of a set is visible: crossing {crossing} in {environment}")
        self._not_erased(environment, crossing, found)

    def _not_erased(self, environment: str, crossing: str, found: Collection[AssetRecord]) -> None:
        source = (self.queued | self.past)[crossing].source
        for record in found:
            if inputs_of(record, source) & self._erased.get((environment, crossing), set()):
                raise ViolationError(f"{record.name} is readable in {environment} after it was erased")

    def look_at_queue(self, environment: str) -> None:
        """Nothing that was queued is lost, late, out of its order, or ended twice."""
        place = self.world.world.folder(environment).outbox
        raw = tuple(
            (place / name).read_bytes() if (place / name).exists() else b""
            for name in ("queue.db", "queue.db-wal")
        )
        if raw == self._seen.get(environment):
            return
        self._seen[environment] = raw
        entries, late = _read(raw)
        known = {entry.crossing for entry in entries}
        for crossing, act in self.queued.items():
            forgotten = crossing in self._ends
            if act.source == environment and crossing in self.returned - known and not forgotten:
                raise ViolationError(f"what was queued is lost: {act}")
        if late:
            raise ViolationError(f"it is sent after it has expired: {late}")
        self._look_at_lanes(entries)
        for entry in entries:
            before = self._ends.get(entry.crossing)
            if before and entry.ended and entry.state != before:
                raise ViolationError(f"{entry.request} ended as {before}, and then as {entry.state}")
            if entry.ended:
                self._ends[entry.crossing] = entry.state

    def _look_at_lanes(self, entries: Collection[Queued]) -> None:
        waiting = Counter(entry.destination for entry in entries if not entry.ended)
        if any(count > self.quota for count in waiting.values()):
            raise ViolationError("more waits than may")
        first: dict[tuple[str, str], Queued] = {}
        for entry in entries:
            for asset, _ in () if entry.ended else entry.members:
                ahead = first.setdefault((entry.destination, asset), entry)
                if entry.state in _ON_ITS_WAY and ahead is not entry:
                    raise ViolationError(f"{entry.request} is {entry.state} before {ahead.request}")

    def moves(
        self, environment: str, ends: tuple[str, str], name: str, size: int, call: str, now: float
    ) -> None:
        """Look at an object that begins to move: its boundary is open, and its hour's budget is kept."""
        peer = ends[1] if environment == ends[0] else ends[0]
        limits = self._limits.get((environment, peer))
        if limits is None or not ("/chunks/" in name or name.endswith("/contents")):
            return
        moment = START + dt.timedelta(seconds=now)
        if not is_open(limits.windows, moment):
            raise ViolationError(f"something moves between {ends} while {environment} keeps it closed")
        for budget in limits.budget if (environment == ends[0]) == (call == "put") else ():
            hour = (f"{environment}-{peer}", budget, budget.period(moment)[0])
            self._moved[hour] += size
            if self._moved[hour] > budget.bytes:
                raise ViolationError(f"{self._moved[hour]} bytes moved in an hour, {budget.bytes} may")

    def about_to_erase(self, environment: str, request: str, raw: bytes) -> None:
        """An answer to a recall says the truth in the moment in which it is signed."""
        answer, _ = open_erasure(raw, self.world.identities[environment].public)
        kept = (self.world.world.folder(environment).outbox / request / "manifest").read_bytes()
        asked, _ = open_request(kept[:MAX_ENVELOPE], self.world.identities[answer.source].public)
        if answer.outcome != "erased":
            raise ViolationError(f"a recall that nothing forbids was answered with {answer.outcome}")
        for crossing in asked.crossings:
            self._erased.setdefault((environment, crossing), set()).update(asked.assets)
            self.whole(environment, crossing)

    def goes_past(self, crossing: str) -> None:
        """Note what waits in the moment in which somebody wants to send past it.

        Run again, what was signed already goes on: what was queued since came later.
        """
        act = self.past[crossing]
        signed = self.world.world.folder(act.source).outbox / crossing.removeprefix("sha256:") / "manifest"
        if not signed.exists():
            self._ahead[crossing] = self._others(act)

    def about_to_send(self, crossing: str) -> None:
        """Nothing overtakes what waited before it was asked for."""
        if crossing in self.past and self._ahead[crossing] & self._others(self.past[crossing]):
            raise ViolationError(f"what waits was overtaken: {self.past[crossing]}")

    def _others(self, act: Act) -> set[str]:
        """Return what waits for the same destination with another version of one of its assets."""
        mine = {(record.name, record.version) for record in self.world.sent(act)}
        self.look_at_queue(act.source)
        entries, _ = _read(self._seen[act.source])
        return {
            entry.crossing
            for entry in entries
            if not entry.ended
            and entry.destination == act.destination
            and {name for name, _ in set(entry.members) - mine} & {name for name, _ in mine}
        }

    def about_to_commit(self, environment: str, crossing: str) -> None:
        """Nothing that was recalled is committed any more."""
        if find_entries(self.world.world.folder(environment).ledger, crossing=crossing, kind="recalled"):
            raise ViolationError("a recalled crossing is committed")

    # In the end.

    def open_entries(self) -> set[tuple[str, str]]:
        """Return source and destination of everything that has not ended yet."""
        found = set()
        for name in NAMES:
            self.look_at_queue(name)
            entries, _ = _read(self._seen.get(name, (b"", b"")))
            found |= {(name, entry.destination) for entry in entries if not entry.ended}
        return found

    def check_end(self) -> Counter[str]:
        """Look at everything; return how often it ended how."""
        for name in NAMES:
            self.look(name)
            check_leftovers(self.world, name)
        for crossing, act in self.queued.items():
            state = self._ends.get(crossing)
            if state is None:
                self._none(act, crossing)
            else:
                self._check_entry(crossing, act, state)
        self._check_order()
        return Counter(self._ends.values())

    def _none(self, act: Act, crossing: str) -> None:
        if crossing in self.returned or arrived_at(self.world, act.destination).get(crossing):
            raise ViolationError(f"it was queued and did not end: {act}")

    def _check_entry(self, crossing: str, act: Act, state: str) -> None:
        source, destination = self.world.world.folder(act.source), self.world.world.folder(act.destination)
        committed = permitted_of(find_entries(destination.ledger, crossing=crossing, kind="ingress"))
        settled = permitted_of(find_entries(source.ledger, crossing=crossing, kind="settle"))
        endings = [
            entry.body["outcome"] for entry in find_entries(source.ledger, crossing=crossing, kind="outbox")
        ]
        told = (state, len(committed), len(settled), endings)
        if state == "arrived":
            if told[1:] != (1, 1, []):
                raise ViolationError(f"{act}: {told} (commits, settlements, endings)")
            self._check_receipts(crossing, act, settled[0])
        elif crossing in self.by_hand and state == "denied" and told[1:] in ((1, 1, []), (0, 0, [])):
            pass  # it was refused, and somebody asked for it again when it was lawful
        elif settled or endings != ([state] if state in {"expired", "dropped", "superseded"} else []):
            raise ViolationError(f"{act}: {told} (commits, settlements, endings)")
        wrong = {"wrong": "broken", "denied": "denied"}.get(act.what)
        if state == "arrived" and wrong:
            raise ViolationError(f"{act}: it arrived")

    def _check_receipts(self, crossing: str, act: Act, settled: Any) -> None:
        places = [self.world.world.folder(name).outbox for name in (act.source, act.destination)]
        kept = [(place / crossing[7:] / "receipt").read_bytes() for place in places]
        if kept[0] != kept[1] or settled["receipt"] != statement_of(self.world, act.destination, kept[0]):
            raise ViolationError(f"{act}: the two sides hold different receipts")

    def _check_order(self) -> None:
        """What arrived of an asset from one source came in the order in which it was queued."""
        for source in NAMES:
            entries, _ = _read(self._seen.get(source, (b"", b"")))
            numbers = {entry.crossing: entry.number for entry in entries if entry.state == "arrived"}
            for name in NAMES:
                store = LocalStore(self.world.world.folder(name).store)
                for asset in store.names():
                    crossings = [record.lineage.get("crossing") for record in store.versions(asset)]
                    came = [numbers[each] for each in crossings if each in numbers]
                    if came != sorted(came):
                        raise ViolationError(f"{asset} came to {name} in the order {came}")


def is_unsettled(world: QueuedWorld, source: str, destination: str, crossing: str) -> bool:
    """Whether a crossing was begun and not sent, or, as the source's ledger says, sent and not answered."""
    folder = world.world.folder(source)
    sent = read_accounts(read_entries(folder.ledger)).get(destination, Account()).sent.get(crossing)
    begun = (folder.outbox / crossing.removeprefix("sha256:") / "sealed").exists()
    return begun or (sent is not None and sent.outcome == "open")


def _read(raw: tuple[bytes, ...]) -> tuple[list[Queued], list[str]]:
    """Return the entries in a copy of an outbox, and the requests that are being sent after their time."""
    if not raw[0]:
        return [], []
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for name, data in zip(("queue.db", "queue.db-wal"), raw, strict=True):
            (Path(folder) / name).write_bytes(data)
        with closing(sqlite3.connect(Path(folder) / "queue.db")) as base:
            if base.execute("PRAGMA user_version").fetchone() == (0,):
                return [], []
            late = (
                "SELECT request FROM entries WHERE state = 'sending' AND tried >= expires AND ended IS NULL"
            )
            return list(Outbox(base).entries(ended=True)), [each for (each,) in base.execute(late)]
