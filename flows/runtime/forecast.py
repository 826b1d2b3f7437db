"""What one crossing will do, as far as terms and policy say before the data is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from data_contracts.destination import Destination
from data_contracts.errors import IsthmusError
from data_contracts.labels import Labels
from data_contracts.model import Contract
from data_contracts.policy import Decision, select_terms
from data_contracts.projection import project
from data_contracts.terms import CrossingTerms, Treatment
from flows.runtime.plan import Crossing
from flows.runtime.program import SyncNode

__all__ = ["Holding", "arrival_of", "forecast", "spent", "together"]


@dataclass(frozen=True)
class Holding:
    """What a link stands for.

    Attributes:
        title: for people.
        contract: under which it is.
        labels: what sticks to it, as far as can be known.
        size: bytes.
        environment: where it is; None until placement says.
        producer: the step call that decides where it is, while `environment` is None.
        inherits: the producer's input whose contract it carries.
    """

    title: str
    contract: Contract
    labels: Labels
    size: int
    environment: str | None
    producer: str | None = None
    inherits: str | None = None


def arrival_of(contract: Contract, destination: Destination, purpose: str) -> Contract | None:
    """Return the contract under which it would arrive; None where nothing may."""
    if select_terms(contract, destination, purpose) is None:
        return None
    try:
        return project(contract, destination, purpose)
    except IsthmusError:
        # No arrival contract, no crossing: the gate will say why. The plan shows it as denied.
        return None


def forecast(
    node: SyncNode, held: Holding, decision: Decision, arrival: Contract | None, destination: Destination
) -> Crossing:
    """Return what the crossing will do; `arrival` is what it would arrive under."""
    terms = select_terms(held.contract, destination, node.purpose)
    permitted = decision.permitted and arrival is not None
    return Crossing(
        asset=held.title,
        source=str(held.environment),
        destination=node.to,
        purpose=node.purpose,
        contract=held.contract.reference,
        arrival=arrival.reference if arrival is not None and permitted else None,
        outcome=decision.outcome if permitted else "deny",
        denials=tuple((rule.id, rule.reason) for rule in decision.denials),
        columns=_columns(held.contract, terms.columns if terms is not None and permitted else {}),
        size=held.size,
        inserted=node.inserted,
        asks=_asks(terms) if terms is not None and permitted else {},
    )


def together(members: tuple[Crossing, ...]) -> Crossing:
    """Return what a set will do: it is permitted if every member is, and a refusal names the member."""
    first = members[0]
    refused = any(member.outcome == "deny" for member in members)
    changed = any(member.outcome == "permit-with-obligations" for member in members)
    arrivals = [member.arrival for member in members if member.arrival is not None]
    return replace(
        first,
        asset=", ".join(member.asset for member in members),
        contract=", ".join(member.contract for member in members),
        arrival=None if refused else ", ".join(arrivals),
        outcome=first.outcome if first.local else _worst(refused=refused, changed=changed),
        denials=tuple(
            (f"{member.asset}:{rule}", reason) for member in members for rule, reason in member.denials
        ),
        columns={},
        asks={},
        size=sum(member.size for member in members),
        members=members,
    )


def _worst(*, refused: bool, changed: bool) -> str:
    if refused:
        return "deny"
    return "permit-with-obligations" if changed else "permit"


def _asks(terms: CrossingTerms) -> dict[str, Any]:
    """Return what the terms ask of the rows as a whole, as JSON values; nothing where they ask nothing."""
    asks: dict[str, Any] = {}
    if terms.rows is not None:
        asks["rows"] = terms.rows.text
    if terms.anonymity is not None:
        asks["anonymity"] = {
            "k": terms.anonymity.k,
            "quasi_identifiers": list(terms.anonymity.quasi_identifiers),
            "distinct": dict(terms.anonymity.sensitive),
            "max_suppressed": terms.anonymity.max_suppressed,
        }
    if terms.minimum_cell is not None:
        asks["minimum_cell"] = {
            "columns": list(terms.minimum_cell.columns),
            "least": terms.minimum_cell.least,
        }
    return asks


def spent(contract: Contract) -> Contract:
    """Return the contract without terms: what has no arrival contract crosses no further."""
    return replace(contract, terms=None)


def _columns(contract: Contract, columns: Mapping[str, Treatment]) -> dict[str, str]:
    if contract.model is not None:
        return {}
    return {
        name: _words(columns[name]) if name in columns else "may not cross"
        for name in contract.object.names
        if columns
    }


def _words(treatment: Treatment) -> str:
    details = [f"{key} {_plain(value)}" for key, value in sorted(treatment.parameters.items())]
    return " ".join([treatment.obligation, *details])


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
