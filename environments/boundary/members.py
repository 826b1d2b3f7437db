"""What a set's source says of each member. It crosses encrypted, in the signed list of contents.

Invariants:
1. Members are sorted by name, each asset once, at least two and at most `MAX_MEMBERS`.
2. What a manifest says of a set follows from its members (design §4): versions and contracts as digests of
   lists, labels joined, rows summed. `check_summary` computes it again; nobody's word is taken for it.

Example:
    >>> summary(contents.members)["version"] == manifest.version
    True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError, UsageError
from data_contracts.labels import Labels, join
from environments.boundary.crossing import MAX_MEMBERS, Member, set_digest
from environments.boundary.shape import Fields
from environments.stores.record import canonical_list

if TYPE_CHECKING:
    from environments.boundary.manifest import Manifest

__all__ = ["MemberTerms", "check_summary", "list_digest", "read_members", "summary"]

_KEYS = {
    "name", "source_version", "contract", "contract_digest", "arrival", "arrival_digest", "decision",
    "labels", "kind", "version", "rows", "files",
}  # fmt: skip


@dataclass(frozen=True)
class MemberTerms:
    """One member; each field is as in a manifest of it alone.

    Attributes:
        files: how many it has, of the list of contents.
    """

    name: str
    source_version: str
    contract: str
    contract_digest: str
    arrival: str
    arrival_digest: str
    decision: str
    labels: Labels
    kind: Literal["data", "model"]
    version: str
    rows: int
    files: int

    @classmethod
    def of(cls, manifest: Manifest) -> MemberTerms:
        """Return the one member of a manifest that is of one asset."""
        return cls(
            name=manifest.request.name,
            source_version=manifest.request.version,
            contract=manifest.contract,
            contract_digest=manifest.contract_digest,
            arrival=manifest.arrival,
            arrival_digest=manifest.arrival_digest,
            decision=manifest.decision,
            labels=manifest.labels,
            kind="model" if manifest.kind == "model" else "data",
            version=manifest.version,
            rows=manifest.rows,
            files=0,
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in the list of contents."""
        return vars(self) | {"labels": self.labels.to_json()}


def read_members(items: object) -> tuple[MemberTerms, ...]:
    """Read a set's members strictly.

    Raises:
        NotVerifiableError: they are not of their form.
    """
    what = "the list of members"
    if not isinstance(items, list) or not 2 <= len(items) <= MAX_MEMBERS:  # noqa: PLR2004 - one is no set
        raise NotVerifiableError(f"{what}: not 2 to {MAX_MEMBERS} members")
    members = tuple(_read(Fields(item, _KEYS, what)) for item in items)
    names = [member.name for member in members]
    if names != sorted(set(names)):
        raise NotVerifiableError(f"{what}: unsorted, or one asset twice")
    return members


def _read(fields: Fields) -> MemberTerms:
    kind = fields.text("kind")
    if kind not in ("data", "model"):
        raise NotVerifiableError("the list of members: a kind that this version does not read")
    try:
        labels = Labels.from_json(fields.raw("labels"))
    except (UsageError, AttributeError, TypeError):
        raise NotVerifiableError("the list of members: labels that are none") from None
    return MemberTerms(
        name=fields.name("name"),
        source_version=fields.digest("source_version"),
        contract=fields.contract("contract"),
        contract_digest=fields.digest("contract_digest"),
        arrival=fields.contract("arrival"),
        arrival_digest=fields.digest("arrival_digest"),
        decision=fields.digest("decision"),
        labels=labels,
        kind="data" if kind == "data" else "model",
        version=fields.digest("version"),
        rows=fields.count("rows"),
        files=fields.count("files", least=1),
    )


def list_digest(digests: Sequence[str]) -> str:
    """Return the digest of a list of digests, in the order of the members' names."""
    return digest_bytes(canonical_list(list(digests)))


def summary(members: Sequence[MemberTerms]) -> dict[str, Any]:
    """Return what a manifest says of a set."""
    return {
        "contract_digest": list_digest([member.contract_digest for member in members]),
        "arrival_digest": list_digest([member.arrival_digest for member in members]),
        "decision": list_digest([member.decision for member in members]),
        "labels": join(*(member.labels for member in members)),
        "version": set_digest(Member(member.name, member.version) for member in members),
        "rows": sum(member.rows for member in members),
    }


def check_summary(manifest: Manifest, members: Sequence[MemberTerms]) -> None:
    """Return if a manifest's words follow from the members.

    Raises:
        NotVerifiableError: a member is missing, too many, or another one than was signed.
    """
    sent = set_digest(Member(member.name, member.source_version) for member in members)
    told = {key: getattr(manifest, key) for key in summary(members)}
    if manifest.count != len(members) or sent != manifest.request.version or told != summary(members):
        raise NotVerifiableError("the members that are listed are not those of the set that was signed")
