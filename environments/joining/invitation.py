"""An invitation: one environment's name and declaration, the trust document, and where the API answers.

Invariants, in the order in which they are checked:
1. The file has one form, under a bound.
2. Its trust document is signed by its own roots, and has not expired. That these are the right roots is what
   two people find out by the fingerprint: at first contact nothing else can say so.
3. An environment that this document names signed the invitation.
4. It counts now, for at most 31 days.
5. It is for a name that the document does not know yet.

Example:
    >>> open_invitation(raw, now).invitation.name
    'cloud'
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError, UsageError
from environments.encoding import decode, encode
from environments.identity.signers import Signer
from environments.joining.letter import LONGEST, as_shape, check_address, check_signer, check_time, nonce_of
from environments.members.refusal import JoiningRefusedError
from environments.profile import Profile
from environments.trust.envelope import SignedTrust
from environments.trust.shape import exact, moment, name, stamp
from environments.trust.statement import Form
from environments.trust.update import accept

__all__ = ["Declared", "Invitation", "OpenedInvitation", "open_invitation", "seal_invitation"]

_WHAT = "the invitation"
_FORM = Form("application/vnd.isthmus.invitation.v1+json", _WHAT, 4 * 1024 * 1024)
_DECLARED = {"kind", "jurisdiction", "clearance"}
_KEYS = {"format", "name", "inviter", "nonce", "issued", "expires", "declared", "api", "trust"}


@dataclass(frozen=True)
class Declared:
    """What the inviting site declares of the environment: what its gates decide by."""

    kind: str
    jurisdiction: str
    clearance: str

    @classmethod
    def of(cls, profile: Profile) -> Declared:
        """Return what a profile declares."""
        return cls(profile.kind, profile.jurisdiction, profile.clearance.word)

    def check(self, profile: Profile) -> None:
        """Return if the site here declares the environment alike.

        Raises:
            UsageError: it does not.
        """
        here = vars(Declared.of(profile))
        other = sorted(key for key, value in vars(self).items() if here[key] != value)
        if other:
            raise UsageError(
                f"{profile.name}: the site here declares another {', '.join(other)} than the inviting one",
                remedy=f"take over the inviting site's files; here it is {profile.file or 'the shipped one'}",
            )


@dataclass(frozen=True)
class Invitation:
    """What is signed.

    Attributes:
        name: the environment that is invited.
        inviter: the environment that signs.
        nonce: 32 hexadecimal digits; the invitation's name.
        issued: when it was made.
        expires: from when on it counts no more.
        declared: what the inviting site declares of the environment.
        api: where the API answers; empty for a site without a link.
        trust: the trust document's envelope.
    """

    name: str
    inviter: str
    nonce: str
    issued: dt.datetime
    expires: dt.datetime
    declared: Declared
    api: str
    trust: bytes = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the invitation as a JSON object."""
        return {
            "format": 1,
            "name": self.name,
            "inviter": self.inviter,
            "nonce": self.nonce,
            "issued": stamp(self.issued),
            "expires": stamp(self.expires),
            "declared": dict(vars(self.declared)),
            "api": self.api,
            "trust": encode(self.trust),
        }

    @classmethod
    def from_json(cls, value: object) -> Invitation:
        """Read an invitation strictly; its signature is not looked at here.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, _KEYS, _WHAT)
        declared = exact(read["declared"], _DECLARED, "what is declared")
        if type(read["format"]) is not int or read["format"] != 1:
            raise NotVerifiableError(f"{_WHAT}: a format that this version does not read")
        if not all(isinstance(one, str) for one in (*declared.values(), read["api"])):
            raise NotVerifiableError(f"{_WHAT}: a text is needed where none stands")
        try:
            api = check_address(read["api"]) if read["api"] else ""
        except UsageError:
            raise NotVerifiableError(f"{_WHAT}: no address that a gate may speak to") from None
        issued, expires = moment(read["issued"], "issued"), moment(read["expires"], "expires")
        if not issued < expires <= issued + LONGEST:
            raise NotVerifiableError(f"{_WHAT}: it counts for longer than one may")
        return cls(
            name(read["name"], "the environment"),
            name(read["inviter"], "who invites"),
            nonce_of(read["nonce"]),
            issued,
            expires,
            Declared(**declared),
            api,
            decode(read["trust"], what=_WHAT),
        )


@dataclass(frozen=True)
class OpenedInvitation:
    """An invitation that verified.

    Attributes:
        invitation: what it says.
        digest: of the file's bytes; what an answer is bound to.
        trust: its trust document, by its own roots.
    """

    invitation: Invitation
    digest: str
    trust: SignedTrust


def seal_invitation(invitation: Invitation, signer: Signer) -> bytes:
    """Return the signed file."""
    return _FORM.seal(invitation, signer)


def open_invitation(raw: bytes, now: dt.datetime) -> OpenedInvitation:
    """Verify an invitation.

    Raises:
        JoiningRefusedError: any check; its `reason` says which.
    """
    # (1) Its one form.
    with as_shape():
        opened = _FORM.open(raw, Invitation.from_json)
    invitation = opened.statement
    # (2) The trust document, by its own roots.
    try:
        trust = accept(invitation.trust, pinned=None, now=now)
    except NotVerifiableError as error:
        raise JoiningRefusedError("trust", f"{_WHAT}: {error}", remedy=error.remedy) from None
    # (3) Who invites.
    check_signer(opened, trust.document, invitation.inviter, now)
    # (4) Now.
    check_time(invitation.issued, invitation.expires, now)
    # (5) For a newcomer.
    if invitation.name in trust.document.environments or invitation.name in trust.document.requesters:
        raise JoiningRefusedError(
            "name",
            f"{_WHAT}: the trust document in it names {invitation.name} already",
            remedy="an environment joins once; one that is made anew needs a name of its own",
        )
    return OpenedInvitation(invitation, digest_bytes(raw), trust)
