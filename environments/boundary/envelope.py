"""DSSE envelopes around in-toto statements: what a signature covers, and nothing else is believed.

Invariants, in order:
1. The envelope is read under a bound, as strict JSON: a duplicate key, NaN or a number that is no
   integer refuses it.
2. There is exactly one signature, by a key that the trust document (or the pin) names for the sender and
   that counts now; `keyid` chooses among these and adds none. The algorithm is Ed25519, fixed here.
3. The signature covers payload type and payload (DSSE's pre-authentication encoding); it is verified
   before the payload is parsed.
4. Envelope and payload are in their RFC 8785 form byte for byte: one statement has one digest and one
   envelope, and no bit of it can be changed.

Sources: DSSE v1.0.2 (secure-systems-lab/dsse), in-toto Statement v1, RFC 8785.

Example:
    >>> raw = seal_statement(statement, identity)
    >>> open_statement(raw, identity.public, predicate_type=MANIFEST).statement == statement
    True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.digest import canonical, digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.encoding import decode, encode
from environments.identity import Identity, PublicIdentity
from environments.signed import is_canonical, pre_authentication, strict_json

__all__ = [
    "ERASURE",
    "MANIFEST",
    "MAX_ENVELOPE",
    "RECALL",
    "RECEIPT",
    "SignedStatement",
    "make_statement",
    "open_statement",
    "seal_statement",
    "strict_json",
]

MANIFEST = "https://isthmus.invalid/manifest/v1"
"""Predicate type of what a source signs; `.invalid` (RFC 2606) so that it is a name and never a place."""
RECEIPT = "https://isthmus.invalid/receipt/v1"
"""Predicate type of what a destination signs."""
RECALL = "https://isthmus.invalid/recall/v1"
"""Predicate type of what a source signs to have its copies erased."""
ERASURE = "https://isthmus.invalid/erasure/v1"
"""Predicate type of what a destination signs about what it erased, and what not."""
MAX_ENVELOPE = 1024 * 1024
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True)
class SignedStatement:
    """A statement whose signature verified.

    Attributes:
        statement: the in-toto statement.
        digest: of its canonical bytes; what ledgers and receipts name.
    """

    statement: Mapping[str, Any]
    digest: str


def make_statement(
    predicate_type: str, subjects: Iterable[tuple[str, str]], predicate: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an in-toto statement about asset versions, each a name and a version."""
    return {
        "_type": _STATEMENT_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": version.removeprefix("sha256:")}}
            for name, version in subjects
        ],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }


def seal_statement(statement: Mapping[str, Any], identity: Identity) -> bytes:
    """Return the signed envelope of a statement."""
    payload = canonical(statement)
    signed = identity.sign(pre_authentication(_PAYLOAD_TYPE, payload))
    signature = {"keyid": identity.public.key_id, "sig": encode(signed)}
    return canonical({"payloadType": _PAYLOAD_TYPE, "payload": encode(payload), "signatures": [signature]})


def open_statement(raw: bytes, sender: PublicIdentity, *, predicate_type: str) -> SignedStatement:
    """Verify an envelope and return its statement.

    Raises:
        NotVerifiableError: any of the invariants does not hold, or the statement is of another type.
    """
    what = f"what {sender.name} signed"
    # (1) The envelope's own shape.
    if len(raw) > MAX_ENVELOPE:
        raise NotVerifiableError(f"{what}: larger than {MAX_ENVELOPE} bytes")
    envelope = strict_json(raw, what)
    if not isinstance(envelope, dict) or set(envelope) != {"payloadType", "payload", "signatures"}:
        raise NotVerifiableError(f"{what}: not an envelope")
    if not is_canonical(envelope, raw):
        raise NotVerifiableError(f"{what}: not in canonical form")
    signatures = envelope["signatures"]
    if envelope["payloadType"] != _PAYLOAD_TYPE or not isinstance(signatures, list) or len(signatures) != 1:
        raise NotVerifiableError(f"{what}: not an envelope of one signature over a statement")
    if not isinstance(signatures[0], dict) or set(signatures[0]) != {"keyid", "sig"}:
        raise NotVerifiableError(f"{what}: not a signature")
    # (2) and (3) The signature, under a key that counts, before anything inside is parsed.
    key_id = signatures[0]["keyid"]
    if not isinstance(key_id, str) or key_id not in sender.key_ids:
        raise NotVerifiableError(
            f"{what}: signed by another key than those that count for {sender.name}",
            remedy=f"ask {sender.name}'s operator whether its key changed; then update the trust document",
        )
    payload = decode(envelope["payload"], what=what)
    sender.verify(
        pre_authentication(_PAYLOAD_TYPE, payload),
        decode(signatures[0]["sig"], what=what, length=64),
        key_id=key_id,
    )
    # (4) One statement, one form.
    statement = strict_json(payload, what)
    if not isinstance(statement, dict) or not is_canonical(statement, payload):
        raise NotVerifiableError(f"{what}: not in canonical form")
    keys = {"_type", "subject", "predicateType", "predicate"}
    if set(statement) != keys or statement["_type"] != _STATEMENT_TYPE:
        raise NotVerifiableError(f"{what}: not an in-toto statement")
    if statement["predicateType"] != predicate_type:
        raise NotVerifiableError(f"{what}: a statement of another type than the one expected here")
    return SignedStatement(statement, digest_bytes(payload))
