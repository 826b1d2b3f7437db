"""Answering a manifest: recorded, the source's head kept, the receipt signed, kept and sent, in that order.

Invariants:
1. A receipt says what the ledger already holds.
2. A receipt of a commit is final: the same crossing again gets the same bytes. A refusal is not: rules and
   contracts change, and the next attempt is judged anew. What was recalled since is refused; the receipt
   that says it was committed stays here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from environments.boundary.asker import NOBODY, Asker, who_asks
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import Member, told_members
from environments.boundary.fetched import clear_fetched
from environments.boundary.manifest import Manifest, stamp
from environments.boundary.outbox import Outbox
from environments.boundary.receipt import Receipt, open_receipt, seal_receipt
from environments.boundary.result import GateRule, IngressResult, Outcome
from environments.ledger import witness_head
from environments.stores import AssetRecord
from environments.transit import Transit, receipt_name

__all__ = ["Arriving", "answer", "answered", "attributed", "own_receipt"]


@dataclass(frozen=True)
class Arriving:
    """A manifest whose signature verified, the digest of its statement, and who asks as this side sees."""

    manifest: Manifest
    digest: str
    raw: bytes = field(repr=False)
    asker: Asker = NOBODY

    @property
    def crossing(self) -> str:
        """The crossing's id."""
        return self.manifest.crossing


def attributed(env: EnvironmentContext, arriving: Arriving, signed: bytes | None) -> Arriving:
    """Return what arrives with who asks for it: a name only where this side finds the one that was signed."""
    manifest = arriving.manifest
    asker = who_asks(
        env,
        signed,
        source=manifest.source,
        request=manifest.request,
        crossing=arriving.crossing,
        signed_at=manifest.issued,
    )
    if asker.reason == "verified" and asker.name != manifest.request.requester:
        asker = Asker(reason="mismatch")
    return replace(arriving, asker=asker)


def own_receipt(env: EnvironmentContext, crossing: str, outbox: Outbox) -> tuple[Receipt, str, bytes] | None:
    """Return the receipt of a commit that was made here for this crossing; a refusal is no last word."""
    raw = outbox.read("receipt")
    if raw is None:
        return None
    receipt, digest = open_receipt(raw, env.identity.public)
    if receipt.outcome != "permitted" or receipt.crossing != crossing:
        return None
    return receipt, digest, raw


def answered(
    env: EnvironmentContext, arriving: Arriving, transit: Transit, outbox: Outbox
) -> IngressResult | None:
    """Return what was answered to a crossing that was committed here, and send the same receipt again."""
    own = own_receipt(env, arriving.crossing, outbox)
    if own is None:
        return None
    receipt, digest, raw = own
    # A call before may have been told that the disk refused, after the names stood: what the source acts on
    # must be here after a power cut.
    outbox.keep("manifest", arriving.raw)
    outbox.keep("receipt", raw)
    clear_fetched(outbox.folder)  # a power cut may have brought it back
    transit.put(receipt_name(arriving.crossing), raw)
    return IngressResult(
        arriving.crossing,
        "permitted",
        receipt.name,
        version=receipt.version,
        contract=arriving.manifest.arrival,
        receipt=digest,
        members=arriving.manifest.members or (Member(receipt.name, receipt.version),),
    )


def answer(  # noqa: PLR0913, PLR0917 - one answer has this many parts, and one caller per outcome
    env: EnvironmentContext,
    arriving: Arriving,
    transit: Transit,
    outbox: Outbox,
    outcome: Outcome,
    rules: tuple[GateRule, ...],
    arrival: str,
    records: tuple[AssetRecord, ...] = (),
) -> IngressResult:
    """Record the outcome, keep the source's head, sign the receipt, keep it, and send it.

    `arrival` is the digest of the arrival contract that was computed here, of a set that of the list; empty
    where it came not so far.
    """
    manifest = arriving.manifest
    version = manifest.version if records else ""
    spoken = {"outcome": outcome, "rules": [rule.to_json() for rule in rules]}
    body = _about(arriving) | spoken | {"version": version}
    env.progress("ingress.record")
    if (
        outcome != "permitted"
        or env.ledger.find("ingress", crossing=manifest.crossing, outcome=outcome) is None
    ):
        env.ledger.append("ingress", body)
    env.progress("ingress.witness")
    witness_head(env.folder.ledger, env.peer_identity(manifest.source), manifest.ledger)
    env.ledger.acknowledged(manifest.source, manifest.witnessed)
    receipt = Receipt(
        crossing=manifest.crossing,
        source=manifest.source,
        destination=env.name,
        name=manifest.request.name,
        manifest=arriving.digest,
        outcome=outcome,
        rules=rules,
        version=manifest.version,
        contract=arrival,
        received=stamp(env.clock()),
        ledger=env.ledger.show(manifest.source),
        witnessed=manifest.ledger.sequence,
    )
    raw = seal_receipt(receipt, env.identity)
    env.progress("ingress.receipt")
    if own_receipt(env, manifest.crossing, outbox) is None:  # else it was committed, and recalled since
        outbox.keep("manifest", arriving.raw)
        outbox.keep("receipt", raw)
    clear_fetched(outbox.folder)
    env.progress("ingress.send")
    transit.put(receipt_name(manifest.crossing), raw)
    env.progress("ingress.done")
    return IngressResult(
        manifest.crossing,
        outcome,
        manifest.request.name,
        rules,
        version=version,
        contract=manifest.arrival if records else "",
        receipt=open_receipt(raw, env.identity.public)[1],
        members=tuple(Member(record.name, record.version) for record in records),
    )


def _about(arriving: Arriving) -> dict[str, Any]:
    manifest = arriving.manifest
    return {
        "crossing": manifest.crossing,
        "manifest": arriving.digest,
        "name": manifest.request.name,
        "source": manifest.source,
        "source_version": manifest.request.version,
        "purpose": manifest.request.purpose,
        "requester": arriving.asker.name,
        "attribution": arriving.asker.reason,
        "signed_requester": manifest.request.requester,
        "contract": manifest.contract_digest,
        "arrival": manifest.arrival_digest,
        "source_head": [manifest.ledger.sequence, manifest.ledger.digest],
    } | told_members(manifest.members)
