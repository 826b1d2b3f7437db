"""What one requester signs: the envelope of requests, grants and approvals, and by whom it counts.

Invariants, in order:
1. The envelope is read under a bound, as strict JSON in its one form, with exactly one signature; the
   statement inside is in its one form, too.
2. It counts under a key that the trust document lists for exactly the requester that it names and that
   counts now; `unattributed` is nobody's name, whatever a document lists.
3. Only then is the signature looked at. Whether it is fresh, and what it is good for, its kind says.

Example:
    >>> raw = FORM.seal(statement, signer)
    >>> FORM.open(raw, RequestStatement.from_json).signer(document, statement.requester, now).name
    'nightly'
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from data_contracts.destination import UNATTRIBUTED
from data_contracts.digest import canonical, digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.encoding import decode, encode
from environments.identity.signers import Signer
from environments.signed import is_canonical, pre_authentication, strict_json
from environments.trust.document import TrustDocument
from environments.trust.members import Requester
from environments.trust.shape import exact

__all__ = ["Form", "Opened"]

_SIGNATURE = 64


class Signable(Protocol):
    """What is signed."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""


Statement = TypeVar("Statement", bound=Signable)


@dataclass(frozen=True)
class Form:
    """One kind of statement.

    Attributes:
        type: the payload's type, which the signature covers: what was signed for one use is of no other.
        what: the kind, as messages call it.
        limit: bytes of an envelope, at most.
    """

    type: str
    what: str
    limit: int

    def seal(self, statement: Signable, signer: Signer) -> bytes:
        """Return the signed envelope: DSSE."""
        payload = canonical(statement.to_json())
        signature = encode(signer.sign(pre_authentication(self.type, payload)))
        signed = {"keyid": digest_bytes(signer.public), "sig": signature}
        return canonical({"payloadType": self.type, "payload": encode(payload), "signatures": [signed]})

    def open(self, raw: bytes, read: Callable[[object], Statement]) -> Opened[Statement]:
        """Return what an envelope holds; its signature is not looked at here.

        Raises:
            NotVerifiableError: it is not of the one form.
        """
        if len(raw) > self.limit:
            raise NotVerifiableError(f"{self.what}: larger than {self.limit} bytes")
        envelope = exact(strict_json(raw, self.what), {"payloadType", "payload", "signatures"}, self.what)
        listed = envelope["signatures"]
        if not is_canonical(dict(envelope), raw) or envelope["payloadType"] != self.type:
            raise NotVerifiableError(f"{self.what}: not an envelope of it")
        if not isinstance(listed, list) or len(listed) != 1:
            raise NotVerifiableError(f"{self.what}: not an envelope of one signature")
        signed = exact(listed[0], {"keyid", "sig"}, self.what)
        payload = decode(envelope["payload"], what=self.what)
        statement = read(strict_json(payload, self.what))
        if not is_canonical(statement.to_json(), payload):
            raise NotVerifiableError(f"{self.what}: not in its one form")
        signature = decode(signed["sig"], what=self.what, length=_SIGNATURE)
        return Opened(statement, str(signed["keyid"]), pre_authentication(self.type, payload), signature)


@dataclass(frozen=True)
class Opened(Generic[Statement]):
    """A statement whose signature was not looked at yet.

    Attributes:
        statement: what it says.
        key_id: the key that it says it was signed with.
        covered: the bytes that the signature covers.
        signature: of these bytes.
    """

    statement: Statement
    key_id: str
    covered: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def signer(
        self, document: TrustDocument, name: str, now: dt.datetime
    ) -> Requester | Literal["unknown", "signature"]:
        """Return the requester of that name if one of its keys signed this; else which check says no."""
        # (1) A key that the document lists for exactly this requester, and that counts now.
        requester = document.requesters.get(name)
        keys = {key.key_id: key for key in requester.keys if key.window.accepts(now)} if requester else {}
        if requester is None or self.key_id not in keys or name == UNATTRIBUTED:
            return "unknown"
        # (2) Its signature.
        try:
            public = Ed25519PublicKey.from_public_bytes(keys[self.key_id].public)
            public.verify(self.signature, self.covered)
        except (InvalidSignature, ValueError):
            return "signature"
        return requester
