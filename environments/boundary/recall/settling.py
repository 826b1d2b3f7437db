"""The source reads the answer to one request of a recall, records it, and says what remains.

Invariants, in order:
1. The answer is signed by the destination's pinned key, and answers a statement that this source recorded for
   this request.
2. It is kept and recorded; only then, and only if it is the last word, is the transit emptied of the request.
3. What a destination says that it erased is its word. Nobody else can look into its store.

Example:
    >>> settle_recall(env, "cloud", request).outcome
    'erased'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.errors import NotVerifiableError, UsageError
from environments.boundary.crossing import check_crossing
from environments.boundary.envelope import MAX_ENVELOPE
from environments.boundary.outbox import working_on
from environments.boundary.recall.sending import ANSWER, last_answer
from environments.boundary.recall.statement import Erasure, Result, open_erasure, recall_id
from environments.boundary.result import CrossingFailedError, GateRule
from environments.ledger import Entry, find_entries
from environments.transit import crossing_prefix, erasure_name

if TYPE_CHECKING:
    from environments.boundary.context import EnvironmentContext

__all__ = ["Settled", "is_over", "report", "settle_recall"]


@dataclass(frozen=True)
class Settled:
    """How one request stands.

    Attributes:
        outcome: `erased`, `refused`, or `waiting` where it or another has to answer yet.
        erased: how many versions are gone there.
        remaining: how many are not, there and where they went on to.
        forwarded: environment and id of the requests that it sent on.
    """

    outcome: Result
    erased: int = 0
    remaining: int = 0
    forwarded: tuple[tuple[str, str], ...] = ()


def settle_recall(env: EnvironmentContext, destination: str, request: str) -> Settled:
    """Verify the answer to one request, if one lies in the transit, and record it.

    Raises:
        UsageError: no such environment, or this request was never made here.
        CrossingFailedError: the answer does not verify.
        UnreachableError: the disk or the transit refuses; run it again.
    """
    check_crossing(request)
    env.peer(destination)
    transit = env.outgoing(destination)
    with working_on(env.folder, request) as outbox:
        if env.ledger.find("recall", crossing=request, destination=destination) is None:
            raise UsageError(f"{request[7:19]}: no such request was made to {destination}")
        env.progress("recall.answer")
        raw = transit.get(erasure_name(request), limit=MAX_ENVELOPE)
        if raw is None:
            if is_over(env, request):  # what lies there came late, or was left by one that was killed
                transit.clear(crossing_prefix(request))
            return _standing(last_answer(env, request))
        try:
            answer, digest = _read(env, destination, request, raw)
        except NotVerifiableError as error:
            rules = [GateRule("answer", "not_verifiable").to_json()]
            body = {"crossing": request, "destination": destination, "outcome": "failed", "rules": rules}
            env.ledger.append(ANSWER, body)
            remedy = "run `isthmus recall` again; if it stays so, find out who changes the transit"
            raise CrossingFailedError(
                request, "answer", f"refused (answer): {error}", remedy=remedy
            ) from None
        outbox.keep("receipt", raw)
        known = last_answer(env, request)
        if known is None or known.body["receipt"] != digest:
            known = env.ledger.append(ANSWER, _body(env, answer, digest))
        if answer.outcome != "waiting":
            transit.clear(crossing_prefix(request))
        return _standing(known)


def is_over(env: EnvironmentContext, request: str) -> bool:
    """Whether the last word on a request is known, and it was not asked again since."""
    asked, known = env.ledger.find("recall", crossing=request), last_answer(env, request)
    if asked is None or known is None or known.body["outcome"] == "waiting":
        return False
    return asked.sequence < known.sequence


def _read(env: EnvironmentContext, destination: str, request: str, raw: bytes) -> tuple[Erasure, str]:
    answer, digest = open_erasure(raw, env.peer_identity(destination))
    if (answer.request, answer.source) != (request, env.name):
        raise NotVerifiableError("the answer is to another request than this one")
    asked = env.ledger.find("recall", crossing=request, manifest=answer.asked)
    if asked is None:
        raise NotVerifiableError("the answer is to a request that was never made")
    if (answer.name, answer.version) != (asked.body["name"], asked.body["source_version"]):
        raise NotVerifiableError("the answer is about something else than what was recalled")
    return answer, digest


def _body(env: EnvironmentContext, answer: Erasure, digest: str) -> dict[str, Any]:
    told = answer.to_json()
    kept = ("name", "destination", "outcome", "erased", "remaining", "shared", "forwarded", "answered")
    asked = env.ledger.find("recall", crossing=answer.request, manifest=answer.asked)
    return {key: told[key] for key in kept} | {
        "crossing": answer.request,
        "manifest": answer.asked,
        "receipt": digest,
        "source_version": answer.version,
        "recall": asked.body["recall"] if asked else "",
    }


def _standing(entry: Entry | None) -> Settled:
    if entry is None:
        return Settled("waiting", remaining=1)
    body = entry.body
    forwarded = tuple((str(name), str(request)) for name, request in body["forwarded"])
    return Settled(body["outcome"], len(body["erased"]), len(body["remaining"]), forwarded)


def report(env: EnvironmentContext, name: str, version: str) -> dict[str, Any]:
    """Return how a recall stands, by this side's own ledger: the shape of `isthmus recall --json`."""
    recall = recall_id(env.name, name, version)
    asked = {
        str(entry.body["crossing"]): str(entry.body["destination"])
        for entry in find_entries(env.folder.ledger, kind="recall")
        if entry.body.get("recall") == recall and not entry.body["because"]
    }
    found: dict[str, list[Entry | None]] = {}
    for request, destination in asked.items():
        found.setdefault(destination, []).append(last_answer(env, request))
    destinations = [_told(destination, answers) for destination, answers in sorted(found.items())]
    return {"recall": recall, "name": name, "version": version, "destinations": destinations}


def _told(destination: str, answers: list[Entry | None]) -> dict[str, Any]:
    given = [entry.body for entry in answers if entry is not None]
    remaining = [each for body in given for each in body["remaining"]]
    words = {body["outcome"] for body in given} | ({"waiting"} if len(given) < len(answers) else set())
    outcome = next(word for word in ("refused", "waiting", "erased") if word in words)
    missing = sorted({each["environment"] for each in remaining if each["reason"] == "waiting"})
    if len(given) < len(answers):
        missing.insert(0, destination)
    reasons = sorted({each["reason"] for each in remaining} - {"waiting"})
    reasons += [f"{', '.join(missing)}: not answered yet"] if missing else []
    return {
        "environment": destination,
        "outcome": outcome,
        # It may have crossed several times, and several requests may have been about it.
        "erased": list(
            dict.fromkeys(f"{name}@{version}" for body in given for name, version in body["erased"])
        ),
        "remaining": [
            {
                "environment": each["environment"],
                "asset": f"{each['name']}@{each['version']}",
                "reason": each["reason"],
            }
            for each in remaining
        ],
        "shared_chunks": sum(body["shared"] for body in given),
        "reason": "; ".join(reasons) or None,
    }
