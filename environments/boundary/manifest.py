"""The manifest: what the source signs about one crossing. The story is: sign, publish, verify, compare.

Invariants:
1. Every field has one form (`shape.Fields`); a missing or unknown one refuses the whole.
2. The crossing id is recomputed from the manifest's own fields: a manifest of another crossing, pair,
   version, contract or purpose is another manifest.
3. It is believed only between `issued` and `expires`, and for at most `MAX_LIFETIME`.
4. It says what, for what and under which rules; never a value, nor a file's name.
5. Of a set (format 2) it names every member as a subject, up to `MAX_SUBJECTS`, and signs the digests of the
   rest; what holds for each member stands in the list of contents, whose digest is signed.

Example:
    >>> raw = seal_manifest(manifest, identity)
    >>> manifest, digest = open_manifest(raw, onprem_public)
    >>> manifest.check_fresh(now)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from data_contracts.errors import NotVerifiableError, UsageError
from data_contracts.labels import Labels
from environments.boundary.crossing import (
    MAX_MEMBERS,
    SET,
    CrossingRequest,
    Member,
    crossing_id,
    set_digest,
)
from environments.boundary.envelope import MANIFEST, make_statement, open_statement, seal_statement
from environments.boundary.sealing import MAX_CHUNKS, MAX_CONTENTS, OVERHEAD
from environments.boundary.shape import Fields
from environments.encoding import decode, encode
from environments.identity import Identity, PublicIdentity
from environments.ledger import Head

__all__ = [
    "LIFETIME",
    "MAX_LIFETIME",
    "SKEW",
    "Manifest",
    "named_members",
    "open_manifest",
    "seal_manifest",
    "stamp",
]

LIFETIME = dt.timedelta(days=7)
"""How long what is sent may lie in a transit: a link that comes and goes has a week."""
MAX_LIFETIME = dt.timedelta(days=31)
SKEW = dt.timedelta(minutes=5)
"""How far the two sides' clocks may differ."""
SUITE = "HPKE-MLKEM768X25519-HKDFSHA256-AES256GCM/AES256GCM/1"
"""The one suite, written down so that a reader knows what it is; nothing is chosen by it."""
MAX_SUBJECTS = 1_000
"""Members that a manifest names one by one; of a larger set it names the set."""
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_KEYS = {
    "format", "crossing", "source", "destination", "request", "requester", "purpose", "name",
    "source_version", "contract", "contract_digest", "arrival", "arrival_digest", "decision", "labels",
    "kind", "version", "rows", "size", "chunks", "contents", "contents_size", "suite", "key", "issued",
    "expires", "ledger", "witnessed", "trace",
}  # fmt: skip
_SET_KEYS = (_KEYS - {"contract", "arrival"}) | {"members"}


def stamp(moment: dt.datetime) -> str:
    """Return a time as manifests and receipts write it: UTC, whole seconds, `Z`."""
    return moment.astimezone(dt.UTC).strftime(_FORMAT)


def _moment(text: str, what: str) -> dt.datetime:
    try:
        moment = dt.datetime.strptime(text, _FORMAT).replace(tzinfo=dt.UTC)
    except ValueError:
        raise NotVerifiableError(f"{what}: not a time in UTC") from None
    if moment.strftime(_FORMAT) != text:
        raise NotVerifiableError(f"{what}: not a time in its one form")
    return moment


@dataclass(frozen=True)
class Manifest:
    """One crossing, as the source signed it.

    Attributes:
        source: the environment that sends.
        request: what was asked, with the source's version.
        contract: `id@version` of the source's contract, and `contract_digest` of its document; of a set,
            nothing and the digest of the list of its members'.
        arrival: `id@version` of what must hold at the destination, and `arrival_digest`; of a set likewise.
        decision: digest of the source's decision.
        labels: of the source's record.
        kind: `data`, `model` or `set`.
        version: what the destination will hold; recomputed there.
        rows: of data; 0 for a model.
        size: bytes of all files.
        chunks: how many distinct chunks there are.
        contents: digest of the encrypted list of contents, and `contents_size` in bytes.
        key: the crossing's key, wrapped for the destination.
        issued: when it was signed, `expires` when it stops to count.
        ledger: the source's head before this egress.
        witnessed: sequence of the destination's head that the source keeps; 0 for none.
        count: how many assets.
        members: of a set, what the destination will hold of each; none where there are too many to name.
    """

    source: str
    request: CrossingRequest
    contract: str
    contract_digest: str
    arrival: str
    arrival_digest: str
    decision: str
    labels: Labels
    kind: Literal["data", "model", "set"]
    version: str
    rows: int
    size: int
    chunks: int
    contents: str
    contents_size: int
    key: bytes = field(repr=False)
    issued: dt.datetime
    expires: dt.datetime
    ledger: Head
    witnessed: int
    count: int = 1
    members: tuple[Member, ...] = ()

    @property
    def crossing(self) -> str:
        """The crossing's id, recomputed."""
        return crossing_id(self.source, self.request, self.contract_digest)

    def check_fresh(self, now: dt.datetime) -> None:
        """Return if the manifest counts at `now`.

        Raises:
            NotVerifiableError: it is not yet or no longer valid, or claims to be for too long.
        """
        if self.expires - self.issued > MAX_LIFETIME:
            raise NotVerifiableError(
                f"the manifest claims to be valid for more than {MAX_LIFETIME.days} days"
            )
        if self.issued > now + SKEW:
            raise NotVerifiableError(
                "the manifest was issued in the future", remedy="compare both sides' clocks"
            )
        if now >= self.expires:
            raise NotVerifiableError(
                "the manifest has expired", remedy="run the egress again: it signs a new one"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the predicate."""
        told = {
            "format": 1,
            "crossing": self.crossing,
            "source": self.source,
            "destination": self.request.destination,
            "request": self.request.request_id,
            "requester": self.request.requester,
            "purpose": self.request.purpose,
            "name": self.request.name,
            "source_version": self.request.version,
            "contract": self.contract,
            "contract_digest": self.contract_digest,
            "arrival": self.arrival,
            "arrival_digest": self.arrival_digest,
            "decision": self.decision,
            "labels": self.labels.to_json(),
            "kind": self.kind,
            "version": self.version,
            "rows": self.rows,
            "size": self.size,
            "chunks": self.chunks,
            "contents": self.contents,
            "contents_size": self.contents_size,
            "suite": SUITE,
            "key": encode(self.key),
            "issued": stamp(self.issued),
            "expires": stamp(self.expires),
            "ledger": self.ledger.to_json(),
            "witnessed": self.witnessed,
            "trace": None,
        }
        if self.kind == "set":
            told |= {"format": 2, "members": self.count}
            told = {key: value for key, value in told.items() if key in _SET_KEYS}
        return told

    @classmethod
    def from_json(cls, value: object) -> Manifest:
        """Read a predicate strictly.

        Raises:
            NotVerifiableError: a field is missing, unknown or not of its form; the crossing id is not
                that of the other fields; the suite is not ours.
        """
        several = isinstance(value, dict) and value.get("kind") == "set"
        fields = Fields(value, _SET_KEYS if several else _KEYS, "the manifest")
        if fields.count("format") != (2 if several else 1):
            raise NotVerifiableError("the manifest: a format that this version does not read")
        if fields.raw("suite") != SUITE:
            raise NotVerifiableError("the manifest: sealed with a suite that is not ours; none is negotiated")
        try:
            request = CrossingRequest(
                fields.name("name"), fields.digest("source_version"), fields.name("destination"),
                fields.name("purpose"), fields.text("request"), fields.text("requester"),
            )  # fmt: skip
            labels = Labels.from_json(fields.raw("labels"))
        except (UsageError, AttributeError, TypeError):
            raise NotVerifiableError("the manifest: a request or labels that are none") from None
        kind = fields.text("kind")
        if kind not in ("data", "model", "set") or fields.raw("trace") is not None:
            raise NotVerifiableError("the manifest: a kind or trace that this version does not read")
        manifest = cls(
            source=fields.name("source"),
            request=request,
            contract="" if several else fields.contract("contract"),
            contract_digest=fields.digest("contract_digest"),
            arrival="" if several else fields.contract("arrival"),
            arrival_digest=fields.digest("arrival_digest"),
            decision=fields.digest("decision"),
            labels=labels,
            kind="set" if several else "data" if kind == "data" else "model",
            version=fields.digest("version"),
            rows=fields.count("rows"),
            size=fields.count("size"),
            chunks=fields.count("chunks", most=MAX_CHUNKS),
            contents=fields.digest("contents"),
            contents_size=fields.count("contents_size", least=1, most=MAX_CONTENTS + OVERHEAD),
            key=decode(fields.raw("key"), what="the wrapped key"),
            issued=_moment(fields.text("issued"), "the manifest's issued"),
            expires=_moment(fields.text("expires"), "the manifest's expires"),
            ledger=Head.from_json(fields.raw("ledger")),
            witnessed=fields.count("witnessed"),
            count=fields.count("members", least=2, most=MAX_MEMBERS) if several else 1,
        )
        if several and request.name != SET:
            raise NotVerifiableError("the manifest: a set that is called by another name")
        if fields.digest("crossing") != manifest.crossing:
            raise NotVerifiableError("the manifest: its crossing id is not that of its own fields")
        return manifest


def seal_manifest(manifest: Manifest, identity: Identity) -> bytes:
    """Return the signed envelope."""
    return seal_statement(_statement(manifest), identity)


def _statement(manifest: Manifest) -> dict[str, Any]:
    named = [(member.name, member.version) for member in manifest.members]
    subjects = named or [(manifest.request.name, manifest.version)]
    return make_statement(MANIFEST, subjects, manifest.to_json())


def named_members(members: Sequence[Member]) -> tuple[Member, ...]:
    """Return the members that a set's manifest names one by one: all, or none where they are too many."""
    return tuple(members) if len(members) <= MAX_SUBJECTS else ()


def _subjects(value: object, manifest: Manifest) -> tuple[Member, ...]:
    """Read the members that a set's statement names."""
    if manifest.count > MAX_SUBJECTS:
        return ()
    wrong = NotVerifiableError("the manifest: its subjects are not the members of the set")
    try:
        members = tuple(Member(each["name"], "sha256:" + each["digest"]["sha256"]) for each in value)  # type: ignore[attr-defined] # caught below
    except (UsageError, TypeError, KeyError):
        raise wrong from None
    names = [member.name for member in members]
    if names != sorted(set(names)) or len(names) != manifest.count or set_digest(members) != manifest.version:
        raise wrong
    return members


def open_manifest(raw: bytes, source: PublicIdentity) -> tuple[Manifest, str]:
    """Verify an envelope and return its manifest and the digest of its statement.

    Raises:
        NotVerifiableError: it is not a manifest that `source` signed about itself.
    """
    signed = open_statement(raw, source, predicate_type=MANIFEST)
    manifest = Manifest.from_json(signed.statement["predicate"])
    if manifest.source != source.name:
        raise NotVerifiableError("the manifest: signed by one environment and sent in another's name")
    if manifest.kind == "set":
        manifest = replace(manifest, members=_subjects(signed.statement["subject"], manifest))
    if signed.statement != _statement(manifest):
        raise NotVerifiableError("the manifest: its subject is not what it is about")
    return manifest, signed.digest
