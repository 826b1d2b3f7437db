"""May it cross? One total function over facts: contract, terms, policy, and both sides' own rules.

Invariants:
1. Every rule is evaluated and named; the first denial does not hide the next.
2. Absent, unknown or empty denies. Only a decision in which every rule permits is a permission.
3. Facts in, decision out: no clock, no file, no randomness. The same request gives the same decision
   and the same digest, wherever it is made.

The rules, in order: `contract`, `terms`, `destination`, `purpose`, `clearance`, `source-egress`,
`destination-ingress`, `organisation`. A missing contract denies
as `no-contract`, missing terms as `no-terms`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from data_contracts.destination import ANY, Destination, TransferRule
from data_contracts.labels import Labels
from data_contracts.model import Contract
from data_contracts.terms import CrossingTerms

__all__ = ["CrossingRequest", "Decision", "DecisionRule", "Outcome", "decide", "select_terms"]

Outcome = Literal["permit", "deny", "permit-with-obligations"]
NO_ORGANISATION_RULES = (TransferRule((ANY,), (ANY,), (ANY,)),)


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
    """

    contract: Contract | None
    source: Destination
    destination: Destination
    purpose: str
    labels: Labels
    organisation: tuple[TransferRule, ...] = NO_ORGANISATION_RULES


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

    @property
    def digest(self) -> str:
        """The digest of the decision, for manifest and ledger."""
        raise NotImplementedError


def select_terms(contract: Contract, destination: Destination, purpose: str) -> CrossingTerms | None:
    """Return the terms that apply to the destination and purpose, or None: then nothing may cross."""
    return contract.terms.select(destination, purpose) if contract.terms is not None else None


def decide(request: CrossingRequest) -> Decision:
    """Decide one crossing."""
    raise NotImplementedError
