"""A request at its source: resolved by the source's own store and contracts, and decided.

Invariants:
1. The asset's record and its contract are the store's own; what a caller claims of them is not read.
2. A contract counts only if it is declared here with the very words that the asset was committed under.
3. Who asks is what a signed statement proves here (`asker`); a name that comes with the request is not read.
4. No byte of the data is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from data_contracts import policy
from data_contracts.errors import UsageError
from data_contracts.model import Contract
from environments.boundary.asker import NOBODY, Asker, who_asks
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import CrossingRequest, crossing_id
from environments.stores import AssetRecord

__all__ = ["Asked", "decide", "resolve"]


@dataclass(frozen=True)
class Asked:
    """One request with what the source itself knows about it, and who approved it where that is needed."""

    request: CrossingRequest
    crossing: str
    record: AssetRecord
    contract: Contract | None
    asker: Asker = NOBODY
    approvals: tuple[str, ...] = ()


def resolve(
    env: EnvironmentContext,
    request: CrossingRequest,
    signed: bytes | None = None,
    *,
    rehearsal: bool = False,
) -> Asked:
    """Return the request with the store's record, the declared contract, and who asks.

    Raises:
        UsageError: no such asset, version or environment.
    """
    env.peer(request.destination)
    record = env.store.record(request.name, request.version)
    crossing = crossing_id(env.name, request, record.contract_digest)
    asker = who_asks(
        env,
        signed,
        source=env.name,
        request=request,
        crossing=crossing,
        signed_at=env.clock(),
        rehearsal=rehearsal,
    )
    return Asked(replace(request, requester=asker.name), crossing, record, _declared(env, record), asker)


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
            requester=asked.asker.name,
            attribution=asked.asker.reason,
        )
    )
