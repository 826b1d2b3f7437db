"""Erasure at the destination of a recall.

Invariants, in the order in which they are made true:
1. Nothing is believed before the source's pinned key signed it for this destination and this request.
2. It is about crossings of that source. One that another environment's crossing is named in erases nothing.
3. From then on what these crossings would still bring is refused, whatever lies in the transit.
4. What may lawfully stay (`keeping`) stays, with its reason. Everything else that they brought, and all that
   was derived from it here, is erased, and looked for once more; tombstones stay.
5. Where any of it went on to, the request goes on to, signed by this side.
6. The answer says what the ledger holds. The same request again looks again, so what came back, from a backup
   or from a step that was running, goes too.

Example:
    >>> erase(env, "onprem", request).outcome
    'erased'
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.boundary.crossing import check_crossing
from environments.boundary.economy.shared import forget_outputs
from environments.boundary.envelope import MAX_ENVELOPE
from environments.boundary.fetched import clear_fetched
from environments.boundary.manifest import SKEW, stamp
from environments.boundary.outbox import Outbox, working_on
from environments.boundary.recall.keeping import why_kept
from environments.boundary.recall.lineage import Lineage, lineage_of
from environments.boundary.recall.sending import ask, last_answer, requests_for, unanswered
from environments.boundary.recall.statement import (
    EraseRequest,
    Erasure,
    Remaining,
    open_erasure,
    open_request,
    outcome_of,
    seal_erasure,
)
from environments.boundary.result import CrossingFailedError, GateRule
from environments.stores import AssetRecord
from environments.transit import Transit, erasure_name, recall_name

if TYPE_CHECKING:
    from environments.boundary.context import EnvironmentContext

__all__ = ["erase"]

_LOOKS = 5
"""Times that what was derived meanwhile is looked for; deriving without end is an error."""


@dataclass(frozen=True)
class _Done:
    """What was found and erased."""

    erased: tuple[AssetRecord, ...]
    kept: tuple[tuple[AssetRecord, str], ...]
    shared: int

    @property
    def all(self) -> tuple[AssetRecord, ...]:
        return (*self.erased, *(record for record, _ in self.kept))


def erase(env: EnvironmentContext, source: str, request: str) -> Erasure:
    """Verify one request, erase or lawfully refuse, pass it on, and sign the answer.

    Raises:
        UsageError: no such environment, or not a request's id.
        CrossingFailedError: it does not verify; nothing was erased.
        UnreachableError: the disk, the store or the transit refuses; run it again.
    """
    check_crossing(request)
    env.peer(source)
    transit = env.incoming(source)
    with working_on(env.folder, request) as outbox:
        env.progress("erase.verify")
        with _refusing(env, source, request):
            raw = transit.get(recall_name(request), limit=MAX_ENVELOPE) or outbox.read("manifest")
            wanted, digest = _read(env, source, request, raw)
        outbox.keep("manifest", raw or b"")
        _bar(env, wanted)
        env.progress("erase.remove")
        done = _remove(env, wanted, digest)
        env.progress("erase.forward")
        answer = _answer(env, wanted, digest, done)
        env.progress("erase.record")
        return _send(env, answer, transit, outbox)


@contextmanager
def _refusing(env: EnvironmentContext, source: str, request: str) -> Iterator[None]:
    try:
        yield
    except NotVerifiableError as error:
        rules = [GateRule("recall", "not_verifiable").to_json()]
        body = {"crossing": request, "source": source, "outcome": "failed", "rules": rules}
        env.ledger.append("erase", body)
        remedy = error.remedy or "run `isthmus recall` at the source again; find out who changes the transit"
        raise CrossingFailedError(
            request, "recall", f"refused (recall): {error}; nothing was erased", remedy=remedy
        ) from None


def _read(env: EnvironmentContext, source: str, request: str, raw: bytes | None) -> tuple[EraseRequest, str]:
    # (1) Signature, addressee, request, time.
    if raw is None:
        raise NotVerifiableError("no recall lies in the transit", remedy="run `isthmus recall` at the source")
    wanted, digest = open_request(raw, env.peer_identity(source))
    if wanted.destination != env.name:
        raise NotVerifiableError(f"the recall is for {wanted.destination}, not for {env.name}")
    if wanted.request != request:
        raise NotVerifiableError("the recall is another one than the one asked for")
    if wanted.issued > stamp(env.clock() + SKEW):
        raise NotVerifiableError("the recall was signed in the future", remedy="compare both sides' clocks")
    # (2) Its own crossings.
    for crossing in wanted.crossings:
        entry = env.ledger.find("ingress", crossing=crossing, outcome="permitted")
        if entry is not None and entry.body["source"] != source:
            raise NotVerifiableError("the recall is about what another environment sent")
    return wanted, digest


def _bar(env: EnvironmentContext, wanted: EraseRequest) -> None:
    """Let these crossings bring nothing any more; one that is under way ends first, what it fetched goes."""
    for crossing in wanted.crossings:
        if env.ledger.find("recalled", crossing=crossing, source=wanted.source) is None:
            with working_on(env.folder, crossing) as outbox:
                clear_fetched(outbox.folder)
                body = {"crossing": crossing, "source": wanted.source, "request": wanted.request}
                env.ledger.append("recalled", body)


def _remove(env: EnvironmentContext, wanted: EraseRequest, why: str) -> _Done:
    for _ in range(_LOOKS):
        lineage = lineage_of(env.store)
        seeds = lineage.brought(wanted.source, set(wanted.crossings), set(wanted.assets))
        found = lineage.derived(env.name, seeds)
        standing = [record for record in found if record in lineage.records]
        kept = tuple((record, word) for record in standing if (word := why_kept(env, record)))
        doomed = [record for record in standing if record not in [each for each, _ in kept]]
        if not doomed:
            gone = tuple(record for record in found if record not in standing)
            if gone:
                forget_outputs(env)
            return _Done(gone, kept, _shared(lineage, gone))
        for record in doomed:
            env.store.erase(record, why)
    raise UnreachableError(
        f"what {wanted.source} recalls is derived from faster than it is erased",
        remedy="stop the pipelines that use it, then run it again",
    )


def _shared(lineage: Lineage, gone: tuple[AssetRecord, ...]) -> int:
    """Return how many distinct chunks of what is gone versions that stand hold too."""
    standing = {chunk for record in lineage.records for entry in record.files for chunk in entry.chunks}
    return len(standing & {chunk for record in gone for entry in record.files for chunk in entry.chunks})


def _answer(env: EnvironmentContext, wanted: EraseRequest, digest: str, done: _Done) -> Erasure:
    remaining = [Remaining(env.name, record.name, record.version, why) for record, why in done.kept]
    assets = {(record.name, record.version) for record in done.all}
    about = wanted.name, wanted.version
    now = requests_for(env, assets, about, wanted.recall, wanted.request) if assets else []
    asked = {each.request: each for each in (*unanswered(env, wanted.recall, wanted.request), *now)}
    forwarded = list(asked.values())
    for request in forwarded:
        # One that cannot be asked now has not answered, and that is what is said of it.
        with suppress(UsageError, UnreachableError):
            ask(env, request, {"requester": wanted.source}, again=False)
        answered = last_answer(env, request.request)
        if answered is None:
            remaining.append(Remaining(request.destination, *about, "waiting"))
        else:
            remaining += [Remaining(**each) for each in answered.body["remaining"]]
    left = tuple(remaining)
    return Erasure(
        request=wanted.request,
        asked=digest,
        source=wanted.source,
        destination=env.name,
        name=wanted.name,
        version=wanted.version,
        outcome=outcome_of(left),
        erased=tuple((record.name, record.version) for record in done.erased),
        remaining=left,
        shared=done.shared,
        forwarded=tuple((request.destination, request.request) for request in forwarded),
        answered=stamp(env.clock()),
    )


def _send(env: EnvironmentContext, answer: Erasure, transit: Transit, outbox: Outbox) -> Erasure:
    """Record, keep and send the answer; one that says nothing new is sent as it was."""
    kept = outbox.read("receipt")
    if kept is not None:
        before = open_erasure(kept, env.identity.public)[0]
        if vars(before) | {"answered": ""} == vars(answer) | {"answered": ""}:
            transit.put(erasure_name(answer.request), kept)
            return before
    told = answer.to_json()
    body = {key: told[key] for key in ("source", "name", "outcome", "erased", "remaining", "shared")}
    body |= {"forwarded": told["forwarded"], "crossing": answer.request, "manifest": answer.asked}
    env.ledger.append("erase", body | {"source_version": answer.version})
    raw = seal_erasure(answer, env.identity)
    outbox.keep("receipt", raw)
    env.progress("erase.send")
    transit.put(erasure_name(answer.request), raw)
    return answer
