"""A request at its source: resolved by the source's own store and contracts, and decided.

Invariants:
1. The asset's record and its contract are the store's own; what a caller claims of them is not read.
2. A contract counts only if it is declared here with the very words that the asset was committed under.
3. No byte of the data is read.
"""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts import policy
from data_contracts.errors import UsageError
from data_contracts.model import Contract
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import CrossingRequest, crossing_id
from environments.stores import AssetRecord

__all__ = ["Asked", "decide", "resolve"]


@dataclass(frozen=True)
class Asked:
    """One request with what the source itself knows about it."""

    request: CrossingRequest
    crossing: str
    record: AssetRecord
    contract: Contract | None


def resolve(env: EnvironmentContext, request: CrossingRequest) -> Asked:
    """Return the request with the store's record and the declared contract.

    Raises:
        UsageError: no such asset, version or environment.
    """
    env.peer(request.destination)
    record = env.store.record(request.name, request.version)
    crossing = crossing_id(env.name, request, record.contract_digest)
    return Asked(request, crossing, record, _declared(env, record))


def _declared(env: EnvironmentContext, record: AssetRecord) -> Contract | None:
    """Return the asset's contract if it is declared here, with the very words it was committed under."""
    try:
        contract = env.contracts.get(record.contract_ref)
    except UsageError:
        return None
    return contract if contract.digest == record.contract_digest else None


def decide(env: EnvironmentContext, asked: Asked) -> policy.Decision:
    """Decide as the source."""
    return env.engine.decide(
        policy.CrossingRequest(
            contract=asked.contract,
            source=env.profile.destination(),
            destination=env.peer(asked.request.destination).destination(),
            purpose=asked.request.purpose,
            labels=asked.record.labels,
            organisation=env.organisation,
        )
    )
