"""A second person's word for one crossing: signed over what was seen, good for that and until its end.

Invariants:
1. It is over the crossing's id, the decision's digest and everything that the approver was shown: for another
   crossing, another decision, or other words about the same one, it is nothing.
2. Reading is total: whatever comes, the answer is an approval or the reason why there is none.
3. A name is earned by a key that the trust document lists for exactly this approver, that counts now, and
   whom the document lets approve for this environment.
4. Who asked approves nothing of it; where nobody knows who asked, nobody can show to be another.

Pure: the time is given. Which approvers an environment takes, and how many, is `environments.boundary`'s.

Example:
    >>> raw = sign_approval(new_approval("bob", wish, now), signer)
    >>> read_approval(raw, document, wish, now).approver
    'bob'
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from data_contracts.destination import UNATTRIBUTED
from data_contracts.digest import is_digest
from data_contracts.errors import NotVerifiableError, UsageError
from environments.identity.signers import Signer
from environments.ref import check_name
from environments.trust.document import TrustDocument
from environments.trust.keys import SKEW
from environments.trust.members import Requester
from environments.trust.shape import exact, moment, name, stamp
from environments.trust.statement import Form

__all__ = ["LONGEST", "Approval", "Wish", "new_approval", "read_approval", "sign_approval"]

LONGEST = dt.timedelta(days=31)
USUAL = dt.timedelta(days=7)
_WHAT = "the approval"
_FORM = Form("application/vnd.isthmus.approval.v1+json", _WHAT, 16 * 1024)
_NAMES = ("source", "destination", "asset", "purpose", "requester")
_DIGESTS = ("crossing", "decision", "version")
_KEYS = {"format", "approver", "issued", "expires", *_NAMES, *_DIGESTS}
Reason = Literal[
    "approved",
    "not-taken",
    "shape",
    "trust",
    "unknown",
    "signature",
    "early",
    "expired",
    "other",
    "own",
    "may-not",
]


@dataclass(frozen=True)
class Wish:
    """What waits for approval, as the source decided it and an approver is shown it.

    Attributes:
        crossing: its id.
        decision: digest of the source's decision.
        source: the environment that would send.
        destination: where to.
        asset: what.
        version: which.
        purpose: what for.
        requester: who asked.
    """

    crossing: str
    decision: str
    source: str
    destination: str
    asset: str
    version: str
    purpose: str
    requester: str


@dataclass(frozen=True)
class Approval:
    """What an envelope is worth.

    Attributes:
        reason: `approved`, or why it is nothing.
        approver: who; empty where it is nothing.
        expires: until when; None where it is nothing.
    """

    reason: Reason
    approver: str = ""
    expires: dt.datetime | None = None


@dataclass(frozen=True)
class Statement:
    """What an approver signs."""

    approver: str
    wish: Wish
    issued: dt.datetime
    expires: dt.datetime

    def to_json(self) -> dict[str, Any]:
        """Return the statement as a JSON object."""
        times = {"issued": stamp(self.issued), "expires": stamp(self.expires)}
        return {"format": 1, "approver": self.approver} | vars(self.wish) | times

    @classmethod
    def from_json(cls, value: object) -> Statement:
        """Read a statement strictly; its signature is not looked at here.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, _KEYS, _WHAT)
        if type(read["format"]) is not int or read["format"] != 1:
            raise NotVerifiableError(f"{_WHAT}: a format that this version does not read")
        if not all(is_digest(read[key]) for key in _DIGESTS):
            raise NotVerifiableError(f"{_WHAT}: no digest where one belongs")
        names = {key: name(read[key], key) for key in _NAMES}
        issued, expires = moment(read["issued"], "issued"), moment(read["expires"], "expires")
        if not issued < expires <= issued + LONGEST:
            raise NotVerifiableError(f"{_WHAT}: it counts for longer than one may")
        wish = Wish(**names, **{key: read[key] for key in _DIGESTS})
        return cls(name(read["approver"], "the approver"), wish, issued, expires)


def new_approval(approver: str, wish: Wish, now: dt.datetime, lasts: dt.timedelta = USUAL) -> Statement:
    """Return a statement for now.

    Raises:
        UsageError: the name is none, or it would last longer than one may.
    """
    check_name(approver, "the approver")
    if not dt.timedelta() < lasts <= LONGEST:
        raise UsageError(f"an approval counts for at most {LONGEST.days} days")
    issued = now.replace(microsecond=0)
    return Statement(approver, wish, issued, issued + lasts)


def sign_approval(statement: Statement, signer: Signer) -> bytes:
    """Return the signed envelope: DSSE, of its own payload type."""
    return _FORM.seal(statement, signer)


def read_approval(raw: bytes, document: TrustDocument | None, wish: Wish, now: dt.datetime) -> Approval:
    """Return what an envelope is worth for `wish`.

    Args:
        raw: the envelope.
        document: the pinned trust document; None where there is none.
        wish: what waits here, by this environment's own record and decision.
        now: the time.
    """
    if document is None or now >= document.expires:
        return Approval("trust")
    try:
        opened = _FORM.open(raw, Statement.from_json)
    except NotVerifiableError:
        return Approval("shape")
    # (1) By a key that counts for whom it names.
    statement = opened.statement
    signer = opened.signer(document, statement.approver, now)
    if not isinstance(signer, Requester):
        return Approval(signer)
    # (2) Over exactly this, now, and by somebody else who may.
    reason = _against(statement, wish, now)
    if reason is None and not signer.may.may_approve(wish.source):
        reason = "may-not"
    if reason is not None:
        return Approval(reason)
    return Approval("approved", statement.approver, statement.expires)


def _against(statement: Statement, wish: Wish, now: dt.datetime) -> Reason | None:
    if statement.wish != wish:
        return "other"
    if statement.issued > now + SKEW:
        return "early"
    if now >= statement.expires:
        return "expired"
    return "own" if wish.requester in (UNATTRIBUTED, statement.approver) else None
