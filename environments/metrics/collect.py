"""One look at one environment: ledger, outbox, store, trust, certificates, and what its parts say.

Invariants:
1. It reads the environment's own folder and the declarations, and opens no key, no transit and no peer.
2. A look costs what changed since the last one, never a reading of the whole ledger.
3. What cannot be read is told (`isthmus_source_readable`), and its numbers are absent: neither zero nor old.
4. How far assets are behind is looked at once a minute at most; in between the last look counts, and what is
   behind grows older.

Example:
    >>> Collector(folder, site.profile("onprem"), site.profiles).collect().series("isthmus_ledger_entries")
    {(): 1204.0}
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from data_contracts.errors import IsthmusError, NotVerifiableError, UnreachableError
from environments.consistency import Row
from environments.consistency.index import follow
from environments.consistency.rows import Answer, rows_of
from environments.embedded.readiness import read_run_file
from environments.folder import EnvironmentFolder
from environments.ledger.database import last_row, reading
from environments.ledger.entry import parse_entry
from environments.ledger.ledger import utc_now
from environments.metrics.catalogue import WORDS
from environments.metrics.samples import Samples
from environments.metrics.tally import Tally, tally
from environments.outbox import Waits, has_outbox, open_outbox
from environments.profile import Profile
from environments.stores import AssetStore, open_store
from environments.trust import load_pinned

__all__ = ["Collector"]

_LOOK_S = 60.0
_SHOWN = frozenset({"current", "in-flight", "unsettled", "waiting", "denied", "broken", "failed"})
"""States of an asset at a destination that somebody wanted there."""


class Collector:
    """Looks at one environment again and again."""

    def __init__(
        self,
        folder: EnvironmentFolder,
        profile: Profile,
        profiles: Mapping[str, Profile],
        *,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        """Name the environment, and all that the site declares."""
        self._folder, self._profile, self._clock = folder, profile, clock
        self._peers = {name: peer for name, peer in profiles.items() if name != folder.name}
        self._declared = {
            "peer": frozenset(profiles),
            "step": frozenset(grant.name for grant in profile.steps),
        }
        self._store: AssetStore | None = None
        self._kept: tuple[float, list[Row]] | None = None

    def collect(self) -> Samples:
        """Look once."""
        found = Samples(self._folder.name, self._declared)
        looks = {
            "ledger": self._ledger,
            "outbox": self._queued,
            "store": self._lag,
            "trust": self._trust,
            "certificates": self._certificates,
            "worker": self._worker,
            "gate": self._gate,
        }
        for source, look in looks.items():
            with _told(found, source):
                look(found)
        return found

    def _ledger(self, found: Samples) -> None:
        with reading(self._folder.ledger) as database:
            row = None if database is None else last_row(database)
        counts = tally(self._folder)
        self._outbox(found, counts)
        found.put("isthmus_ledger_entries", 0 if row is None else row.sequence)
        if row is not None:
            found.put("isthmus_ledger_head_age_seconds", self._age(parse_entry(row.payload).time))
        for (direction, peer, outcome), count in counts.crossings.items():
            found.put("isthmus_crossings", count, direction=direction, peer=peer, outcome=outcome)
        for peer, size in counts.sent.items():
            found.put("isthmus_sent_bytes", size, peer=peer)
        for (direction, peer, outcome, rule), count in counts.rules.items():
            labels = {"direction": direction, "peer": peer, "outcome": outcome, "rule": rule}
            found.put("isthmus_crossing_rules", count, **labels)

    def _outbox(self, found: Samples, counts: Tally) -> None:
        for queue in ("waiting", "held_back"):
            for peer in self._peers:  # none is a number too: a series that is there can be watched
                found.put("isthmus_outbox_crossings", 0, queue=queue, peer=peer)
                found.put("isthmus_outbox_oldest_seconds", 0, queue=queue, peer=peer)
        for (queue, peer), (count, since) in counts.waits.items():
            found.put("isthmus_outbox_crossings", count, queue=queue, peer=peer)
            found.put("isthmus_outbox_oldest_seconds", self._age(since), queue=queue, peer=peer)

    def _queued(self, found: Samples) -> None:
        waits: dict[str, Waits] = {}
        if has_outbox(self._folder):
            with open_outbox(self._folder, durable=False) as outbox:
                waits = outbox.waits()
        for peer in {*self._peers, *waits}:
            one = waits.get(peer)
            age = 0.0 if one is None else max(0.0, (self._clock() - one.oldest).total_seconds())
            found.put("isthmus_outbox_crossings", one.entries if one else 0, queue="queued", peer=peer)
            found.put("isthmus_outbox_oldest_seconds", age, queue="queued", peer=peer)

    def _lag(self, found: Samples) -> None:
        rows = self._rows()
        for row in rows:
            if row.state in _SHOWN and row.behind is not None:
                labels = {"asset": row.asset, "peer": row.destination}
                found.put("isthmus_asset_behind_versions", row.behind, **labels)
                age = self._age(row.since) if row.behind else 0.0
                found.put("isthmus_asset_behind_seconds", age, **labels)
        damaged = {row.asset for row in rows if row.state == "damaged"}
        found.put("isthmus_assets_damaged", len(damaged))

    def _rows(self) -> list[Row]:
        now = time.monotonic()
        if self._kept is not None and now - self._kept[0] < _LOOK_S:
            return self._kept[1]
        self._kept = None
        if self._store is None:
            self._store = open_store(self._folder, self._profile)
        followed = follow(self._folder, self._store)
        # No transit is opened: whether an answer lies in one is for `isthmus asset status`.
        rows = list(rows_of(followed, self._peers, self._clock(), lambda _peer, _id: Answer(lies=False)))
        self._kept = now, rows
        return rows

    def _trust(self, found: Samples) -> None:
        pinned = load_pinned(self._folder)
        if pinned is None:
            return
        now, document = self._clock(), pinned.document
        found.put("isthmus_trust_version", document.version)
        found.put("isthmus_trust_remaining_seconds", (document.expires - now).total_seconds())
        for name, one in document.environments.items():
            ends = max((key.window.ends for key in one.signing if key.window.accepts(now)), default=now)
            left = (ends - now).total_seconds()
            found.put("isthmus_signing_key_remaining_seconds", left, peer=name)

    def _certificates(self, found: Samples) -> None:
        from cryptography import x509

        if self._profile.dask.kind == "external":
            return
        now, left = self._clock(), {}
        for role in WORDS["certificate"]:
            path = self._folder.dask / f"{role}.pem"
            try:
                certificate = x509.load_pem_x509_certificate(path.read_bytes())
            except OSError as error:
                raise UnreachableError(f"{path}: {error.strerror}", remedy="run `isthmus up`") from None
            except ValueError:
                raise NotVerifiableError(f"{path}: no certificate", remedy="run `isthmus doctor`") from None
            left[role] = (certificate.not_valid_after_utc - now).total_seconds()
        for role, seconds in left.items():
            found.put("isthmus_certificate_remaining_seconds", seconds, certificate=role)

    def _worker(self, found: Samples) -> None:
        told = read_run_file(self._folder, "worker")
        if told is None:
            raise UnreachableError("no worker runs", remedy="run `isthmus up`")
        found.put("isthmus_worker_reaches_server", float(told.get("reachable") is True))
        if told.get("last_poll"):
            found.put("isthmus_worker_poll_age_seconds", max(0.0, time.time() - float(told["last_poll"])))
        found.put("isthmus_worker_spares", int(told.get("spares") or 0))
        for queue, count in (told.get("running") or {}).items():
            found.put("isthmus_worker_runs_running", int(count), queue=str(queue))
        for end, count in (told.get("counts") or {}).items():
            found.put("isthmus_worker_runs", int(count), end=str(end))
        for step, (counts, seconds) in (told.get("took") or {}).items():
            found.put_histogram("isthmus_step_seconds", counts, seconds, step=str(step))

    def _gate(self, found: Samples) -> None:
        told = read_run_file(self._folder, "gate")
        if told is None:
            raise UnreachableError("no API gate runs", remedy="run `isthmus up`")
        counts = told.get("counts") or {}
        found.put("isthmus_gate_requests", int(counts.get("asked") or 0))
        found.put("isthmus_gate_refused", int(counts.get("refused") or 0))
        found.put("isthmus_gate_withheld", int(told.get("withheld") or 0))

    def _age(self, since: str) -> float:
        return max(0.0, (self._clock() - dt.datetime.fromisoformat(since)).total_seconds())


@contextmanager
def _told(found: Samples, source: str) -> Iterator[None]:
    try:
        yield
    except IsthmusError:
        readable = 0
    else:
        readable = 1
    found.put("isthmus_source_readable", readable, source=source)
