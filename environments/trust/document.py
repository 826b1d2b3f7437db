"""The trust document: which keys of whom count, from when until when, by whose word.

Invariants:
1. It has one form; an unknown key, an unknown suite or an unknown format refuses it.
2. A key stands once in the whole document: no key is of two environments, nor a root's and an environment's;
   and no requester has an environment's name.
3. It expires. What has expired is believed in nothing: whoever is kept from news stops taking anything.
4. The HPKE suite is the document's, one for all; no peer chooses.

The rules are those of The Update Framework's root role (docs/adr/0018-a-trust-document-of-our-own.md).

Example:
    >>> TrustDocument.from_json(document.to_json()) == document
    True
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data_contracts.digest import digest_json
from data_contracts.errors import NotVerifiableError
from environments.identity.public import PublicIdentity
from environments.trust.members import Requester, Roots, TrustedEnvironment
from environments.trust.shape import count, exact, moment, stamp

__all__ = ["HPKE_SUITE", "LIFETIME", "TrustDocument"]

HPKE_SUITE = "MLKEM768_X25519/HKDF_SHA256/AES_256_GCM"
"""The one suite that this version speaks (`environments.identity.public.SUITE`)."""
LIFETIME = dt.timedelta(days=365)
_KEYS = {"format", "version", "issued", "expires", "suite", "roots", "environments", "requesters"}
_FORMAT = 1


@dataclass(frozen=True)
class TrustDocument:
    """One version.

    Attributes:
        version: counted up with every change; 1-based.
        issued: when it was made.
        expires: from when on it counts no more.
        roots: who signs the next one.
        environments: their keys, by name.
        requesters: who may ask, by name.
        suite: the HPKE suite of everything that crosses.
    """

    version: int
    issued: dt.datetime
    expires: dt.datetime
    roots: Roots
    environments: Mapping[str, TrustedEnvironment] = field(repr=False)
    requesters: Mapping[str, Requester] = field(default_factory=dict, repr=False)
    suite: str = HPKE_SUITE

    def __post_init__(self) -> None:
        """Refuse a key that stands twice, and an end before the beginning."""
        keys = list(self.roots.keys)
        for environment in self.environments.values():
            keys += [key.public for key in environment.signing] + [environment.pair]
            keys += [half for key in environment.agreement for half in (key.mlkem, key.x25519)]
        keys += [key.public for requester in self.requesters.values() for key in requester.keys]
        if len(set(keys)) != len(keys):
            raise NotVerifiableError("the trust document: a key stands in two places")
        if set(self.environments) & set(self.requesters):
            raise NotVerifiableError("the trust document: an environment and a requester of one name")
        if self.expires <= self.issued:
            raise NotVerifiableError("the trust document: it expires before it is issued")

    @property
    def digest(self) -> str:
        """Of its canonical form; what two operators compare by voice."""
        return digest_json(self.to_json())

    def check_current(self, now: dt.datetime) -> None:
        """Return if the document counts now.

        Raises:
            NotVerifiableError: it has expired.
        """
        if now >= self.expires:
            raise NotVerifiableError(
                f"the trust document (version {self.version}) expired at {stamp(self.expires)}",
                remedy="run `isthmus up`, or `isthmus trust update FILE` with a newer one; "
                "nothing is taken from anybody until then",
            )

    def identity(self, name: str, now: dt.datetime) -> PublicIdentity:
        """Return what may be believed of an environment now.

        Raises:
            NotVerifiableError: the document has expired, does not name it, or no key of it counts.
        """
        self.check_current(now)
        if name not in self.environments:
            raise NotVerifiableError(
                f"{name}: no key of this environment is known here",
                remedy="run `isthmus up`, or update the trust document with one that names it",
            )
        return self.environments[name].identity(now)

    def to_json(self) -> dict[str, Any]:
        """Return the document as a JSON object."""
        return {
            "format": _FORMAT,
            "version": self.version,
            "issued": stamp(self.issued),
            "expires": stamp(self.expires),
            "suite": self.suite,
            "roots": self.roots.to_json(),
            "environments": {name: one.to_json() for name, one in self.environments.items()},
            "requesters": {name: one.to_json() for name, one in self.requesters.items()},
        }

    @classmethod
    def from_json(cls, value: object) -> TrustDocument:
        """Read a document strictly; its signatures are not looked at here.

        Raises:
            NotVerifiableError: it is none that this version reads.
        """
        read = exact(value, _KEYS, "the trust document")
        if read["format"] != _FORMAT or type(read["format"]) is not int:
            raise NotVerifiableError("the trust document: a format that this version does not read")
        if read["suite"] != HPKE_SUITE:
            raise NotVerifiableError("the trust document: a suite that this version does not speak")
        environments, requesters = read["environments"], read["requesters"]
        if not isinstance(environments, Mapping) or not isinstance(requesters, Mapping):
            raise NotVerifiableError("the trust document: environments and requesters by name are needed")
        named = {name: TrustedEnvironment.from_json(name, one) for name, one in environments.items()}
        return cls(
            version=count(read["version"], "the trust document's version"),
            issued=moment(read["issued"], "issued"),
            expires=moment(read["expires"], "expires"),
            roots=Roots.from_json(read["roots"]),
            environments=named,
            requesters={name: Requester.from_json(name, one) for name, one in requesters.items()},
        )
