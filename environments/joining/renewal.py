"""New keys of an environment that joined, as a file for the home that issues the trust document.

Invariants, in the order in which they are checked:
1. The file has one form, and is signed by a key of the environment that counts in the newest trust document.
2. It is not older than a week: an old one would bring back keys that were given up since.
3. Its pair key is the known one, and its signing key is new.

Whoever stole the old key could sign one, too: so its fingerprint is compared, as an answer's is.

Example:
    >>> open_renewal(raw, document, now).public.name
    'cloud'
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from data_contracts.digest import digest_json
from data_contracts.errors import NotVerifiableError
from environments.identity.public import PublicIdentity
from environments.identity.signers import Signer
from environments.joining.letter import as_shape, check_signer, check_time
from environments.members.refusal import JoiningRefusedError
from environments.trust.document import TrustDocument
from environments.trust.shape import exact, moment, stamp
from environments.trust.statement import Form

__all__ = ["Renewal", "open_renewal", "seal_renewal"]

_WHAT = "the renewal"
_FORM = Form("application/vnd.isthmus.renewal.v1+json", _WHAT, 64 * 1024)
_COUNTS = dt.timedelta(days=7)


@dataclass(frozen=True)
class Renewal:
    """What is signed by the old key.

    Attributes:
        public: the new keys.
        issued: when it was made.
    """

    public: PublicIdentity = field(repr=False)
    issued: dt.datetime

    @property
    def name(self) -> str:
        """The environment."""
        return self.public.name

    @property
    def digest(self) -> str:
        """Of all that it says; what people compare."""
        return digest_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the renewal as a JSON object."""
        return {"format": 1, "public": self.public.to_json(), "issued": stamp(self.issued)}

    @classmethod
    def from_json(cls, value: object) -> Renewal:
        """Read a renewal strictly; its signature is not looked at here.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, {"format", "public", "issued"}, _WHAT)
        if type(read["format"]) is not int or read["format"] != 1:
            raise NotVerifiableError(f"{_WHAT}: a format that this version does not read")
        return cls(PublicIdentity.from_json(read["public"]), moment(read["issued"], "issued"))


def seal_renewal(renewal: Renewal, signer: Signer) -> bytes:
    """Return the signed file."""
    return _FORM.seal(renewal, signer)


def open_renewal(raw: bytes, document: TrustDocument, now: dt.datetime) -> Renewal:
    """Verify a renewal against the newest trust document.

    Raises:
        JoiningRefusedError: any check; its `reason` says which.
    """
    # (1) Its one form, by a key that counts.
    with as_shape():
        opened = _FORM.open(raw, Renewal.from_json)
    renewal = opened.statement
    check_signer(opened, document, renewal.name, now)
    # (2) News.
    check_time(renewal.issued, renewal.issued + _COUNTS, now, "the renewal", "isthmus keys rotate")
    # (3) New keys of the same environment.
    known = document.environments[renewal.name]
    if renewal.public.pair != known.pair:
        raise JoiningRefusedError(
            "keys",
            f"{_WHAT}: it shows another pair key of {renewal.name}",
            remedy="an environment that was made anew needs a name of its own",
        )
    if renewal.public.signing in {key.public for key in known.signing}:
        raise JoiningRefusedError(
            "used",
            f"{_WHAT}: the trust document names this key of {renewal.name} already",
            remedy="take the document to its home: `isthmus trust export`, `isthmus trust update`",
        )
    return renewal
