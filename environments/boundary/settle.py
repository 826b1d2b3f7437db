"""Settle: the source reads the destination's answer, and closes the crossing.

Invariants, in order:
1. The receipt is signed by the destination's pinned key, and answers a manifest that this source recorded
   for this crossing, with the version, arrival contract and ledger head of that record.
2. The destination's ledger agrees with what was witnessed of it.
3. The answer is kept and recorded, the destination's head is kept, and only then is the transit emptied of
   this crossing. A refusal also forgets the manifest, so that a later attempt starts anew.

Example:
    >>> settle(env, "cloud", crossing).outcome
    'permitted'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from data_contracts.errors import NotVerifiableError
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import check_crossing
from environments.boundary.envelope import MAX_ENVELOPE
from environments.boundary.outbox import Outbox, working_on
from environments.boundary.queueing import ENDINGS
from environments.boundary.receipt import Receipt, open_receipt
from environments.boundary.result import CrossingFailedError, GateRule, SettleResult
from environments.identity import PublicIdentity
from environments.ledger import Entry, check_head, witness_head
from environments.transit import Transit, crossing_prefix, receipt_name

__all__ = ["NoAnswerError", "settle"]


class NoAnswerError(CrossingFailedError):
    """What lies there is none: damaged, planted, or about something else than what was sent."""


@dataclass(frozen=True)
class _Answer:
    """A receipt whose signature verified, and this side's record of what it answers."""

    raw: bytes
    receipt: Receipt
    digest: str
    sent: Entry


def settle(env: EnvironmentContext, destination: str, crossing: str) -> SettleResult:
    """Verify the receipt of one crossing, record it, and clear the transit.

    Raises:
        UsageError: no such environment, or not a crossing id.
        CrossingFailedError: there is no receipt yet, or it does not verify; `NoAnswerError` where that is
            so for its own sake, whatever is known of its destination.
    """
    check_crossing(crossing)
    env.peer(destination)
    transit = env.outgoing(destination)
    with working_on(env.folder, crossing) as outbox:
        env.progress("settle.verify")
        refused = _refused_before(env, crossing, outbox)
        if refused is not None:
            return refused
        with _refusing(env, destination, crossing, CrossingFailedError):
            public = env.peer_identity(destination)
            raw = _lying(env, crossing, transit, outbox)
        # (1) The destination's word, about what was sent.
        with _refusing(env, destination, crossing, NoAnswerError):
            answer = _read(env, public, crossing, raw)
        # (2) The destination's history.
        with _refusing(env, destination, crossing, CrossingFailedError):
            check_head(env.folder.ledger, public, answer.receipt.ledger)
        known = env.ledger.find("settle", crossing=crossing, receipt=answer.digest) is not None
        # (3) Kept, recorded, witnessed; then the transit is emptied.
        permitted = answer.receipt.outcome == "permitted"
        if permitted:
            outbox.keep("receipt", answer.raw)
        if not known:  # an old crossing that is settled once more says nothing new of what is there
            names = outbox.assets() or [answer.receipt.name]
            held = permitted and not _recalled(env, destination, names, answer.sent)
            outbox.arrived(destination, names, permitted=held)
        env.progress("settle.record")
        if not known:
            env.ledger.append("settle", _body(answer))
        env.progress("settle.witness")
        witness_head(env.folder.ledger, public, answer.receipt.ledger)
        env.ledger.acknowledged(destination, answer.receipt.witnessed)
        env.progress("settle.clear")
        transit.clear(crossing_prefix(crossing))
        outbox.forget("sealed")
        outbox.forget("request")
        outbox.forget("pinned")
        if not permitted:
            outbox.forget("manifest")
        env.progress("settle.done")
        return _result(_body(answer))


def _recalled(env: EnvironmentContext, destination: str, names: Iterable[str], sent: Entry) -> bool:
    """Whether a destination was asked to erase any of these assets since it was sent this."""
    asked = (env.ledger.find("recall", destination=destination, name=name) for name in names)
    return any(entry is not None and entry.sequence > sent.sequence for entry in asked)


def _refused_before(env: EnvironmentContext, crossing: str, outbox: Outbox) -> SettleResult | None:
    """Return the recorded refusal of a crossing that was closed with one."""
    if outbox.read("manifest") is not None:
        return None
    for outcome in ("denied", "broken"):
        entry = env.ledger.find("settle", crossing=crossing, outcome=outcome)
        if entry is not None:
            return _result(entry.body)
    return None


def _was_sent(env: EnvironmentContext, crossing: str, outbox: Outbox) -> bool:
    """Whether something was sent that may be answered.

    Whoever sends it anew, or takes it back, forgets its manifest first; killed over that, an answer to the
    manifest that the ledger has is one nevertheless, until the ledger says that the crossing ended.
    """
    if outbox.read("manifest") is not None:
        return True
    last = env.ledger.find("egress", crossing=crossing)
    if last is None or env.ledger.find("outbox", crossing=crossing) is not None:
        return False
    return last.body["outcome"] == "permitted" or {rule["id"] for rule in last.body["rules"]} <= set(ENDINGS)


def _lying(env: EnvironmentContext, crossing: str, transit: Transit, outbox: Outbox) -> bytes:
    if not _was_sent(env, crossing, outbox):
        raise NotVerifiableError("nothing was sent for this crossing", remedy="run the egress first")
    raw = outbox.read("receipt") or transit.get(receipt_name(crossing), limit=MAX_ENVELOPE)
    if raw is None:
        raise NotVerifiableError("no receipt yet", remedy="run the ingress at the destination, then again")
    return raw


def _read(env: EnvironmentContext, public: PublicIdentity, crossing: str, raw: bytes) -> _Answer:
    receipt, digest = open_receipt(raw, public)
    if (receipt.crossing, receipt.source) != (crossing, env.name):
        raise NotVerifiableError("the receipt answers another crossing than this one")
    sent = env.ledger.find("egress", crossing=crossing, manifest=receipt.manifest, outcome="permitted")
    if sent is None:
        raise NotVerifiableError("the receipt answers a manifest that was never sent")
    told = (receipt.name, receipt.version, receipt.witnessed)
    if told != (sent.body["name"], sent.body["version"], sent.body["head"]):
        raise NotVerifiableError("the receipt says something else than what was sent")
    if receipt.outcome == "permitted" and receipt.contract != sent.body["arrival"]:
        raise NotVerifiableError("the receipt is for another arrival contract than the one that was sent")
    return _Answer(raw, receipt, digest, sent)


def _body(answer: _Answer) -> dict[str, Any]:
    receipt = answer.receipt
    return {
        "crossing": receipt.crossing,
        "manifest": receipt.manifest,
        "receipt": answer.digest,
        "name": receipt.name,
        "destination": receipt.destination,
        "requester": answer.sent.body.get("requester", "unattributed"),
        "outcome": receipt.outcome,
        "rules": [rule.to_json() for rule in receipt.rules],
        "version": receipt.version if receipt.outcome == "permitted" else "",
        "received": receipt.received,
        "peer_head": [receipt.ledger.sequence, receipt.ledger.digest],
        "witnessed": receipt.witnessed,
    }


def _result(body: Any) -> SettleResult:  # noqa: ANN401 - the body of an entry of ours
    rules = tuple(GateRule.from_json(rule) for rule in body["rules"])
    return SettleResult(body["crossing"], body["outcome"], rules, body["version"], body["receipt"])


@contextmanager
def _refusing(
    env: EnvironmentContext, destination: str, crossing: str, refusal: type[CrossingFailedError]
) -> Iterator[None]:
    """Record that what is looked at in the block does not verify, and refuse."""
    try:
        yield
    except NotVerifiableError as error:
        rules = [GateRule("receipt", "not_verifiable").to_json()]
        body = {"crossing": crossing, "destination": destination, "outcome": "failed", "rules": rules}
        env.ledger.append("settle", body)
        remedy = (
            error.remedy
            or "run the ingress there again, then this; if it stays so, find out who changes the transit"
        )
        raise refusal(crossing, "receipt", f"refused (receipt): {error}", remedy=remedy) from None
