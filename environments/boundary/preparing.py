"""Preparing what may cross: the source's bytes checked, the terms applied, the output checked.

Invariants:
1. Every file is verified against the store's record before a byte of it is used.
2. Nothing is transformed before the source's bytes keep the contract: by a check now, or by one that this
   gate made of the same version under the same contract with the same engine.
3. An output is given out only if it keeps the arrival contract, the proof of every obligation holds, and
   no file carries anything beside it. All rules that speak against it are named. An output that was given out
   for one destination may be given out for another whose terms make the same (`economy.shared`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from data_contracts import policy
from data_contracts.checks import Workspace, compile_plan
from data_contracts.model import Contract
from data_contracts.obligations import compile_proof, merge_proofs
from data_contracts.projection import project
from environments.boundary.asking import Asked, AskedMember, Decided
from environments.boundary.checking import check_parts, judge, room_for_keys
from environments.boundary.contents import Contents, list_contents
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import Member
from environments.boundary.economy.known import passed_before, remember_pass
from environments.boundary.economy.shared import Kept, sharing
from environments.boundary.manifest import named_members
from environments.boundary.members import MemberTerms, summary
from environments.boundary.model_gate import check_model
from environments.boundary.outbox import Outbox
from environments.boundary.partitions import (
    Transformed,
    TransformPart,
    Untransformed,
    parts_of,
)
from environments.boundary.result import GateRule, failed_rules
from environments.private import make_private
from environments.stores import FileEntry, version_of
from environments.stores.cutting import cut

__all__ = ["Output", "contents_of", "prepare", "said_of"]


@dataclass(frozen=True)
class Output:
    """What may cross: files by their paths in the version, their entries, and rows."""

    kind: Literal["data", "model"]
    arrival: Contract
    files: dict[str, Path]
    entries: tuple[FileEntry, ...]
    rows: int


def prepare(
    env: EnvironmentContext, asked: Asked, work: Callable[[], Path]
) -> tuple[Output, ...] | tuple[GateRule, ...]:
    """Return the outputs in their crossing form, one for each member, or the rules that the data breaks.

    Args:
        env: the source.
        asked: what is asked.
        work: gives an empty folder for the output; asked at most once.
    """
    outputs, rules, room = list[Output](), list[GateRule](), list[Path]()

    def place(number: int) -> Path:
        if not room:
            room.append(work())
        return room[0] if len(asked.members) == 1 else make_private(room[0] / str(number))

    for number, member in enumerate(asked.members):
        found = _prepare(env, asked, member, partial(place, number))
        if isinstance(found, Output):
            outputs.append(found)
        else:
            rules += asked.about(member, found)
    return tuple(rules) or tuple(outputs)


def _prepare(
    env: EnvironmentContext, asked: Asked, member: AskedMember, work: Callable[[], Path]
) -> Output | tuple[GateRule, ...]:
    if member.contract is None:
        return (GateRule("contract", "the contract is not declared here"),)
    contract, record = member.contract, member.record
    env.progress("egress.check")
    files = {entry.path: env.store.materialise(record, entry.path) for entry in record.files}
    arrival = project(contract, env.peer(asked.request.destination).destination(), asked.request.purpose)
    if contract.model is not None:
        broken = check_model(contract, files)
        return broken or Output("model", arrival, files, record.files, 0)
    if not passed_before(env, record, contract):
        verdict = check_parts(env, contract, list(files.values()))
        if not verdict.success:
            return failed_rules(verdict.failed)
        remember_pass(env, record, contract)
    env.progress("egress.obligations")
    return _transform(env, asked, member, arrival, list(files.values()), work())


def _transform(
    env: EnvironmentContext,
    asked: Asked,
    member: AskedMember,
    arrival: Contract,
    sources: list[Path],
    work: Path,
) -> Output | tuple[GateRule, ...]:
    contract, destination = member.contract, env.peer(asked.request.destination).destination()
    terms = policy.select_terms(contract, destination, asked.request.purpose) if contract else None
    if contract is None or terms is None:
        return (GateRule("no-terms", "no terms apply to this destination and purpose"),)
    # A set has up to thousands of small members: what is kept for others would be theirs alone.
    alone = len(asked.members) == 1
    share = sharing(env, asked.request, member.record, terms, arrival, contract) if alone else None
    kept = share.take(into=work) if share is not None else None
    if kept is not None:
        env.progress("egress.output")
        return Output("data", arrival, kept.files, kept.entries, kept.rows)
    plan = compile_plan(arrival)
    proof = compile_proof(terms, contract, key=os.urandom(32))
    parts = parts_of(sources)
    with room_for_keys(env, plan, parts) as spill_to, Workspace(env.folder.tmp) as work_of_proof:
        proof_to = work_of_proof.room(proof.hashes_size(sum(part.rows for part in parts)))
        step = TransformPart(terms, contract, arrival, plan, proof, env.folder, work, spill_to, proof_to)
        answers = env.partition_map(step, parts)
        stopped = [part.rule for part in answers if isinstance(part, Untransformed)]
        if stopped:
            return _summed(stopped)
        done = [part for part in answers if isinstance(part, Transformed)]
        env.progress("egress.output")
        paths = [part.path for part in done]
        rules = list(failed_rules(judge(env, plan, [part.partial for part in done], paths).failed))
        rules += failed_rules(proof.verdict(merge_proofs(part.proof for part in done)).failed)
    rules += failed_rules(rule for part in done for rule in part.file)
    if rules:
        return tuple(rules)
    entries = tuple(cut(path, path.name, durable=False) for path in sorted(paths))
    made = Kept({path.name: path for path in paths}, entries, sum(part.rows for part in done))
    if share is not None:
        share.keep(made)
    return Output("data", arrival, made.files, made.entries, made.rows)


def _summed(rules: list[GateRule]) -> tuple[GateRule, ...]:
    counts: dict[tuple[str, str], int] = {}
    for rule in rules:
        counts[rule.id, rule.reason] = counts.get((rule.id, rule.reason), 0) + rule.unexpected_count
    return tuple(GateRule(name, reason, count) for (name, reason), count in counts.items())


def contents_of(asked: Asked, outputs: Sequence[Output], decided: Decided, outbox: Outbox) -> Contents:
    """Return the list of what will cross, without the chunks that the destination holds."""
    entries = tuple(entry for output in outputs for entry in output.entries)
    held = outbox.held_by(asked.request.destination, [member.name for member in asked.members])
    if len(outputs) == 1:
        return list_contents(entries, held)
    members = tuple(
        MemberTerms(
            name=member.name,
            source_version=member.record.version,
            contract=member.record.contract_ref,
            contract_digest=member.record.contract_digest,
            arrival=output.arrival.reference,
            arrival_digest=output.arrival.digest,
            decision=decision,
            labels=member.record.labels,
            kind=output.kind,
            version=version_of(output.entries),
            rows=output.rows,
            files=len(output.entries),
        )
        for member, output, decision in zip(asked.members, outputs, decided.digests, strict=True)
    )
    return list_contents(entries, held, members)


def said_of(asked: Asked, contents: Contents, outputs: Sequence[Output], decided: Decided) -> dict[str, Any]:
    """Return what the manifest says of the asset, or of the set as a whole."""
    if contents.members:
        arriving = [Member(member.name, member.version) for member in contents.members]
        told = {"contract": "", "arrival": "", "kind": "set", "count": len(arriving)}
        return told | summary(contents.members) | {"members": named_members(arriving)}
    [output], [member] = outputs, asked.members
    return {
        "contract": member.record.contract_ref,
        "contract_digest": member.record.contract_digest,
        "arrival": output.arrival.reference,
        "arrival_digest": output.arrival.digest,
        "decision": decided.digest,
        "labels": member.record.labels,
        "kind": output.kind,
        "version": contents.version,
        "rows": output.rows,
    }
