"""Egress: the source's half of a crossing (design §6, steps 1 to 4).

Invariants, in the order in which they are made true:
1. The asset's record, bytes and contract are the store's own; what a caller claims of them is not read.
2. Without a contract that is declared here, and terms, policy and both sides' rules that permit it, and a
   second person's word where that is needed, nothing is read of the data and nothing goes to the transit.
3. The source's bytes keep the contract, and the written output keeps the arrival contract; else nothing
   is written to the transit.
4. The manifest is the last thing that appears in the transit, after the ledger holds its digest.
5. The same crossing again gives the same manifest, while that one counts and what it names lies in the
   transit unchanged; else it is signed anew, and what is missing there is sealed; another list of contents
   is sealed under another key.

Example:
    >>> request = CrossingRequest("covid_tests", version, "cloud", "model-training", "run-7/1")
    >>> egress(env, request).outcome
    'broken'
"""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.boundary.approving import unapproved
from environments.boundary.asking import Asked, Decided, decide, resolve
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import CrossingRequest, told_members
from environments.boundary.economy import Carriage, HeldBackError, carriage, held_now
from environments.boundary.manifest import (
    LIFETIME,
    Manifest,
    open_manifest,
    seal_manifest,
    stamp,
)
from environments.boundary.ordering import overtaking
from environments.boundary.outbox import Attempt, Outbox, working_on
from environments.boundary.packing import Packed, intact, pack
from environments.boundary.preparing import Output, contents_of, prepare, said_of
from environments.boundary.result import EgressResult, GateRule, Outcome
from environments.boundary.sealing import OVERHEAD, Seal, key_info, new_key
from environments.ledger import witnessed_head
from environments.transit import Transit, crossing_prefix, manifest_name, request_name

__all__ = ["egress"]


def egress(
    env: EnvironmentContext, request: CrossingRequest, signed: bytes | None = None, *, queued: bool = False
) -> EgressResult:
    """Decide, check, transform, seal, sign and publish one asset version, or say why not.

    `signed` is the statement of who asks; without it the request is `unattributed`. Of what was `queued` it
    is put beside the manifest, for a destination that nobody else tells. Where the boundary holds it back,
    it is denied by rule `window` or `budget` until `not_before`: what was sent of it stays, and the same
    crossing goes on from there.

    Raises:
        UsageError: no such asset, version or environment.
        NotVerifiableError: the store does not hold what it recorded, or a peer's key is unknown.
        UnreachableError: the disk or the transit refuses.
    """
    # (1) The request, resolved by the source's own store and contracts.
    env.progress("egress.request")
    asked = replace(resolve(env, request, signed), letter=(signed or b"") if queued else None)
    with working_on(env.folder, asked.crossing) as outbox:
        # (2) The decision, before a byte of the data is read.
        env.progress("egress.decide")
        decision = decide(env, asked)
        if not decision.permitted:
            _withdraw(env, asked, outbox)
            return _refuse(env, asked, outbox, "denied", decision.denials, decision.digest)
        given = unapproved(env, asked, decision)
        if isinstance(given, GateRule):
            _withdraw(env, asked, outbox)
            return _refuse(env, asked, outbox, "denied", (given,), decision.digest)
        asked = replace(asked, approvals=given)
        waits = overtaking(env, asked, outbox)
        if waits is not None:
            return _refuse(env, asked, outbox, "denied", (waits,), decision.digest)
        # Until it is answered or refused for good, nothing of what it sends is removed here.
        if outbox.read("receipt") is None:
            outbox.pin(asked.request.assets)
        try:
            return _send(env, asked, decision, outbox, signed)
        except HeldBackError as held:
            outbox.clear_work()
            rule = GateRule(held.hold.rule, held.hold.reason)
            return _refuse(env, asked, outbox, "denied", (rule,), decision.digest, held.hold.until)


def _send(
    env: EnvironmentContext, asked: Asked, decided: Decided, outbox: Outbox, signed: bytes | None
) -> EgressResult:
    # What this boundary may carry now; a crossing that was answered needs nothing more of it.
    hold = held_now(env, "send", asked.request.destination) if outbox.read("receipt") is None else None
    if hold is not None:
        raise HeldBackError(hold, asked.request.name)
    sent = _already_sent(env, asked, outbox)
    if sent is not None:
        return sent
    # (3) The source's bytes against the contract, the terms applied, the output against its own.
    found = prepare(env, asked, outbox.fresh_work)
    outputs = tuple(each for each in found if isinstance(each, Output))
    if len(outputs) != len(asked.members):
        outbox.clear_work()
        rules = tuple(each for each in found if isinstance(each, GateRule))
        return _refuse(env, asked, outbox, "broken", rules, decided.digest)
    # (4) Sealed into the transit; nothing there can be opened yet by anyone, or names itself.
    # A manifest of an earlier attempt is forgotten first: it names what is now written over.
    outbox.forget("manifest")
    manifest, packed = _seal(env, asked, outputs, decided, outbox)
    # (5) Signed and kept: from here on a retry publishes these bytes.
    env.progress("egress.sign")
    outbox.keep_request(signed if asked.asker.reason == "verified" else None)
    outbox.keep("manifest", seal_manifest(manifest, env.identity))
    outbox.clear_work()
    # (6) Recorded, then published.
    return _publish(env, asked, outbox, packed.size)


def _withdraw(env: EnvironmentContext, asked: Asked, outbox: Outbox) -> None:
    """Take back what an earlier, permitted attempt sent or sealed, unless the destination has answered."""
    if outbox.begun and outbox.read("receipt") is None:
        env.outgoing(asked.request.destination).clear(crossing_prefix(asked.crossing))
        outbox.forget("manifest")
        outbox.forget("sealed")


def _already_sent(env: EnvironmentContext, asked: Asked, outbox: Outbox) -> EgressResult | None:
    raw = outbox.read("manifest")
    if raw is None:
        return None
    manifest, _ = open_manifest(raw, env.identity.public)
    if outbox.read("receipt") is not None:
        return _publish(env, asked, outbox, None, settled=True)
    if manifest.request.requester != asked.request.requester:
        return None  # the manifest says who asks, and that is another now: it is signed anew
    attempt = outbox.read_attempt()
    try:
        manifest.check_fresh(env.clock())
    except NotVerifiableError:
        return None
    with _carried(env, asked, "egress.look") as transit:
        whole = attempt is not None and intact(attempt, asked.crossing, transit)
    if not whole:
        return None
    outbox.keep("manifest", raw)  # it may stand there since a call that the disk refused half-way
    return _publish(env, asked, outbox, None)


def _seal(
    env: EnvironmentContext, asked: Asked, outputs: tuple[Output, ...], decided: Decided, outbox: Outbox
) -> tuple[Manifest, Packed]:
    env.progress("egress.seal")
    request = asked.request
    peer = env.peer_identity(request.destination)
    pair_key = env.identity.pair_key(peer, source=env.name, destination=peer.name)
    contents = contents_of(asked, outputs, decided, outbox)
    parts, listed = contents.parts(), digest_bytes(contents.to_bytes())
    # Of a list that an interrupted attempt began to seal, the same key goes on where that one stopped.
    attempt = outbox.read_attempt()
    again = attempt is not None and attempt.listed == listed
    if attempt is None or not again:
        attempt = Attempt(new_key(), listed, tuple((part.address(pair_key), part.size) for part in parts))
        outbox.keep_attempt(attempt)
    key = attempt.key
    seal = Seal(key, asked.crossing, len(parts))
    files = [output.files[entry.path] for output in outputs for entry in output.entries]
    with _carried(env, asked, "egress.seal") as transit:
        transit.expect(sum(part.size + OVERHEAD for part in parts))
        packed = pack(contents, files, seal, transit, pair_key, again=again)
    outbox.keep_listed(
        (member.name, [digest for entry in entries for digest in entry.chunks])
        for member, entries in zip(asked.members, contents.by_member(), strict=True)
    )
    outbox.keep_attempt(replace(attempt, contents=packed.contents))
    now = env.clock().replace(microsecond=0)
    kept = witnessed_head(env.folder.ledger, peer.name)
    manifest = Manifest(
        source=env.name,
        request=request,
        **said_of(asked, contents, outputs, decided),
        size=contents.size,
        chunks=len(parts),
        contents=packed.contents,
        contents_size=packed.contents_size,
        key=peer.wrap(key, info=key_info(env.name, peer.name, asked.crossing)),
        issued=now,
        expires=now + LIFETIME,
        ledger=env.ledger.show(peer.name),
        witnessed=kept.sequence if kept else 0,
    )
    return manifest, packed


def _carried(env: EnvironmentContext, asked: Asked, phase: str) -> AbstractContextManager[Carriage]:
    request = asked.request
    peer, crossing = request.destination, asked.crossing
    return carriage(env, "send", peer, crossing, request.name, request.purpose, phase=phase)


def _publish(
    env: EnvironmentContext, asked: Asked, outbox: Outbox, size: int | None, *, settled: bool = False
) -> EgressResult:
    """Record and publish the kept manifest; each only if that has not happened yet."""
    raw = outbox.read("manifest")
    if raw is None:
        raise NotVerifiableError("the kept manifest is gone", remedy="run the egress again")
    manifest, digest = open_manifest(raw, env.identity.public)
    env.progress("egress.record")
    entry = env.ledger.find("egress", crossing=asked.crossing, manifest=digest)
    if entry is None:
        body = {
            "manifest": digest,
            "decision": manifest.decision,
            "contract": manifest.contract_digest,
            "arrival": manifest.arrival_digest,
            "version": manifest.version,
            "head": manifest.ledger.sequence,
            "bytes": size if size is not None else manifest.size,
        }
        contracts = {member.contract.digest: member.contract for member in asked.members if member.contract}
        # Rules that nothing evaluated: who stands for them is part of why this was lawful.
        acknowledged = [
            {"rule": item.rule, "by": item.by, "date": item.date.isoformat()}
            for contract in contracts.values()
            for item in contract.acknowledged
        ]
        if acknowledged:
            body["acknowledged"] = acknowledged
        entry = env.ledger.append("egress", _about(asked) | {"outcome": "permitted", "rules": []} | body)
    env.progress("egress.publish")
    transit = env.outgoing(asked.request.destination)
    letters = {request_name(asked.crossing): asked.letter, manifest_name(asked.crossing): raw}
    for name, letter in {} if settled else letters.items():
        if letter is not None and not _lies(name, letter, transit):
            transit.put(name, letter)
    env.progress("egress.done")
    return EgressResult(
        asked.crossing,
        "permitted",
        size=int(entry.body["bytes"]),
        manifest=digest,
        arrival=manifest.arrival,
        version=manifest.version,
    )


def _lies(name: str, raw: bytes, transit: Transit) -> bool:
    """Whether these very bytes lie there; what else lies there, also a larger one, is written over."""
    try:
        return transit.get(name, limit=len(raw)) == raw
    except NotVerifiableError:
        return False


def _about(asked: Asked) -> dict[str, Any]:
    request = asked.request
    approved = {"approvals": list(asked.approvals)} if asked.approvals else {}
    return (
        approved
        | {
            "crossing": asked.crossing,
            "name": request.name,
            "source_version": request.version,
            "destination": request.destination,
            "purpose": request.purpose,
            "request": request.request_id,
            "requester": request.requester,
            "attribution": asked.asker.reason,
            "contract_ref": asked.contract_ref,
        }
        | told_members(request.members)
    )


def _refuse(
    env: EnvironmentContext,
    asked: Asked,
    outbox: Outbox,
    outcome: Outcome,
    rules: tuple[GateRule, ...],
    decision: str,
    until: dt.datetime | None = None,
) -> EgressResult:
    env.progress(f"egress.{outcome}")
    if until is None:
        outbox.forget("pinned")
    spoken = {"outcome": outcome, "rules": [rule.to_json() for rule in rules], "decision": decision}
    waits = {} if until is None else {"not_before": stamp(until)}
    env.ledger.append("egress", _about(asked) | spoken | waits)
    return EgressResult(asked.crossing, outcome, rules, not_before=until)
