"""What arrives, member by member: decided here, and under which contract each must stand.

Invariants:
1. The members of a set are those that its signed list names, and the manifest's words follow from them.
2. Every member is decided for itself, by this side's own contracts and rules; a refusal names the member.
3. What must hold of a member is computed here, and compared with what was signed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from data_contracts import policy
from data_contracts.errors import NotVerifiableError, UsageError
from data_contracts.labels import Labels
from data_contracts.model import Contract
from data_contracts.projection import project
from environments.boundary.answering import Arriving
from environments.boundary.contents import Contents
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import Member
from environments.boundary.manifest import Manifest
from environments.boundary.members import MemberTerms, check_summary
from environments.boundary.result import GateRule

__all__ = [
    "DecidedMember",
    "LawfulMember",
    "about_member",
    "decide_members",
    "project_members",
    "with_members",
]


@dataclass(frozen=True)
class DecidedMember:
    """One member, the contract that is declared for it here, and the decision."""

    terms: MemberTerms
    contract: Contract | None
    decision: policy.Decision

    @property
    def permitted(self) -> bool:
        """Whether it may come in, under a contract that is declared here."""
        return self.contract is not None and self.decision.permitted


@dataclass(frozen=True)
class LawfulMember:
    """One member that may come in, and what must hold of it."""

    decided: DecidedMember
    arrival: Contract

    @property
    def terms(self) -> MemberTerms:
        """What the source says of it."""
        return self.decided.terms


def with_members(arriving: Arriving, contents: Contents) -> Arriving:
    """Return what arrives with the members that its list names, if they are those that were signed."""
    manifest = arriving.manifest
    check_summary(manifest, contents.members)
    members = tuple(Member(member.name, member.source_version) for member in contents.members)
    return replace(arriving, manifest=replace(manifest, request=replace(manifest.request, members=members)))


def decide_members(
    env: EnvironmentContext, arriving: Arriving, members: tuple[MemberTerms, ...]
) -> list[DecidedMember]:
    """Decide for every member; those of one contract and the same labels are one question."""
    made: dict[tuple[str, str, Labels], tuple[Contract | None, policy.Decision]] = {}
    for terms in members:
        key = terms.contract, terms.contract_digest, terms.labels
        if key in made:
            continue
        contract = _declared(env, terms)
        made[key] = (
            contract,
            env.engine.decide(
                policy.CrossingRequest(
                    contract=contract,
                    source=env.peer(arriving.manifest.source).destination(),
                    destination=env.profile.destination(),
                    purpose=arriving.manifest.request.purpose,
                    labels=terms.labels,
                    organisation=env.organisation,
                    requester=arriving.asker.name,
                    attribution=arriving.asker.reason,
                )
            ),
        )
    return [
        DecidedMember(terms, *made[terms.contract, terms.contract_digest, terms.labels]) for terms in members
    ]


def about_member(
    decided: DecidedMember, members: tuple[MemberTerms, ...], rules: tuple[GateRule, ...]
) -> tuple[GateRule, ...]:
    """Return one member's rules; of a set, each names the member that it is about."""
    if len(members) == 1:
        return rules
    return tuple(replace(rule, id=f"{decided.terms.name}:{rule.id}") for rule in rules)


def _declared(env: EnvironmentContext, terms: MemberTerms) -> Contract | None:
    """Return the source's contract if it is declared here too, with the very words that were signed."""
    try:
        contract = env.contracts.get(terms.contract)
    except UsageError:
        return None
    return contract if contract.digest == terms.contract_digest else None


def project_members(
    env: EnvironmentContext, manifest: Manifest, decided: list[DecidedMember]
) -> list[LawfulMember]:
    """Compute what must hold of each member, and compare it with what was signed."""
    made: dict[str, Contract] = {}
    members = []
    for each in decided:
        if each.contract is None:
            raise NotVerifiableError("a member without a contract that is declared here")
        if each.contract.digest not in made:
            projected = project(each.contract, env.profile.destination(), manifest.request.purpose)
            made[each.contract.digest] = projected
        arrival = made[each.contract.digest]
        _same_arrival(each.terms, arrival)
        members.append(LawfulMember(each, arrival))
    return members


def _same_arrival(terms: MemberTerms, arrival: Contract) -> None:
    if (arrival.reference, arrival.digest) != (terms.arrival, terms.arrival_digest):
        raise NotVerifiableError(
            "the two sides disagree about what must hold at the destination",
            remedy="compare both sides' contracts and environments, and their versions of Isthmus",
        )
    if (arrival.model is not None) != (terms.kind == "model"):
        raise NotVerifiableError("the manifest calls it by another kind than its contract does")
