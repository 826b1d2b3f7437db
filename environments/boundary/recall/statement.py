"""What is signed about a recall: the source's request to erase, and the destination's answer.

Invariants:
1. Both are believed only under the pinned key of whoever they are from, and every field has one form.
2. A request names the crossings that it is about, so one that is replayed erases nothing that came later; its
   id is recomputed from its own fields.
3. An answer names the request's statement by its digest. It is `erased` only if nothing remains.
4. Names, digests, counts and reasons of ours or of a declaration; never a value from the data.

Example:
    >>> raw, digest = seal_request(request, identity)
    >>> open_request(raw, onprem_public) == (request, digest)
    True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from data_contracts.digest import digest_json, is_digest
from data_contracts.errors import NotVerifiableError, UsageError
from environments.boundary.envelope import ERASURE, RECALL, make_statement, open_statement, seal_statement
from environments.boundary.shape import Fields
from environments.identity import Identity, PublicIdentity
from environments.ref import check_name

__all__ = [
    "MOST",
    "EraseRequest",
    "Erasure",
    "Remaining",
    "Result",
    "open_erasure",
    "open_request",
    "recall_id",
    "request_id",
    "seal_erasure",
    "seal_request",
]

Result = Literal["erased", "refused", "waiting"]
MOST = 1_000
"""Crossings of one request, versions of one answer; what is more makes more requests."""
_RESULTS: dict[object, Result] = {"erased": "erased", "refused": "refused", "waiting": "waiting"}
_REQUEST_KEYS = {
    "format", "recall", "request", "source", "destination", "name", "version", "assets", "crossings",
    "because", "issued",
}  # fmt: skip
_ERASURE_KEYS = {
    "format", "request", "asked", "source", "destination", "name", "version", "outcome", "erased",
    "remaining", "shared", "forwarded", "answered",
}  # fmt: skip


def recall_id(source: str, name: str, version: str) -> str:
    """Return the id of everything that is asked about one version by its source."""
    return digest_json({"recall": [source, name, version]})


def request_id(recall: str, destination: str, crossings: tuple[str, ...]) -> str:
    """Return the id of one request of a recall."""
    return digest_json({"recall": recall, "destination": destination, "crossings": sorted(crossings)})


@dataclass(frozen=True)
class EraseRequest:
    """What one destination is asked to erase.

    Attributes:
        source: who asks; the crossings were its own.
        destination: who is asked.
        name: the recalled asset, at whoever began the recall.
        version: the recalled version.
        assets: name and version, at the source, of all that this is about: the version, and at the source
            what was derived from it.
        crossings: those that brought any of them.
        because: the request that this one follows from; empty where a person began it.
        issued: when it was signed.
        recall: see `recall_id`, of whoever began it.
    """

    source: str
    destination: str
    name: str
    version: str
    assets: tuple[tuple[str, str], ...]
    crossings: tuple[str, ...]
    because: str
    issued: str
    recall: str

    @property
    def request(self) -> str:
        """Its id, recomputed."""
        return request_id(self.recall, self.destination, self.crossings)

    def to_json(self) -> dict[str, Any]:
        """Return the predicate."""
        lists = {"assets": [list(pair) for pair in self.assets], "crossings": list(self.crossings)}
        return {"format": 1, "request": self.request} | vars(self) | lists

    @classmethod
    def from_json(cls, value: object) -> EraseRequest:
        """Read a predicate strictly.

        Raises:
            NotVerifiableError: a field is missing, unknown or not of its form, or the id is not theirs.
        """
        fields = Fields(value, _REQUEST_KEYS, "the recall")
        because = fields.text("because")
        crossings = fields.raw("crossings")
        if fields.count("format") != 1 or (because and not is_digest(because)):
            raise NotVerifiableError("the recall: a format or cause that this version does not read")
        if not isinstance(crossings, list) or not 0 < len(crossings) <= MOST:
            raise NotVerifiableError("the recall: a list of crossings that is none")
        if not all(map(is_digest, crossings)) or crossings != sorted(set(crossings)):
            raise NotVerifiableError("the recall: a list of crossings that is none")
        request = cls(
            fields.name("source"), fields.name("destination"), fields.name("name"), fields.digest("version"),
            _pairs(fields.raw("assets"), "the recall"), tuple(crossings), because, fields.text("issued"),
            fields.digest("recall"),
        )  # fmt: skip
        if fields.digest("request") != request.request:
            raise NotVerifiableError("the recall: its id is not that of its own fields")
        return request


@dataclass(frozen=True)
class Remaining:
    """What was not erased.

    Attributes:
        environment: where it is.
        name: of the asset there; of what was only asked for, the recalled asset's.
        version: of the asset there, likewise.
        reason: `waiting`, or why it may stay.
    """

    environment: str
    name: str
    version: str
    reason: str

    @classmethod
    def from_json(cls, value: object) -> Remaining:
        """Read one strictly."""
        fields = Fields(value, {"environment", "name", "version", "reason"}, "what remains")
        reason = fields.text("reason")
        if not reason or not reason.isascii() or not reason.isprintable():
            raise NotVerifiableError("what remains: a reason that is none")
        return cls(fields.name("environment"), fields.name("name"), fields.digest("version"), reason)


@dataclass(frozen=True)
class Erasure:
    """One answer.

    Attributes:
        request: the id of what it answers.
        asked: digest of the statement that it answers.
        source: who asked.
        destination: who answers.
        name: the recalled asset.
        version: the recalled version.
        outcome: `erased`, `refused` where something lawfully stays, `waiting` where another has to answer.
        erased: name and version, at the destination, of what is gone there.
        remaining: what is not, here and where it went on to.
        shared: chunks of what was erased that other versions here hold too; they stay with these.
        forwarded: environment and request id of every request that was sent on.
        answered: when.
    """

    request: str
    asked: str
    source: str
    destination: str
    name: str
    version: str
    outcome: Result
    erased: tuple[tuple[str, str], ...]
    remaining: tuple[Remaining, ...]
    shared: int
    forwarded: tuple[tuple[str, str], ...]
    answered: str

    def to_json(self) -> dict[str, Any]:
        """Return the predicate."""
        return (
            {"format": 1}
            | vars(self)
            | {
                "erased": [list(pair) for pair in self.erased],
                "remaining": [vars(each) for each in self.remaining],
                "forwarded": [list(pair) for pair in self.forwarded],
            }
        )

    @classmethod
    def from_json(cls, value: object) -> Erasure:
        """Read a predicate strictly.

        Raises:
            NotVerifiableError: a field is missing, unknown or not of its form, or its outcome is not that of
                what it says remains.
        """
        what = "the answer to a recall"
        fields = Fields(value, _ERASURE_KEYS, what)
        remaining, word = fields.raw("remaining"), fields.text("outcome")
        if fields.count("format") != 1 or word not in _RESULTS or not isinstance(remaining, list):
            raise NotVerifiableError(f"{what}: a format or outcome that this version does not read")
        left = tuple(map(Remaining.from_json, remaining))
        if _RESULTS[word] != outcome_of(left):
            raise NotVerifiableError(f"{what}: its outcome is not that of what remains")
        return cls(
            fields.digest("request"), fields.digest("asked"), fields.name("source"),
            fields.name("destination"), fields.name("name"), fields.digest("version"), _RESULTS[word],
            _pairs(fields.raw("erased"), what), left, fields.count("shared"),
            _pairs(fields.raw("forwarded"), what), fields.text("answered"),
        )  # fmt: skip


def outcome_of(remaining: tuple[Remaining, ...]) -> Result:
    """Return the outcome that follows from what remains: a refusal is told before a wait."""
    if not remaining:
        return "erased"
    return "waiting" if all(each.reason == "waiting" for each in remaining) else "refused"


def _pairs(value: object, what: str) -> tuple[tuple[str, str], ...]:
    refusal = NotVerifiableError(f"{what}: a list that is none")
    if not isinstance(value, list):
        raise refusal
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2 or not is_digest(pair[1]):  # noqa: PLR2004 - a pair
            raise refusal
        try:
            check_name(pair[0], what)
        except UsageError:
            raise refusal from None
    return tuple((str(name), str(digest)) for name, digest in value)


def seal_request(request: EraseRequest, identity: Identity) -> tuple[bytes, str]:
    """Return the signed envelope and the digest of its statement."""
    statement = make_statement(RECALL, [(request.name, request.version)], request.to_json())
    return seal_statement(statement, identity), digest_json(statement)


def open_request(raw: bytes, source: PublicIdentity) -> tuple[EraseRequest, str]:
    """Verify an envelope and return its request and the digest of its statement.

    Raises:
        NotVerifiableError: it is not a request that `source` signed in its own name.
    """
    signed = open_statement(raw, source, predicate_type=RECALL)
    request = EraseRequest.from_json(signed.statement["predicate"])
    if request.source != source.name:
        raise NotVerifiableError("the recall: signed by one environment and sent in another's name")
    if signed.statement != make_statement(RECALL, [(request.name, request.version)], request.to_json()):
        raise NotVerifiableError("the recall: its subject is not what it is about")
    return request, signed.digest


def seal_erasure(erasure: Erasure, identity: Identity) -> bytes:
    """Return the signed envelope."""
    subject = [(erasure.name, erasure.version)]
    return seal_statement(make_statement(ERASURE, subject, erasure.to_json()), identity)


def open_erasure(raw: bytes, destination: PublicIdentity) -> tuple[Erasure, str]:
    """Verify an envelope and return its answer and the digest of its statement.

    Raises:
        NotVerifiableError: it is not an answer that `destination` signed about itself.
    """
    signed = open_statement(raw, destination, predicate_type=ERASURE)
    erasure = Erasure.from_json(signed.statement["predicate"])
    if erasure.destination != destination.name:
        raise NotVerifiableError("the answer: signed by one environment and given in another's name")
    if signed.statement != make_statement(ERASURE, [(erasure.name, erasure.version)], erasure.to_json()):
        raise NotVerifiableError("the answer: its subject is not what it is about")
    return erasure, signed.digest
