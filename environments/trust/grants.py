"""Grants: a signed word that one step may run once, on named references, for its purpose, until a moment.

Invariants:
1. A grant is worth what the environment's own pinned trust document says of the key that signed it, now.
2. It is of one step of one environment, one purpose, and the references that it lists by parameter: a
   version, or `*` where the run itself makes what is read. Whatever else the step is to read refuses it.
3. The requester may ask for every asset that is read, by the trust document's list.
4. It is used once: its nonce is of the first run that shows it, durably (`Nonces`); a retry is the same run.
5. Absent, unreadable, unknown or expired refuses; the text names the reason, never what was signed.

Example:
    >>> grant = new_grant("anna", "cloud", "hospital.train", {"tests": "*"}, "model-training", now)
    >>> raw = sign_grant(grant, signer)
    >>> check_grant(raw, document, wanted, now).requester
    'anna'
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data_contracts.digest import is_digest
from data_contracts.errors import DeniedError, NotVerifiableError
from environments.identity.signers import Signer
from environments.ref import NAME, AssetRef, check_name, parse_asset
from environments.trust.document import TrustDocument
from environments.trust.keys import SKEW
from environments.trust.members import Permission, Requester
from environments.trust.shape import exact, moment, name, stamp
from environments.trust.statement import Form

__all__ = ["ANY", "GRANTS_PARAMETER", "GRANT_PARAMETER", "Grant", "GrantRefusedError", "Wanted"]
__all__ += ["check_grant", "new_grant", "sign_grant"]

GRANT_PARAMETER = "isthmus_grant"
"""The parameter of a step's run that holds its grant, as a token."""
GRANTS_PARAMETER = "isthmus_grants"
"""The parameter of a pipeline's run that holds the grants of its steps: `NODE.TOKEN`, by commas."""
ANY = "*"
"""In place of a version: what the run itself makes, and nobody can name before."""
_LIFE = dt.timedelta(days=1)
_WHAT = "the grant"
_FORM = Form("application/vnd.isthmus.grant.v1+json", _WHAT, 3 * 1024)
_KEYS = {"format", "requester", "environment", "step", "references", "purpose", "nonce", "issued", "expires"}
_STEP = re.compile(rf"{NAME}\.{NAME}")
_NONCE = re.compile(r"[0-9a-f]{32}")
_NOT_ITS = {
    "unknown": "no key of that requester counts",
    "signature": "its signature does not verify",
}


class GrantRefusedError(DeniedError):
    """A step needs a grant, and there is none that counts."""

    def __init__(self, step: str, reason: str) -> None:
        """Say which step, and why."""
        self.reason = reason
        super().__init__(
            f"{step} needs a signed grant: {reason}",
            remedy="start its pipeline with `isthmus run`, where a requester's key lies in the home",
        )


@dataclass(frozen=True)
class Grant:
    """What was signed.

    Attributes:
        requester: who grants.
        environment: where the step runs.
        step: `PIPELINE.STEP`.
        references: parameter to `NAME@VERSION`, or to `*`.
        purpose: the step's.
        nonce: 32 hex digits, of this grant alone.
        issued: when it was signed.
        expires: from when on it counts no more; at most a day later.
    """

    requester: str
    environment: str
    step: str
    references: Mapping[str, str] = field(repr=False)
    purpose: str
    nonce: str
    issued: dt.datetime
    expires: dt.datetime

    def to_json(self) -> dict[str, Any]:
        """Return the statement as a JSON object."""
        times = {"issued": stamp(self.issued), "expires": stamp(self.expires)}
        return {"format": 1} | vars(self) | times | {"references": dict(self.references)}

    @classmethod
    def from_json(cls, value: object) -> Grant:
        """Read a statement strictly; its signature is not looked at here.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, _KEYS, _WHAT)
        if type(read["format"]) is not int or read["format"] != 1:
            raise NotVerifiableError(f"{_WHAT}: a format that this version does not read")
        if not isinstance(read["step"], str) or not _STEP.fullmatch(read["step"]):
            raise NotVerifiableError(f"{_WHAT}: not of a step")
        if not isinstance(read["nonce"], str) or not _NONCE.fullmatch(read["nonce"]):
            raise NotVerifiableError(f"{_WHAT}: a nonce that is none")
        issued, expires = moment(read["issued"], "issued"), moment(read["expires"], "expires")
        if not issued < expires <= issued + _LIFE:
            raise NotVerifiableError(f"{_WHAT}: it counts for longer than a day")
        references = read["references"]
        if not isinstance(references, Mapping) or not all(map(_is_reference, references.values())):
            raise NotVerifiableError(f"{_WHAT}: references that are none")
        return cls(
            name(read["requester"], "the requester"),
            name(read["environment"], "the environment"),
            read["step"],
            {name(key, "a parameter"): value for key, value in references.items()},
            name(read["purpose"], "the purpose"),
            read["nonce"],
            issued,
            expires,
        )


@dataclass(frozen=True)
class Wanted:
    """What a step is about to do.

    Attributes:
        environment: where.
        step: `PIPELINE.STEP`.
        purpose: the step's own.
        references: what it is asked to read, by parameter.
    """

    environment: str
    step: str
    purpose: str
    references: Mapping[str, AssetRef]


def _is_reference(value: object) -> bool:
    if value == ANY:
        return True
    asset, _, version = value.partition("@") if isinstance(value, str) else ("", "", "")
    return is_digest(version) and parse_asset(f"{asset}@{version}") == (asset, version)


def new_grant(
    requester: str, environment: str, step: str, references: Mapping[str, str], purpose: str, now: dt.datetime
) -> Grant:
    """Return a grant for now, with a nonce of its own.

    Raises:
        UsageError: a name is none.
    """
    check_name(requester, "the requester")
    issued = now.replace(microsecond=0)
    nonce = secrets.token_hex(16)
    return Grant(requester, environment, step, dict(references), purpose, nonce, issued, issued + _LIFE)


def sign_grant(grant: Grant, signer: Signer) -> bytes:
    """Return the signed envelope: DSSE, of its own payload type."""
    return _FORM.seal(grant, signer)


def check_grant(raw: bytes | None, document: TrustDocument | None, wanted: Wanted, now: dt.datetime) -> Grant:
    """Return the grant if it lets a step run; whether its nonce is new, the caller asks.

    Args:
        raw: the envelope; None where there is none.
        document: the pinned trust document; None where there is none.
        wanted: what the step is about to do.
        now: the time.

    Raises:
        GrantRefusedError: it does not.
    """
    if raw is None:
        raise GrantRefusedError(wanted.step, "there is none")
    if document is None or now >= document.expires:
        raise GrantRefusedError(wanted.step, "no trust document counts here")
    grant, may = _verified(raw, document, wanted.step, now)
    # (4) Of this step, here, for this purpose.
    if (grant.environment, grant.step) != (wanted.environment, wanted.step):
        raise GrantRefusedError(wanted.step, "it is of another step")
    if grant.purpose != wanted.purpose:
        raise GrantRefusedError(wanted.step, "it is for another purpose")
    # (5) Of exactly what is read: each reference is listed, and no version is listed that is not read.
    for parameter in {*grant.references, *wanted.references}:
        listed, read = grant.references.get(parameter), wanted.references.get(parameter)
        if listed is None or (listed != ANY and (read is None or listed != str(read))):
            raise GrantRefusedError(wanted.step, "it is of another reference")
    # (6) By somebody who may ask for all of it.
    if not _may_grant(may, wanted):
        raise GrantRefusedError(wanted.step, "its requester may not ask for that")
    return grant


def _verified(raw: bytes, document: TrustDocument, step: str, now: dt.datetime) -> tuple[Grant, Permission]:
    """Return a grant whose signature counts now, and what its requester may ask."""
    try:
        opened = _FORM.open(raw, Grant.from_json)
    except NotVerifiableError:
        raise GrantRefusedError(step, "it is not of the one form") from None
    # (1) and (2): by a key that counts for whom it names.
    grant = opened.statement
    signer = opened.signer(document, grant.requester, now)
    if not isinstance(signer, Requester):
        raise GrantRefusedError(step, _NOT_ITS[signer])
    # (3) Fresh.
    if grant.issued > now + SKEW or now >= grant.expires:
        raise GrantRefusedError(step, "it has expired, or is of the future")
    return grant, signer.may


def _may_grant(may: Permission, wanted: Wanted) -> bool:
    """Whether environment, purpose and every asset are listed; a step moves nothing to a destination."""
    asked = [(may.environments, wanted.environment), (may.purposes, wanted.purpose)]
    asked += [(may.assets, ref.name) for ref in wanted.references.values()]
    return all(listed == (ANY,) or one in listed for listed, one in asked)
