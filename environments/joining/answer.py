"""The answer to an invitation: the public keys of the new environment, signed by the new key.

Invariants:
1. It is of one form, and signed by the very key that it shows: nobody answers with another's keys.
2. Its digest covers the invitation's bytes and every key; the fingerprint that people compare is of it.

Example:
    >>> open_answer(raw).public.name
    'cloud'
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from data_contracts.digest import digest_json, is_digest
from data_contracts.errors import NotVerifiableError
from environments.identity.public import PublicIdentity
from environments.identity.signers import Signer
from environments.joining.letter import as_shape, nonce_of
from environments.members.refusal import JoiningRefusedError
from environments.trust.shape import exact
from environments.trust.statement import Form

__all__ = ["Answer", "new_answer", "open_answer", "seal_answer", "spoken_identity"]

_WHAT = "the answer to an invitation"
_FORM = Form("application/vnd.isthmus.answer.v1+json", _WHAT, 64 * 1024)
_KEYS = {"format", "nonce", "invitation", "public", "dask_ca"}


@dataclass(frozen=True)
class Answer:
    """What is signed.

    Attributes:
        nonce: the invitation's.
        invitation: the digest of its file.
        public: the new environment's keys.
        dask_ca: the digest of its cluster's authority.
    """

    nonce: str
    invitation: str
    public: PublicIdentity = field(repr=False)
    dask_ca: str

    @property
    def name(self) -> str:
        """The environment."""
        return self.public.name

    @property
    def digest(self) -> str:
        """Of all that it says; what people compare."""
        return digest_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the answer as a JSON object."""
        return {
            "format": 1,
            "nonce": self.nonce,
            "invitation": self.invitation,
            "public": self.public.to_json(),
            "dask_ca": self.dask_ca,
        }

    @classmethod
    def from_json(cls, value: object) -> Answer:
        """Read an answer strictly; its signature is not looked at here.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, _KEYS, _WHAT)
        if type(read["format"]) is not int or read["format"] != 1:
            raise NotVerifiableError(f"{_WHAT}: a format that this version does not read")
        if not is_digest(read["invitation"]) or not is_digest(read["dask_ca"]):
            raise NotVerifiableError(f"{_WHAT}: no digest where one belongs")
        public = PublicIdentity.from_json(read["public"])
        return cls(nonce_of(read["nonce"]), read["invitation"], public, read["dask_ca"])


def new_answer(nonce: str, invitation: str, public: PublicIdentity, dask_ca: str) -> Answer:
    """Return the answer of these keys; other keys that the environment has or had stay out of it."""
    return Answer(nonce, invitation, spoken_identity(public), dask_ca)


def spoken_identity(public: PublicIdentity) -> PublicIdentity:
    """Return an identity with the keys alone that it shows to peers."""
    return PublicIdentity.from_json(public.to_json())


def seal_answer(answer: Answer, signer: Signer) -> bytes:
    """Return the signed file."""
    return _FORM.seal(answer, signer)


def open_answer(raw: bytes) -> Answer:
    """Verify that whoever answers has the key that the answer shows.

    Raises:
        JoiningRefusedError: `shape` or `signature`.
    """
    with as_shape():
        opened = _FORM.open(raw, Answer.from_json)
    try:
        opened.statement.public.verify(opened.covered, opened.signature, key_id=opened.key_id)
    except NotVerifiableError:
        raise JoiningRefusedError(
            "signature",
            f"{_WHAT}: it is not signed by the key that it shows",
            remedy="have it written again: `isthmus env join` on the other machine, with the same invitation",
        ) from None
    return opened.statement
