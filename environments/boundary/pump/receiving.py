"""One source's line: what was queued there and lies in its transit to here, not answered, is taken in.

Invariants:
1. What was not queued is left to whoever asked for it: a pipeline, `isthmus sync`, a person with a disk.
2. What the source did not sign for this environment is left where it is, and noted: whoever writes into the
   transit fills no ledger.
3. What was answered is not read again, but looked at now and then, in case that the answer was lost.
4. What does not verify is tried again ever more seldom; the others go on.
"""

from __future__ import annotations

import datetime as dt

from data_contracts.digest import digest_bytes
from data_contracts.errors import ConflictError, IsthmusError, NotVerifiableError, UnreachableError
from environments.boundary.answering import own_receipt
from environments.boundary.envelope import MAX_ENVELOPE
from environments.boundary.ingress import ingress
from environments.boundary.manifest import open_manifest
from environments.boundary.outbox import Outbox as Kept
from environments.boundary.pump.work import Work, told
from environments.boundary.result import IngressResult
from environments.outbox import Arrival
from environments.transit import (
    DirectoryTransit,
    Transit,
    manifest_name,
    receipt_name,
    request_name,
)

__all__ = ["fetch_line"]

_LONGEST, _CONFLICT_S, _NEAR_S, _FAR_S = 3600.0, 30.0, 2.0, 30.0
_LONGEST_UNSENT = 30.0
_NEVER = dt.timedelta(days=1)
_MAX_REQUEST = 64 * 1024


def fetch_line(work: Work, source: str) -> None:
    """Take in what a source sent, until nothing is due, or the line rests."""
    try:
        transit, lying = work.env.incoming(source), list[str]()
        for prefix in transit.crossings():
            crossing = f"sha256:{prefix}"
            lying.append(crossing)
            work.env.progress("pump.look")
            known = work.outbox.arrival(source, crossing)
            if known is not None and known.due > work.now and known.due - work.now <= _NEVER:
                continue
            tries = known.attempts + 1 if known else 1
            try:
                if not _take(work, source, crossing, transit, known, tries):
                    return
            except NotVerifiableError as error:  # nothing that belongs there; the others go on
                _note(work, source, crossing, Arrival("", tries, work.back_off(tries, _LONGEST)), told(error))
        work.outbox.forget_arrivals(source, lying)
    except UnreachableError as error:
        work.did["unreachable"] += 1
        work.rest(source, "fetch", told(error))
        return
    except NotVerifiableError as error:  # a listing without end or order
        work.rest(source, "fetch", told(error))
        return
    near = isinstance(transit, DirectoryTransit)
    work.rest(source, "fetch", "", work.after(_NEAR_S if near else _FAR_S))


def _take(
    work: Work, source: str, crossing: str, transit: Transit, known: Arrival | None, tries: int
) -> bool:
    """Take one crossing in; false where the line rests."""
    if transit.size(receipt_name(crossing)) is not None:
        _note(work, source, crossing, Arrival("", tries, work.back_off(tries + 5, _LONGEST)))
        return True
    letter = _letter(transit, crossing)
    raw = None if letter is None else transit.get(manifest_name(crossing), limit=MAX_ENVELOPE)
    if letter is None or raw is None:  # it is being sent, or whoever asked for it tells the destination
        _note(work, source, crossing, Arrival("", tries, work.back_off(tries, _LONGEST_UNSENT)))
        return True
    digest = digest_bytes(raw)
    again = 1 if known is None or known.manifest != digest else tries
    later = Arrival(digest, again, work.back_off(again, _LONGEST))
    why = _not_ours(work, source, crossing, raw)
    if why:
        _note(work, source, crossing, later, why)
        return True
    work.env.progress("pump.fetch")
    try:
        found = ingress(work.env, source, crossing, letter or None)
    except UnreachableError:
        raise
    except ConflictError as error:
        _note(work, source, crossing, Arrival(digest, again, work.after(_CONFLICT_S)), told(error))
        return True
    except IsthmusError as error:
        work.did["refused"] += 1
        _note(work, source, crossing, later, told(error))
        return True
    work.env.progress("pump.fetched")
    return _noted(work, source, crossing, digest, found)


def _not_ours(work: Work, source: str, crossing: str, raw: bytes) -> str:
    """Return why a manifest is none that the source signed for this environment and that counts."""
    env = work.env
    try:
        manifest, _ = open_manifest(raw, env.peer_identity(source))
        if (manifest.request.destination, manifest.crossing) != (env.name, crossing):
            return "its manifest is for another environment, or of another crossing"
        kept = Kept.of(env.folder, crossing)
        if own_receipt(env, crossing, kept) is None:
            manifest.check_fresh(env.clock())
    except NotVerifiableError as error:
        return told(error)
    return ""


def _letter(transit: Transit, crossing: str) -> bytes | None:
    """Return the statement of who asks beside a manifest that was queued; empty where nobody signed.

    The gate judges what it is worth.
    """
    try:
        return transit.get(request_name(crossing), limit=_MAX_REQUEST)
    except NotVerifiableError:
        return b""


def _noted(work: Work, source: str, crossing: str, digest: str, found: IngressResult) -> bool:
    if found.receipt:
        work.did[f"received_{found.outcome}"] += 1
        _note(work, source, crossing, Arrival(digest, 1, work.back_off(6, _LONGEST)))
        return True
    work.did["held_back"] += 1
    why = "; ".join(f"{rule.id}: {rule.reason}" for rule in found.rules)
    if found.not_before is None:
        _note(work, source, crossing, Arrival(digest, 1, work.now + _NEVER), why)
        return True
    work.rest(source, "fetch", why, found.not_before)
    return False


def _note(work: Work, source: str, crossing: str, arrival: Arrival, reason: str = "") -> None:
    made = Arrival(arrival.manifest, arrival.attempts, arrival.due, reason)
    work.outbox.note_arrival(source, crossing, made, work.now)
