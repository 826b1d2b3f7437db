"""The admission: the trust document that names the new environment, and the API's credential, sealed for it.

Invariants, in the order in which they are checked:
1. The file has one form, and is for this environment's answer.
2. Its trust document follows the one that came with the invitation, by that one's roots.
3. The environment that invited signed it, by a key that counts in the new document.
4. The document names exactly the keys of the answer.
5. The credential opens with the new environment's own keys, and for this admission only.

Example:
    >>> open_admission(raw, pinned, answer, now).api
    'https://isthmus.example.org/api'
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from data_contracts.digest import canonical, is_digest
from data_contracts.errors import NotVerifiableError, UsageError
from environments.encoding import decode, encode
from environments.identity.public import PublicIdentity
from environments.identity.signers import Signer
from environments.joining.answer import Answer
from environments.joining.letter import as_shape, check_address, check_signer, nonce_of
from environments.members.refusal import JoiningRefusedError
from environments.trust.document import TrustDocument
from environments.trust.envelope import SignedTrust
from environments.trust.shape import exact, name
from environments.trust.statement import Form
from environments.trust.update import accept

__all__ = ["Admission", "names_keys", "open_admission", "seal_admission", "sealed_for"]

_WHAT = "the admission"
_FORM = Form("application/vnd.isthmus.admission.v1+json", _WHAT, 4 * 1024 * 1024)
_KEYS = {"format", "name", "inviter", "nonce", "answer", "api", "credential", "trust"}
_PURPOSE = "isthmus/1/admission"


@dataclass(frozen=True)
class Admission:
    """What is signed.

    Attributes:
        name: the environment that is admitted.
        inviter: the environment that signs.
        nonce: the invitation's.
        answer: the digest of the answer.
        api: where the API answers; empty for a site without a link.
        credential: of the API, sealed for the new environment; empty without an address.
        trust: the trust document's envelope.
    """

    name: str
    inviter: str
    nonce: str
    answer: str
    api: str
    credential: bytes = field(repr=False)
    trust: bytes = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the admission as a JSON object."""
        raw = {"credential": encode(self.credential), "trust": encode(self.trust)}
        return {"format": 1} | vars(self) | raw

    @classmethod
    def from_json(cls, value: object) -> Admission:
        """Read an admission strictly; its signature is not looked at here.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, _KEYS, _WHAT)
        if type(read["format"]) is not int or read["format"] != 1:
            raise NotVerifiableError(f"{_WHAT}: a format that this version does not read")
        if not is_digest(read["answer"]) or not isinstance(read["api"], str):
            raise NotVerifiableError(f"{_WHAT}: no digest or no text where one belongs")
        try:
            api = check_address(read["api"]) if read["api"] else ""
        except UsageError:
            raise NotVerifiableError(f"{_WHAT}: no address that a gate may speak to") from None
        credential = decode(read["credential"], what=_WHAT)
        if bool(api) != bool(credential):
            raise NotVerifiableError(f"{_WHAT}: an address and a credential belong together")
        return cls(
            name(read["name"], "the environment"),
            name(read["inviter"], "who invites"),
            nonce_of(read["nonce"]),
            read["answer"],
            api,
            credential,
            decode(read["trust"], what=_WHAT),
        )


def sealed_for(answer: Answer, api: str) -> bytes:
    """Return what a sealed credential is bound to: the purpose, this answer, and the address it is for."""
    return canonical([_PURPOSE, answer.digest, api])


def seal_admission(admission: Admission, signer: Signer) -> bytes:
    """Return the signed file."""
    return _FORM.seal(admission, signer)


def names_keys(document: TrustDocument, public: PublicIdentity) -> bool:
    """Whether a document names an environment by exactly these keys."""
    named = document.environments.get(public.name)
    return (
        named is not None
        and named.pair == public.pair
        and public.signing in {key.public for key in named.signing}
        and (public.wrap_mlkem, public.wrap_x25519) in {(key.mlkem, key.x25519) for key in named.agreement}
    )


def open_admission(
    raw: bytes, pinned: SignedTrust, answer: Answer, inviter: str, now: dt.datetime
) -> Admission:
    """Verify an admission; its credential is not opened here.

    Args:
        raw: the file.
        pinned: the trust document that is pinned here.
        answer: what this environment answered.
        inviter: who invited it.
        now: the time.

    Raises:
        JoiningRefusedError: any check; its `reason` says which.
    """
    # (1) Its one form, for this answer.
    with as_shape():
        opened = _FORM.open(raw, Admission.from_json)
    admission = opened.statement
    if (admission.name, admission.nonce, admission.answer) != (answer.name, answer.nonce, answer.digest):
        raise JoiningRefusedError(
            "foreign",
            f"{_WHAT}: it is for another answer than that of this home",
            remedy="take the file that `isthmus env admit` wrote for the answer of this home",
        )
    # (2) The trust document follows the pinned one.
    try:
        trust = accept(admission.trust, pinned=pinned, now=now)
    except NotVerifiableError as error:
        raise JoiningRefusedError("trust", f"{_WHAT}: {error}", remedy=error.remedy) from None
    # (3) Who invited.
    if admission.inviter != inviter:
        raise JoiningRefusedError("signature", f"{_WHAT}: {admission.inviter} did not invite this home")
    check_signer(opened, trust.document, inviter, now)
    # (4) Our keys and no others.
    if not names_keys(trust.document, answer.public):
        raise JoiningRefusedError(
            "keys",
            f"{_WHAT}: its trust document does not name the keys of this environment",
            remedy="ask whoever admitted: another answer may have been admitted in place of this one",
        )
    return admission
