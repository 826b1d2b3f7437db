"""The two sides of a crossing, as a contract's terms and the policy see them.

Invariants:
1. A `TransferRule` is an allow list. What it does not name, it denies; an empty list denies all.
   `*` stands for any, and is written out where it is meant.
2. A set of rules permits what at least one of them permits; an empty set permits nothing.
3. Of who asks, a line that takes `unattributed` takes everybody: whoever has a name is known at least as
   well, so that leaving a signature away opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from data_contracts.labels import Classification

__all__ = [
    "ANY",
    "ANYBODY",
    "UNATTRIBUTED",
    "Destination",
    "OrganisationRule",
    "TransferRule",
    "permits",
]

ANY = "*"
UNATTRIBUTED = "unattributed"
"""Who asks, where no key that counts signed for it."""
ANYBODY = (ANY, UNATTRIBUTED)
"""What a line says of requesters that says nothing of them."""


@dataclass(frozen=True)
class TransferRule:
    """One line of an environment's egress or ingress rules.

    Attributes:
        environments: names of the environments at the other side, or `*`.
        purposes: names of purposes, or `*`.
        contracts: ids of contracts (no version) as the source names them, or `*`.
        requesters: names that the trust document lists, `*` for any of those, or `unattributed` for
            everybody.
    """

    environments: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()
    requesters: tuple[str, ...] = ANYBODY

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

    def admits(self, requester: str) -> bool:
        """Whether this line is for who asks; a name is one that the trust document lists, or nobody's."""
        if requester in ("", ANY):
            return False
        if UNATTRIBUTED in self.requesters:
            return True
        return requester != UNATTRIBUTED and (ANY in self.requesters or requester in self.requesters)


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
