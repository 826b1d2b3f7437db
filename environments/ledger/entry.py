"""One entry of the record, and the signed head that it makes.

Invariants:
1. An entry's digest is the SHA-256 of its RFC 8785 JSON as it stands; it holds its predecessor's digest,
   so no entry changes without every later one.
2. A head's signature covers environment, sequence and digest: one head proves the whole chain up to it.
   It is kept for every entry that ends a step of a crossing, for every thousandth, and for the newest.
3. An entry holds ids, names, counts and digests. Never a value from the data.

Example:
    >>> is_kept("egress", 7), is_kept("note", 7), is_kept("note", 2000)
    (True, False, True)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data_contracts.digest import canonical, digest_bytes, is_digest
from data_contracts.errors import NotVerifiableError
from environments.encoding import decode, encode

if TYPE_CHECKING:
    from environments.identity.public import PublicIdentity

__all__ = ["GENESIS", "HEAD_EVERY", "MAX_ENTRY", "Entry", "Head", "head_payload", "is_kept", "parse_entry"]

GENESIS = digest_bytes(b"isthmus/1/ledger")
"""What the first entry names as its predecessor."""
MAX_ENTRY = 1024 * 1024
HEAD_EVERY = 1000
_ENDINGS = {"egress", "ingress", "settle", "restored", "peer-restored"}
_LABEL = b"isthmus/1/ledger-head\n"
_KEYS = {"body", "environment", "kind", "previous", "sequence", "time"}


def head_payload(environment: str, sequence: int, digest: str) -> bytes:
    """Return the bytes that a head's signature covers."""
    return _LABEL + canonical({"digest": digest, "environment": environment, "sequence": sequence})


@dataclass(frozen=True)
class Head:
    """How far one environment's ledger reaches, signed by it.

    Attributes:
        environment: whose ledger.
        sequence: of its last entry; 1-based.
        digest: of its last entry.
        signature: Ed25519 over `head_payload`.
        trail: earlier heads, as sequence to digest, that this ledger says it still contains.
    """

    environment: str
    sequence: int
    digest: str
    signature: bytes = field(repr=False)
    trail: Mapping[int, str] = field(default_factory=dict, repr=False)

    def verify(self, public: PublicIdentity) -> None:
        """Return if `public` signed this head.

        Raises:
            NotVerifiableError: it did not.
        """
        if self.environment != public.name:
            raise NotVerifiableError(f"a ledger head of {self.environment}, not of {public.name}")
        public.verify(head_payload(self.environment, self.sequence, self.digest), self.signature)

    def to_json(self) -> dict[str, Any]:
        """Return the head as the JSON object that manifests and receipts carry."""
        return {
            "environment": self.environment,
            "sequence": self.sequence,
            "digest": self.digest,
            "signature": encode(self.signature),
            "trail": [[sequence, digest] for sequence, digest in sorted(self.trail.items())],
        }

    @classmethod
    def from_json(cls, value: object) -> Head:
        """Read a head strictly; its signature is not verified here.

        Raises:
            NotVerifiableError: the value is no head.
        """
        keys = {"environment", "sequence", "digest", "signature", "trail"}
        if not isinstance(value, Mapping) or set(value) != keys:
            raise NotVerifiableError("not a ledger head")
        environment, sequence, digest = value["environment"], value["sequence"], value["digest"]
        if not isinstance(environment, str) or type(sequence) is not int or not is_digest(digest):
            raise NotVerifiableError("not a ledger head")
        signature = decode(value["signature"], what="the head's signature", length=64)
        return cls(environment, sequence, digest, signature, _trail(value["trail"]))


def _trail(value: object) -> dict[int, str]:
    if not isinstance(value, list):
        raise NotVerifiableError("not a ledger head's trail")
    for item in value:
        if not (isinstance(item, list) and len(item) == 2 and type(item[0]) is int and is_digest(item[1])):  # noqa: PLR2004 - a pair
            raise NotVerifiableError("not a ledger head's trail")
    return {sequence: digest for sequence, digest in value}  # noqa: C416 - checked pairs, not any pairs


@dataclass(frozen=True)
class Entry:
    """One thing that happened.

    Attributes:
        sequence: 1-based, without gaps.
        environment: whose ledger.
        kind: what happened: `egress`, `ingress`, `settle`, `witness`, ….
        time: when its writer's clock said it did, RFC 3339 in UTC.
        previous: the digest of the entry before.
        body: ids, names, counts and digests.
    """

    sequence: int
    environment: str
    kind: str
    time: str
    previous: str
    body: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the entry as a JSON object."""
        return {key: getattr(self, key) for key in sorted(_KEYS)}

    def payload(self) -> bytes:
        """Return the bytes whose digest the next entry names."""
        return canonical(self.to_json())


def is_kept(kind: str, sequence: int) -> bool:
    """Whether the head that this entry makes is kept when a later entry follows."""
    return kind in _ENDINGS or sequence % HEAD_EVERY == 0


def parse_entry(payload: bytes) -> Entry:
    """Read the JSON of one entry; nothing is verified here.

    Raises:
        NotVerifiableError: it is no entry.
    """
    try:
        value = json.loads(payload)
        texts = (value[key] for key in ("environment", "kind", "previous", "time"))
        if set(value) != _KEYS or type(value["sequence"]) is not int or not isinstance(value["body"], dict):
            raise NotVerifiableError("not a ledger entry")
        if not all(isinstance(text, str) for text in texts):
            raise NotVerifiableError("not a ledger entry")
        return Entry(**value)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise NotVerifiableError("not a ledger entry") from None
