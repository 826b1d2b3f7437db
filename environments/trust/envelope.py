"""A trust document with its signatures: a DSSE envelope that root keys sign, each one once.

Invariants, in order:
1. The envelope is read under a bound, as strict JSON in its one form.
2. A signature whose `keyid` a root key has must be that key's; one bad signature refuses the envelope. A
   `keyid` chooses among known keys only; signatures of unknown keys count for nothing.
3. Against roots that are known already, the threshold is checked before the payload is parsed.
4. The document's own roots sign it too, by their own threshold.

Example:
    >>> raw = sign_document(document, [root])
    >>> open_document(raw, trusted=None).document == document
    True
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from data_contracts.digest import canonical, digest_bytes, is_digest
from data_contracts.errors import NotVerifiableError
from environments.encoding import decode, encode
from environments.identity.signers import Signer
from environments.signed import is_canonical, pre_authentication, strict_json
from environments.trust.document import TrustDocument
from environments.trust.members import Roots

__all__ = [
    "MAX_ENVELOPE",
    "Reason",
    "SignedTrust",
    "TrustRefusedError",
    "add_signatures",
    "open_document",
    "proposal",
    "sign_document",
]

MAX_ENVELOPE = 1024 * 1024
_TYPE = "application/vnd.isthmus.trust.v1+json"
_WHAT = "the trust document"
_MAX_SIGNATURES = 64
_SIGNATURE = 64

Reason = Literal[
    "shape", "signature", "threshold", "rollback", "fork", "frozen", "early", "revived", "pinned"
]


class TrustRefusedError(NotVerifiableError):
    """A trust document that is not taken; what was pinned stays pinned.

    Attributes:
        reason: the check that refused it.
    """

    def __init__(self, reason: Reason, message: str, *, remedy: str = "") -> None:
        """Keep the check's name beside the message."""
        super().__init__(message, remedy=remedy)
        self.reason = reason


@dataclass(frozen=True)
class SignedTrust:
    """A document whose signatures reached the thresholds.

    Attributes:
        document: what was signed.
        signers: ids of the root keys whose signatures verified.
        raw: the envelope.
    """

    document: TrustDocument
    signers: frozenset[str]
    raw: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """The document's."""
        return self.document.digest


def _pack(payload: bytes, signatures: dict[str, bytes]) -> bytes:
    listed = [{"keyid": keyid, "sig": encode(sig)} for keyid, sig in sorted(signatures.items())]
    return canonical({"payloadType": _TYPE, "payload": encode(payload), "signatures": listed})


@contextmanager
def _shape() -> Iterator[None]:
    """Name the check `shape` for whatever is not of its one form."""
    try:
        yield
    except TrustRefusedError:
        raise
    except NotVerifiableError as error:
        raise TrustRefusedError("shape", str(error), remedy=error.remedy) from None


def _unpack(raw: bytes) -> tuple[bytes, dict[str, bytes]]:
    with _shape():
        if len(raw) > MAX_ENVELOPE:
            raise NotVerifiableError(f"{_WHAT}: larger than {MAX_ENVELOPE} bytes")
        envelope = strict_json(raw, _WHAT)
        if not isinstance(envelope, dict) or set(envelope) != {"payloadType", "payload", "signatures"}:
            raise NotVerifiableError(f"{_WHAT}: not an envelope")
        listed = envelope["signatures"]
        if envelope["payloadType"] != _TYPE or not isinstance(listed, list) or len(listed) > _MAX_SIGNATURES:
            raise NotVerifiableError(f"{_WHAT}: not an envelope of it")
        signatures: dict[str, bytes] = {}
        for one in listed:
            if not isinstance(one, dict) or set(one) != {"keyid", "sig"} or not is_digest(one["keyid"]):
                raise NotVerifiableError(f"{_WHAT}: not a signature")
            signatures[one["keyid"]] = decode(one["sig"], what=_WHAT, length=_SIGNATURE)
        payload = decode(envelope["payload"], what=_WHAT)
        if _pack(payload, signatures) != raw:
            raise NotVerifiableError(f"{_WHAT}: not in its one form")
    return payload, signatures


def _verified(payload: bytes, signatures: dict[str, bytes], roots: Roots) -> frozenset[str]:
    """Return the ids of the roots that signed; one bad signature in their name refuses all."""
    covered = pre_authentication(_TYPE, payload)
    found = set()
    for keyid, key in roots.by_id.items():
        if keyid not in signatures:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signatures[keyid], covered)
        except (InvalidSignature, ValueError):
            raise TrustRefusedError("signature", f"{_WHAT}: a signature that is not its key's") from None
        found.add(keyid)
    return frozenset(found)


def _reached(payload: bytes, signatures: dict[str, bytes], roots: Roots, whose: str) -> frozenset[str]:
    found = _verified(payload, signatures, roots)
    if len(found) < roots.threshold:
        raise TrustRefusedError(
            "threshold",
            f"{_WHAT}: {len(found)} of the {roots.threshold} signatures that {whose} demand",
            remedy="have the holders of the root keys sign it: `isthmus trust sign FILE --key KEY`",
        )
    return found


def _parse(payload: bytes) -> TrustDocument:
    with _shape():
        value: Any = strict_json(payload, _WHAT)
        document = TrustDocument.from_json(value)
        if not is_canonical(document.to_json(), payload):
            raise NotVerifiableError(f"{_WHAT}: not in its one form")
    return document


def open_document(raw: bytes, *, trusted: Roots | None) -> SignedTrust:
    """Verify an envelope and return its document.

    Args:
        raw: the envelope.
        trusted: the roots that are known already; None only where none are (first contact).

    Raises:
        TrustRefusedError: `shape`, `signature` or `threshold`.
    """
    payload, signatures = _unpack(raw)
    signers: frozenset[str] = frozenset()
    if trusted is not None:
        signers = _reached(payload, signatures, trusted, "the pinned root keys")
    document = _parse(payload)
    signers |= _reached(payload, signatures, document.roots, "its own root keys")
    return SignedTrust(document, signers, raw)


def proposal(raw: bytes) -> tuple[TrustDocument, frozenset[str]]:
    """Read a document that may lack signatures: what it says, and whose signatures it carries so far.

    Nothing may be believed of it: it is what a holder of a root key is asked to sign.

    Raises:
        TrustRefusedError: `shape`.
    """
    payload, signatures = _unpack(raw)
    return _parse(payload), frozenset(signatures)


def add_signatures(raw: bytes, signers: Iterable[Signer]) -> bytes:
    """Return the envelope with these keys' signatures added.

    Raises:
        TrustRefusedError: `shape`.
    """
    payload, signatures = _unpack(raw)
    _parse(payload)
    covered = pre_authentication(_TYPE, payload)
    signatures |= {digest_bytes(signer.public): signer.sign(covered) for signer in signers}
    return _pack(payload, signatures)


def sign_document(document: TrustDocument, signers: Iterable[Signer]) -> bytes:
    """Return the envelope of a document with these keys' signatures; none make a proposal."""
    return add_signatures(_pack(canonical(document.to_json()), {}), signers)
