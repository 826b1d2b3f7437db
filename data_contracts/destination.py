"""The two sides of a crossing, as a contract's terms and the policy see them.

Invariants:
1. A `TransferRule` is an allow list. What it does not name, it denies; an empty list denies all.
   `*` stands for any, and is written out where it is meant.
2. A set of rules permits what at least one of them permits; an empty set permits nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from data_contracts.labels import Classification

__all__ = ["ANY", "Destination", "OrganisationRule", "TransferRule", "permits"]

ANY = "*"


@dataclass(frozen=True)
class TransferRule:
    """One line of an environment's egress or ingress rules.

    Attributes:
        environments: names of the environments at the other side, or `*`.
        purposes: names of purposes, or `*`.
        contracts: ids of contracts (no version) as the source names them, or `*`.
    """

    environments: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()

    def matches(self, environment: str, purpose: str, contract_id: str) -> bool:
        """Whether this line permits it."""
        return all(
            ANY in allowed or word in allowed
            for allowed, word in (
                (self.environments, environment),
                (self.purposes, purpose),
                (self.contracts, contract_id),
            )
        )


def permits(rules: Iterable[TransferRule], environment: str, purpose: str, contract_id: str) -> bool:
    """Whether any rule permits it; no rules, no permission."""
    return any(rule.matches(environment, purpose, contract_id) for rule in rules)


@dataclass(frozen=True)
class OrganisationRule:
    """One line of the organisation's allow list: from where, and what to where.

    Attributes:
        sources: names of the environments that data may leave by this line, or `*`.
        transfer: to which environments, for which purposes, under which contracts.
    """

    sources: tuple[str, ...] = ()
    transfer: TransferRule = TransferRule()

    def matches(self, source: str, destination: str, purpose: str, contract_id: str) -> bool:
        """Whether this line permits it."""
        known = ANY in self.sources or source in self.sources
        return known and self.transfer.matches(destination, purpose, contract_id)


@dataclass(frozen=True)
class Destination:
    """What terms and policy may know of one side of a crossing.

    Attributes:
        environment: its name.
        kind: `onprem`, `cloud` or `edge`.
        jurisdiction: as its profile declares it, such as `DE` or `US-CA`.
        clearance: the highest classification that may be there.
        egress: what may leave it (read where it is the source).
        ingress: what may enter it (read where it is the destination).
    """

    environment: str
    kind: str
    jurisdiction: str
    clearance: Classification
    egress: tuple[TransferRule, ...] = field(default=())
    ingress: tuple[TransferRule, ...] = field(default=())
