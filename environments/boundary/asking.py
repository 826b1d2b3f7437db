"""A request at its source: resolved by the source's own store and contracts, and decided.

Invariants:
1. The asset's record and its contract are the store's own; what a caller claims of them is not read.
2. A contract counts only if it is declared here with the very words that the asset was committed under.
3. Who asks is what a signed statement proves here (`asker`); a name that comes with the request is not read.
4. Of a set every member is decided for itself, and all must permit.
5. No byte of the data is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from data_contracts import policy
from data_contracts.errors import UsageError
from data_contracts.labels import Labels
from data_contracts.model import Contract
from environments.boundary.asker import NOBODY, Asker, who_asks
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import CrossingRequest, Member, crossing_id
from environments.boundary.members import list_digest
from environments.boundary.result import GateRule, denied_rules
from environments.stores import AssetRecord

__all__ = ["Asked", "AskedMember", "Decided", "contract_of", "decide", "resolve"]


@dataclass(frozen=True)
class AskedMember:
    """One asset version with what the source itself knows about it."""

    record: AssetRecord
    contract: Contract | None

    @property
    def name(self) -> str:
        """The asset's name."""
        return self.record.name


@dataclass(frozen=True)
class Asked:
    """One request, what the source itself knows about each asset, and who approved it where need be.

    Of what was queued, `letter` is put beside the manifest: the signed statement of who asks, or nothing.
    """

    request: CrossingRequest
    crossing: str
    members: tuple[AskedMember, ...]
    asker: Asker = NOBODY
    approvals: tuple[str, ...] = ()
    letter: bytes | None = field(default=None, repr=False)

    @property
    def contract_digest(self) -> str:
        """The contract's digest; of a set, that of the list of its members'."""
        return _contracts([member.record for member in self.members])

    @property
    def contract_ref(self) -> str:
        """The contract's `id@version`; of a set, the digest of the list of its members'."""
        return _contract_ref([member.record for member in self.members])

    def about(self, member: AskedMember, rules: Iterable[GateRule]) -> tuple[GateRule, ...]:
        """Return a member's rules as the request's; of a set, each names the member that it is about."""
        if len(self.members) == 1:
            return tuple(rules)
        return tuple(replace(rule, id=f"{member.name}:{rule.id}") for rule in rules)


@dataclass(frozen=True)
class Decided:
    """The source's decisions, one for each member: all must permit."""

    asked: Asked
    decisions: tuple[policy.Decision, ...]

    @property
    def permitted(self) -> bool:
        """Whether every member may cross, under a contract that is declared here."""
        declared = all(member.contract is not None for member in self.asked.members)
        return declared and all(decision.permitted for decision in self.decisions)

    @property
    def denials(self) -> tuple[GateRule, ...]:
        """The rules that deny, with the members that they deny."""
        pairs = zip(self.asked.members, self.decisions, strict=True)
        return tuple(
            rule
            for member, decision in pairs
            for rule in self.asked.about(member, denied_rules(decision.denials))
        )

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of each decision."""
        return tuple(decision.digest for decision in self.decisions)

    @property
    def digest(self) -> str:
        """The digest of the decision; of a set, that of the list of its members'."""
        return self.digests[0] if len(self.digests) == 1 else list_digest(self.digests)


def resolve(
    env: EnvironmentContext,
    request: CrossingRequest,
    signed: bytes | None = None,
    *,
    rehearsal: bool = False,
) -> Asked:
    """Return the request with the store's records, the declared contracts, and who asks.

    Raises:
        UsageError: no such asset, version or environment.
    """
    env.peer(request.destination)
    records = [_record(env, request, member) for member in request.assets]
    crossing = crossing_id(env.name, request, _contracts(records))
    asker = who_asks(
        env,
        signed,
        source=env.name,
        request=request,
        crossing=crossing,
        signed_at=env.clock(),
        rehearsal=rehearsal,
    )
    declared: dict[tuple[str, str], Contract | None] = {}
    for record in records:
        key = record.contract_ref, record.contract_digest
        if key not in declared:
            declared[key] = _declared(env, record)
    members = tuple(
        AskedMember(record, declared[record.contract_ref, record.contract_digest]) for record in records
    )
    return Asked(replace(request, requester=asker.name), crossing, members, asker)


def contract_of(env: EnvironmentContext, request: CrossingRequest) -> str:
    """Return how a ledger calls the contract of what is asked for; see `Asked.contract_ref`.

    Raises:
        UsageError: no such asset or version.
    """
    return _contract_ref([_record(env, request, member) for member in request.assets])


def _contract_ref(records: Sequence[AssetRecord]) -> str:
    return records[0].contract_ref if len(records) == 1 else _contracts(records)


def _record(env: EnvironmentContext, request: CrossingRequest, member: Member) -> AssetRecord:
    try:
        return env.store.record(member.name, member.version)
    except UsageError as error:
        if not request.members:
            raise
        raise UsageError(
            f"the set lacks a member, and nothing was sent: {error}", remedy=error.remedy
        ) from None


def _contracts(records: Sequence[AssetRecord]) -> str:
    digests = [record.contract_digest for record in records]
    return digests[0] if len(digests) == 1 else list_digest(digests)


def _declared(env: EnvironmentContext, record: AssetRecord) -> Contract | None:
    """Return the asset's contract if it is declared here, with the very words it was committed under."""
    try:
        contract = env.contracts.get(record.contract_ref)
    except UsageError:
        return None
    return contract if contract.digest == record.contract_digest else None


def decide(env: EnvironmentContext, asked: Asked) -> Decided:
    """Decide as the source, for each member; those of one contract and the same labels are one question."""
    made: dict[tuple[str, Labels], policy.Decision] = {}
    for member in asked.members:
        key = member.record.contract_digest, member.record.labels
        if key not in made:
            made[key] = _decide(env, asked, member)
    return Decided(asked, tuple(made[m.record.contract_digest, m.record.labels] for m in asked.members))


def _decide(env: EnvironmentContext, asked: Asked, member: AskedMember) -> policy.Decision:
    return env.engine.decide(
        policy.CrossingRequest(
            contract=member.contract,
            source=env.profile.destination(),
            destination=env.peer(asked.request.destination).destination(),
            purpose=asked.request.purpose,
            labels=member.record.labels,
            organisation=env.organisation,
            requester=asked.asker.name,
            attribution=asked.asker.reason,
        )
    )
