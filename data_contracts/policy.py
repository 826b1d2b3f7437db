"""May it cross? One total function over facts: contract, terms, policy, and both sides' own rules.

Invariants:
1. Every rule is evaluated and named; the first denial does not hide the next.
2. Absent, unknown or empty denies. Only a decision in which every rule permits is a permission.
3. Facts in, decision out: no clock, no file, no randomness. The same request gives the same decision
   and the same digest, wherever it is made.

The rules, in order: `contract`, `terms`, `destination`, `purpose`, `clearance`, `source-egress`,
`destination-ingress`, `organisation`, `requester`. A missing contract denies
as `no-contract`, missing terms as `no-terms`. Where no terms apply nothing would arrive, and `clearance`
has nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from data_contracts.destination import (
    ANY,
    UNATTRIBUTED,
    Destination,
    OrganisationRule,
    TransferRule,
    permits,
)
from data_contracts.digest import digest_json
from data_contracts.labels import Classification, Labels, join
from data_contracts.model import Contract
from data_contracts.obligations import OBLIGATIONS
from data_contracts.terms import CrossingTerms

__all__ = [
    "CrossingRequest",
    "Decision",
    "DecisionRule",
    "Outcome",
    "arrival_labels",
    "decide",
    "named_purposes",
    "select_terms",
]

Outcome = Literal["permit", "deny", "permit-with-obligations"]
NO_ORGANISATION_RULES = (OrganisationRule((ANY,), TransferRule((ANY,), (ANY,), (ANY,))),)
"""What holds where an organisation has declared nothing: it adds nothing to terms and sides."""


@dataclass(frozen=True)
class CrossingRequest:
    """What is asked, and the facts to decide it on.

    Attributes:
        contract: the contract that the asset carries in the source's store; None denies.
        source: the source's own profile, with its egress rules.
        destination: the destination's profile, with its ingress rules.
        purpose: what for.
        labels: the labels of the store's own record, never what a ref claims.
        organisation: the organisation's allow list; by default it adds nothing to terms and sides.
        requester: who asks, by a key that whoever decides here believes; else `unattributed`.
        attribution: why it is nobody's, where it is: a code for the reason's text, never for the rule.
    """

    contract: Contract | None
    source: Destination
    destination: Destination
    purpose: str
    labels: Labels
    organisation: tuple[OrganisationRule, ...] = NO_ORGANISATION_RULES
    requester: str = UNATTRIBUTED
    attribution: str = "unsigned"


@dataclass(frozen=True)
class DecisionRule:
    """One rule's word, with the reason for people."""

    id: str
    effect: Literal["permit", "deny"]
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the rule as a JSON value."""
        return {"id": self.id, "effect": self.effect, "reason": self.reason}


@dataclass(frozen=True)
class Decision:
    """What was decided and why.

    Attributes:
        outcome: `permit`, `deny` or `permit-with-obligations`.
        rules: every rule, in the order of the module's text.
        obligations: `column: obligation` for all but `keep`; empty where denied.
        labels: what the asset would carry at the destination; the source's own where denied.
    """

    outcome: Outcome
    rules: tuple[DecisionRule, ...]
    obligations: tuple[tuple[str, str], ...] = ()
    labels: Labels = field(default_factory=Labels)

    @property
    def permitted(self) -> bool:
        """Whether it may cross, in the form that the obligations give it."""
        return self.outcome != "deny"

    @property
    def denials(self) -> tuple[DecisionRule, ...]:
        """The rules that deny."""
        return tuple(rule for rule in self.rules if rule.effect == "deny")

    @cached_property
    def digest(self) -> str:
        """The digest of the decision, for manifest and ledger."""
        return digest_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the decision as a JSON value."""
        return {
            "outcome": self.outcome,
            "rules": [rule.to_json() for rule in self.rules],
            "obligations": [list(pair) for pair in self.obligations],
            "labels": self.labels.to_json(),
        }


def select_terms(contract: Contract, destination: Destination, purpose: str) -> CrossingTerms | None:
    """Return the terms that apply to the destination and purpose, or None: then nothing may cross."""
    return contract.terms.select(destination, purpose) if contract.terms is not None else None


def named_purposes(contracts: Iterable[Contract], sides: Iterable[Destination]) -> frozenset[str]:
    """Return every purpose that some contract's terms or some side's own rules name.

    This is a vocabulary, not a permission: `decide` looks at the terms and rules of one crossing alone.
    """
    terms = (contract.terms for contract in contracts if contract.terms is not None)
    named = {purpose for term in terms for crossing in term.crossings for purpose in crossing.purposes}
    for side in sides:
        named.update(purpose for rule in (*side.egress, *side.ingress) for purpose in rule.purposes)
    return frozenset(named - {ANY})


def arrival_labels(contract: Contract, terms: CrossingTerms, recorded: Labels) -> Labels:
    """Return the labels that the asset would carry at the destination.

    Each column brings what its obligation leaves of its labels. What the store's record holds beyond the
    contract's own labels (something inherited) sticks as it is: no obligation was declared for it.
    """
    if contract.model is not None:
        return join(contract.labels, recorded)
    columns = {column.name: column for column in contract.object.columns}
    parts = [
        OBLIGATIONS[treatment.obligation].labels(columns[name].labels)
        for name, treatment in terms.columns.items()
    ]
    own = contract.labels
    inherited = Labels(
        recorded.classification if recorded.classification > own.classification else Classification.PUBLIC,
        recorded.categories - own.categories,
    )
    return join(inherited, *parts)


def decide(request: CrossingRequest) -> Decision:
    """Decide one crossing; every rule speaks, and one denial denies."""
    contract = request.contract
    if contract is None:
        reason = "the asset carries no contract; without one nothing crosses"
        return Decision("deny", (DecisionRule("no-contract", "deny", reason),), labels=request.labels)
    rules = [DecisionRule("contract", "permit", f"the asset carries {contract.reference}")]
    terms = select_terms(contract, request.destination, request.purpose)
    rules.extend(_terms_rules(contract, request))
    arriving = request.labels
    if terms is not None:
        arriving = arrival_labels(contract, terms, request.labels)
        rules.append(_clearance(arriving, request.destination))
    rules.extend(_side_rules(contract, request))
    if any(rule.effect == "deny" for rule in rules) or terms is None:
        return Decision("deny", tuple(rules), labels=request.labels)
    obligations = tuple(
        sorted((name, t.obligation) for name, t in terms.columns.items() if t.obligation != "keep")
    )
    return Decision(
        "permit-with-obligations" if obligations else "permit", tuple(rules), obligations, arriving
    )


def _terms_rules(contract: Contract, request: CrossingRequest) -> list[DecisionRule]:
    """Say whether there are terms, whether they reach the destination, and whether for this purpose."""
    name, purpose = request.destination.environment, request.purpose
    if contract.terms is None:
        reason = f"{contract.reference} has no boundary terms: it may be checked, and never crosses"
        return [DecisionRule("no-terms", "deny", reason)]
    rules = [DecisionRule("terms", "permit", "the contract has boundary terms")]
    if not contract.terms.reach(request.destination):
        return [
            *rules,
            DecisionRule("destination", "deny", f"no crossing of {contract.reference} is to {name}"),
        ]
    rules.append(DecisionRule("destination", "permit", f"{contract.reference} has crossings to {name}"))
    if contract.terms.select(request.destination, purpose) is None:
        reason = f"no crossing of {contract.reference} to {name} is for {purpose}"
        return [*rules, DecisionRule("purpose", "deny", reason)]
    return [*rules, DecisionRule("purpose", "permit", f"a crossing to {name} is for {purpose}")]


def _clearance(arriving: Labels, destination: Destination) -> DecisionRule:
    highest, clearance = arriving.classification, destination.clearance
    if highest > clearance:
        reason = (
            f"what would arrive is {highest.word}; {destination.environment} is cleared for {clearance.word}"
        )
        return DecisionRule("clearance", "deny", reason)
    return DecisionRule(
        "clearance", "permit", f"what would arrive is {highest.word}, within {clearance.word}"
    )


def _side_rules(contract: Contract, request: CrossingRequest) -> list[DecisionRule]:
    """Say what the source's, the destination's and the organisation's own allow lists say."""
    source, destination = request.source, request.destination
    asked = (
        ("source-egress", source.egress, destination.environment, f"{source.environment}'s egress rule"),
        (
            "destination-ingress",
            destination.ingress,
            source.environment,
            f"{destination.environment}'s ingress rule",
        ),
    )
    rules = []
    for identity, allowed, other, whose in asked:
        permitted = permits(allowed, other, request.purpose, contract.id)
        word = "permits it" if permitted else f"does not list {other}, {request.purpose}, {contract.id}"
        rules.append(DecisionRule(identity, "permit" if permitted else "deny", f"{whose} {word}"))
    return [*rules, _organisation(contract, request), _requester(contract, request)]


def _organisation(contract: Contract, request: CrossingRequest) -> DecisionRule:
    """Say what the organisation's allow list says of this way, purpose and contract."""
    ends = request.source.environment, request.destination.environment
    if any(rule.matches(*ends, request.purpose, contract.id) for rule in request.organisation):
        return DecisionRule("organisation", "permit", "the organisation's rule permits it")
    way = " to ".join(ends)
    reason = f"the organisation's rule does not list {way}, {request.purpose}, {contract.id}"
    return DecisionRule("organisation", "deny", reason)


def _requester(contract: Contract, request: CrossingRequest) -> DecisionRule:
    """Say whether each list that has lines for this crossing has one that is also for who asks.

    A list without a line for it denies by its own rule; a request that names nobody at all is denied here.
    """
    source, destination, purpose = request.source, request.destination, request.purpose
    ends = source.environment, destination.environment
    lines = (
        (
            f"{ends[0]}'s egress rule",
            [rule for rule in source.egress if rule.matches(ends[1], purpose, contract.id)],
        ),
        (
            f"{ends[1]}'s ingress rule",
            [rule for rule in destination.ingress if rule.matches(ends[0], purpose, contract.id)],
        ),
        (
            "the organisation's rule",
            [rule.transfer for rule in request.organisation if rule.matches(*ends, purpose, contract.id)],
        ),
    )
    who = request.requester
    if who in ("", ANY):
        return DecisionRule("requester", "deny", "the request does not say who asks")
    against = [whose for whose, found in lines if found and not any(rule.admits(who) for rule in found)]
    if not against:
        return DecisionRule("requester", "permit", f"asked by {who}, enough for every list's lines")
    nobody = f"{UNATTRIBUTED} ({request.attribution})" if who == UNATTRIBUTED else who
    reason = f"asked by {nobody}: no line of {', nor of '.join(against)}, is for that requester"
    return DecisionRule("requester", "deny", reason)
