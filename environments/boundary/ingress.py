"""Ingress: the destination's half of a crossing (design §6, steps 5 and 6).

Invariants, in the order in which they are made true:
1. Nothing in the transit is believed before the source's pinned key signed it for this destination and
   this crossing, and while it is fresh.
2. The destination decides again, from its own contracts, its own rules and its own copy of the source's
   declaration; it computes the arrival contract itself and compares digests.
3. Every chunk is opened, compared with the list, and the list with the version that was signed; one that
   was not sent is compared where it stands in this side's own store, or the answer says that it does not.
4. The written files are checked against the arrival contract, then committed as one version; of a set, every
   member is decided and checked for itself, and all are committed at once, or none.
5. The same crossing again gives the same version and the same receipt, also after a kill at any step.
6. What is refused leaves an entry in the ledger and nothing in the store.

Example:
    >>> ingress(env, "onprem", crossing).outcome
    'permitted'
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_contracts.errors import DataBreaksContractError, NotVerifiableError
from data_contracts.sandbox.probing import probe_files
from environments.boundary.answering import Arriving, answer, answered, attributed, own_receipt
from environments.boundary.checking import check_arrived, decoded_together
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import check_crossing
from environments.boundary.economy import HeldBackError
from environments.boundary.envelope import MAX_ENVELOPE
from environments.boundary.judging import (
    LawfulMember,
    about_member,
    decide_members,
    project_members,
    with_members,
)
from environments.boundary.manifest import Manifest, open_manifest, stamp
from environments.boundary.members import MemberTerms, list_digest
from environments.boundary.model_gate import check_model
from environments.boundary.model_probe import survive_model
from environments.boundary.opening import carried_in, list_sent, open_sent
from environments.boundary.outbox import Outbox, working_on
from environments.boundary.result import (
    CrossingFailedError,
    GateRule,
    IngressResult,
    denied_rules,
    failed_rules,
)
from environments.ledger import check_head
from environments.stores import SetMember
from environments.transit import Transit, manifest_name

__all__ = ["ingress"]


def ingress(
    env: EnvironmentContext, source: str, crossing: str, signed: bytes | None = None
) -> IngressResult:
    """Verify, decide, open, check and commit one crossing, and sign the receipt.

    `signed` is the statement of who asks; without it the request is `unattributed` here, whoever the
    manifest says it was. Where the boundary holds it back, it is denied by rule `window` or `budget` until
    `not_before`, and not answered: what was sent stays in the transit.

    Raises:
        UsageError: no such environment, or not a crossing id.
        CrossingFailedError: something does not verify; the ledger names what, and nothing else changed.
        UnreachableError: the disk or the transit refuses; run it again.
    """
    try:
        return _ingress(env, source, crossing, signed)
    except HeldBackError as held:
        rule, until = GateRule(held.hold.rule, held.hold.reason), held.hold.until
        waits = {} if until is None else {"not_before": stamp(until)}
        spoken = {"outcome": "denied", "rules": [rule.to_json()], "name": held.asset}
        env.ledger.append("ingress", {"crossing": crossing, "source": source} | spoken | waits)
        return IngressResult(crossing, "denied", held.asset, (rule,), not_before=until)


def _ingress(env: EnvironmentContext, source: str, crossing: str, signed: bytes | None) -> IngressResult:
    check_crossing(crossing)
    env.peer(source)
    transit = env.incoming(source)
    with working_on(env.folder, crossing) as outbox:
        # (1) Signature, addressee, crossing.
        env.progress("ingress.verify")
        with _refusing(env, source, crossing, "manifest"):
            arriving = _read_manifest(env, source, crossing, transit, outbox)
        # A crossing that its source recalled brings nothing any more, also where it had been committed.
        if env.ledger.find("recalled", crossing=crossing, source=source) is not None:
            rule = GateRule("recalled", f"{source} recalled what this crossing brings")
            return answer(env, arriving, transit, outbox, "denied", (rule,), "")
        # (2) Replay: a crossing that was committed has its receipt, whatever its manifest's age.
        done = answered(env, arriving, transit, outbox)
        if done is not None:
            return done
        # (3) Freshness, and the source's history.
        with _refusing(env, source, crossing, "freshness"):
            arriving.manifest.check_fresh(env.clock())
        with _refusing(env, source, crossing, "peer-ledger"):
            check_head(env.folder.ledger, env.peer_identity(source), arriving.manifest.ledger)
        # (4) The decision, made here; of a set, for every member that its signed list names.
        env.progress("ingress.decide")
        contents = None
        if arriving.manifest.kind == "set":
            with _refusing(env, source, crossing, "members"):
                with carried_in(env, arriving.manifest) as carried:
                    contents = list_sent(env, arriving.manifest, carried)
                arriving = with_members(arriving, contents)
        arriving = attributed(env, arriving, signed)
        members = (MemberTerms.of(arriving.manifest),) if contents is None else contents.members
        decided = decide_members(env, arriving, members)
        denials = [
            rule
            for each in decided
            for rule in about_member(each, members, denied_rules(each.decision.denials))
        ]
        if denials or not all(each.permitted for each in decided):
            return answer(env, arriving, transit, outbox, "denied", tuple(denials), "")
        # (5) The arrival contracts, computed here and compared.
        with _refusing(env, source, crossing, "arrival-contract"):
            arriving_members = project_members(env, arriving.manifest, decided)
        digests = [each.arrival.digest for each in arriving_members]
        arrival = digests[0] if contents is None else list_digest(digests)
        with env.store.begin_set([each.terms.name for each in arriving_members]) as draft:
            # (6) Every chunk verified and written into a draft that no reader sees.
            env.progress("ingress.open")
            with _refusing(env, source, crossing, "chunks"):
                written = open_sent(env, arriving.manifest, contents, draft, outbox)
            if isinstance(written, GateRule):
                return answer(env, arriving, transit, outbox, "broken", (written,), arrival)
            # (7) The bytes that were written, against the arrival contracts.
            env.progress("ingress.check")
            rules: list[GateRule] = []
            with _refusing(env, source, crossing, "files"):
                files = [
                    {file.entry.path: draft.path(name) / file.entry.path for file in written[name]}
                    for name in (each.terms.name for each in arriving_members)
                ]
                decoded = _decoded(arriving_members, files)
                for each, paths in zip(arriving_members, files, strict=True):
                    rules += about_member(each.decided, members, _check(env, each, paths, decoded))
            if rules:
                return answer(env, arriving, transit, outbox, "broken", tuple(rules), arrival)
            # (8) One commit.
            env.progress("ingress.commit")
            records = draft.commit(
                {
                    each.terms.name: SetMember(
                        each.arrival,
                        each.decided.decision.labels,
                        _lineage(arriving.manifest, crossing, each.terms),
                        each.terms.rows if each.terms.kind == "data" else None,
                        written[each.terms.name],
                    )
                    for each in arriving_members
                }
            )
        # (9) Recorded, witnessed, and answered.
        return answer(env, arriving, transit, outbox, "permitted", (), arrival, records)


@contextmanager
def _refusing(env: EnvironmentContext, source: str, crossing: str, rule: str) -> Iterator[None]:
    """Turn what does not verify into one entry of the ledger and one error that names the check."""
    try:
        yield
    except NotVerifiableError as error:
        spoken = {"outcome": "failed", "rules": [GateRule(rule, "not_verifiable").to_json()]}
        env.ledger.append("ingress", {"crossing": crossing, "source": source} | spoken)
        remedy = (
            error.remedy
            or "run the egress again, then this; if it stays so, find out who changes the transit"
        )
        raise CrossingFailedError(crossing, rule, f"refused ({rule}): {error}", remedy=remedy) from None


def _read_manifest(
    env: EnvironmentContext, source: str, crossing: str, transit: Transit, outbox: Outbox
) -> Arriving:
    raw = outbox.read("manifest") if own_receipt(env, crossing, outbox) else None
    raw = raw or transit.get(manifest_name(crossing), limit=MAX_ENVELOPE)
    if raw is None:
        raise NotVerifiableError("no manifest in the transit", remedy="run the egress first, or again")
    manifest, digest = open_manifest(raw, env.peer_identity(source))
    if manifest.request.destination != env.name:
        raise NotVerifiableError(f"the manifest is for {manifest.request.destination}, not for {env.name}")
    if manifest.crossing != crossing:
        raise NotVerifiableError("the manifest is of another crossing than the one asked for")
    return Arriving(manifest, digest, raw)


def _decoded(members: list[LawfulMember], files: list[dict[str, Path]]) -> frozenset[Path]:
    """Return the files of a set's data that a child decoded already, together with others."""
    pairs = zip(members, files, strict=True)
    data = [list(paths.values()) for each, paths in pairs if each.terms.kind == "data"]
    return decoded_together(data) if len(data) > 1 else frozenset()


def _check(
    env: EnvironmentContext, member: LawfulMember, files: dict[str, Path], decoded: frozenset[Path]
) -> tuple[GateRule, ...]:
    arrival = member.arrival
    if member.terms.kind == "model":
        survive_model(arrival, files)
        return check_model(arrival, files)
    paths = [files[name] for name in sorted(files)]
    try:
        # What a peer sent is decoded in a child first, whoever signed it.
        if not decoded.issuperset(paths):
            probe_files(paths)
        verdict = check_arrived(env, arrival, paths)
    except DataBreaksContractError as error:
        raise NotVerifiableError(str(error)) from None
    if verdict.rows != member.terms.rows:
        raise NotVerifiableError("not as many rows as were signed")
    return failed_rules(verdict.failed)


def _lineage(manifest: Manifest, crossing: str, terms: MemberTerms) -> dict[str, Any]:
    given = {
        "name": terms.name,
        "environment": manifest.source,
        "version": terms.source_version,
        "contract": terms.contract,
    }
    return {"inputs": [given], "crossing": crossing, "purpose": manifest.request.purpose}
