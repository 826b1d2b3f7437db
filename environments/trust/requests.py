"""Who asks: a statement that a requester's key signs, and whose name it earns.

Invariants:
1. Attributing is total: whatever comes, the answer is a name that the trust document lists, or
   `unattributed` with the reason; it raises nothing and grants nothing.
2. A name is earned by a key that the document lists for exactly this requester, that is not revoked and
   counts now, over a statement that is fresh and (but for a deploy, which stands behind every scheduled
   run) was not used before.
3. What the requester may ask is the document's list, looked at for every crossing; no list permits nothing,
   and `unattributed` has none.

Pure: the time, and which nonces were used, are given. The gate's wiring is `environments.boundary.asker`.

Example:
    >>> raw = sign_request(statement, signer)
    >>> attribute(raw, document, now=now, used=set()).requester
    'nightly'
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Any, Literal

from data_contracts.destination import UNATTRIBUTED
from data_contracts.digest import digest_json, is_digest
from data_contracts.errors import NotVerifiableError, UsageError
from environments.identity.signers import Signer
from environments.ref import check_name
from environments.trust.document import TrustDocument
from environments.trust.keys import SKEW
from environments.trust.members import Requester
from environments.trust.shape import exact, moment, name, stamp
from environments.trust.statement import Form

__all__ = [
    "NOTHING_MORE",
    "UNATTRIBUTED",
    "Action",
    "Attribution",
    "RequestStatement",
    "attribute",
    "may_ask",
    "new_request",
    "recall_asks",
    "sign_request",
    "sync_asks",
]

Action = Literal["sync", "queue", "run", "deploy", "recall"]
Reason = Literal[
    "verified", "unsigned", "shape", "trust", "unknown", "signature", "early", "expired", "replayed"
]
_LIVES: dict[Action, dt.timedelta] = {
    "sync": dt.timedelta(days=1),
    "queue": dt.timedelta(days=90),
    "run": dt.timedelta(days=90),
    "recall": dt.timedelta(days=1),
    "deploy": dt.timedelta(days=366),
}
"""The longest that each may count."""
_USUAL: dict[Action, dt.timedelta] = _LIVES | {"run": dt.timedelta(days=1)}
"""A run counts for longer only where it says so: what it queues waits for a link."""
_WHAT = "the request"
_FORM = Form("application/vnd.isthmus.request.v1+json", _WHAT, 16 * 1024)
_KEYS = {"format", "requester", "action", "subject", "asks", "nonce", "issued", "expires"}
NOTHING_MORE = digest_json({})
_NONCE = 16


@dataclass(frozen=True)
class RequestStatement:
    """One wish.

    Attributes:
        requester: who claims to ask.
        action: `sync`, `run` and `recall` once, `queue` as `sync` for a crossing that may wait, `deploy` for
            what a schedule repeats.
        subject: the asset or pipeline.
        asks: digest of what exactly is asked for (`sync_asks`); of nothing more, where the subject says all.
        nonce: 32 hex digits, of this wish alone.
        issued: when it was signed.
        expires: from when on it counts no more; at most a day later, 90 days for what may wait (what a run
            queues may), a year for a deploy.
    """

    requester: str
    action: Action
    subject: str
    asks: str
    nonce: str
    issued: dt.datetime
    expires: dt.datetime

    def to_json(self) -> dict[str, Any]:
        """Return the statement as a JSON object."""
        times = {"issued": stamp(self.issued), "expires": stamp(self.expires)}
        return {"format": 1} | vars(self) | times

    @classmethod
    def from_json(cls, value: object) -> RequestStatement:
        """Read a statement strictly; its signature is not looked at here.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, _KEYS, _WHAT)
        action, nonce = read["action"], read["nonce"]
        if type(read["format"]) is not int or read["format"] != 1:
            raise NotVerifiableError(f"{_WHAT}: a format or action that this version does not read")
        actions: dict[object, Action] = {word: word for word in _LIVES}
        if not isinstance(action, str) or action not in actions:
            raise NotVerifiableError(f"{_WHAT}: a format or action that this version does not read")
        hexadecimal = (
            isinstance(nonce, str) and len(nonce) == 2 * _NONCE and set(nonce) <= set("0123456789abcdef")
        )
        if not hexadecimal:
            raise NotVerifiableError(f"{_WHAT}: a nonce that is none")
        if not is_digest(read["asks"]):
            raise NotVerifiableError(f"{_WHAT}: what is asked for is no digest")
        issued, expires = moment(read["issued"], "issued"), moment(read["expires"], "expires")
        if not issued < expires <= issued + _LIVES[actions[action]]:
            raise NotVerifiableError(f"{_WHAT}: it counts for longer than a {action} may")
        subject, requester = name(read["subject"], "the subject"), name(read["requester"], "the requester")
        return cls(requester, actions[action], subject, read["asks"], str(nonce), issued, expires)


@dataclass(frozen=True)
class Attribution:
    """Whose wish it is.

    Attributes:
        requester: a name from the trust document, or `unattributed`.
        reason: `verified`, or why it is not attributed.
        statement: what was signed; None where it is not attributed.
    """

    requester: str
    reason: Reason
    statement: RequestStatement | None = None


def sync_asks(
    source: str, asset: str, version: str, destination: str, purpose: str, *, rehearsal: bool = False
) -> str:
    """Return the digest of one crossing that is asked for; a rehearsal is another wish than the crossing."""
    asked = {"source": source, "asset": asset, "version": version, "destination": destination}
    return digest_json(asked | {"purpose": purpose, "rehearsal": rehearsal})


def recall_asks(source: str, asset: str, version: str) -> str:
    """Return the digest of one recall that is asked for, wherever the version went."""
    return digest_json({"recall": {"source": source, "asset": asset, "version": version}})


def new_request(
    requester: str,
    action: Action,
    subject: str,
    now: dt.datetime,
    asks: str = NOTHING_MORE,
    *,
    lasts: dt.timedelta | None = None,
) -> RequestStatement:
    """Return a statement for now, with a nonce of its own; `lasts` at most as long as its action may.

    Raises:
        UsageError: a name is none, or is the word for nobody.
    """
    check_name(requester, "the requester")
    check_name(subject, "the subject")
    if requester == UNATTRIBUTED:
        raise UsageError(f"{UNATTRIBUTED}: is nobody's name")
    issued = now.replace(microsecond=0)
    return RequestStatement(
        requester,
        action,
        subject,
        asks,
        secrets.token_hex(_NONCE),
        issued,
        issued + min(lasts or _USUAL[action], _LIVES[action]),
    )


def sign_request(statement: RequestStatement, signer: Signer) -> bytes:
    """Return the signed envelope: DSSE, of its own payload type."""
    return _FORM.seal(statement, signer)


def attribute(
    raw: bytes | None, document: TrustDocument | None, *, now: dt.datetime, used: Container[str]
) -> Attribution:
    """Return whose wish `raw` is.

    Args:
        raw: the envelope; None where nothing was signed.
        document: the pinned trust document; None where there is none.
        now: the time.
        used: nonces of requests that were taken already.
    """
    nobody = Attribution(UNATTRIBUTED, "unsigned")
    if raw is None:
        return nobody
    if document is None or now >= document.expires:
        return replace(nobody, reason="trust")
    try:
        opened = _FORM.open(raw, RequestStatement.from_json)
    except NotVerifiableError:
        return replace(nobody, reason="shape")
    # (1) and (2): by a key that counts for whom it names.
    statement = opened.statement
    signer = opened.signer(document, statement.requester, now)
    if not isinstance(signer, Requester):
        return replace(nobody, reason=signer)
    # (3) Fresh, and not used before.
    reason = _stale(statement, now, used)
    if reason is not None:
        return replace(nobody, reason=reason)
    return Attribution(statement.requester, "verified", statement)


def _stale(statement: RequestStatement, now: dt.datetime, used: Container[str]) -> Reason | None:
    if statement.issued > now + SKEW:
        return "early"
    if now >= statement.expires:
        return "expired"
    return "replayed" if statement.action != "deploy" and statement.nonce in used else None


def may_ask(
    document: TrustDocument, requester: str, *, environment: str, asset: str, destination: str, purpose: str
) -> bool:
    """Whether the document lets this requester ask for a crossing; nobody may ask for what is not listed."""
    known = document.requesters.get(requester)
    if known is None or requester == UNATTRIBUTED:
        return False
    return known.may.permits(environment=environment, asset=asset, destination=destination, purpose=purpose)
