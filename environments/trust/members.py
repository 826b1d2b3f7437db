"""Whom a trust document names: root keys, environments, and those who may ask.

Invariants:
1. A threshold is at least one and at most the number of distinct root keys.
2. What a requester may ask is listed; an empty list permits nothing, and `*` is written out.

Example:
    >>> document.environments["cloud"].identity(now).name
    'cloud'
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from data_contracts.digest import digest_bytes, is_digest
from data_contracts.errors import NotVerifiableError
from environments.encoding import decode, encode
from environments.identity.public import PublicIdentity
from environments.trust.keys import AgreementKey, SigningKey
from environments.trust.shape import count, exact, items, name

__all__ = ["Permission", "Requester", "Roots", "TrustedEnvironment"]

_KEY = 32
_ASKED = {"environments", "assets", "destinations", "purposes"}


@dataclass(frozen=True)
class Roots:
    """Whose signatures make a document: `threshold` of these Ed25519 keys."""

    threshold: int
    keys: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a threshold that nobody or everybody at once could reach."""
        if len(set(self.keys)) != len(self.keys) or not 1 <= self.threshold <= len(self.keys):
            raise NotVerifiableError("root keys: a threshold from 1 to the number of distinct keys is needed")

    @property
    def by_id(self) -> dict[str, bytes]:
        """The keys by their ids."""
        return {digest_bytes(key): key for key in self.keys}

    def to_json(self) -> dict[str, Any]:
        """Return the roots as they stand in the document."""
        return {"threshold": self.threshold, "keys": [encode(key) for key in self.keys]}

    @classmethod
    def from_json(cls, value: object) -> Roots:
        """Read roots strictly.

        Raises:
            NotVerifiableError: they are none.
        """
        read = exact(value, {"threshold", "keys"}, "root keys")
        keys = tuple(decode(key, what="a root key", length=_KEY) for key in items(read["keys"], "root keys"))
        return cls(count(read["threshold"], "the threshold"), keys)


@dataclass(frozen=True)
class TrustedEnvironment:
    """One environment's keys.

    Attributes:
        name: the environment.
        signing: all that it signs or signed with; the newest that counts is the one it uses.
        agreement: all that is or was wrapped for.
        pair: X25519, for chunk addresses; one, for as long as the environment lives.
        dask_ca: SHA-256 of its cluster's authority (DER); None where nobody said.
    """

    name: str
    signing: tuple[SigningKey, ...]
    agreement: tuple[AgreementKey, ...]
    pair: bytes = field(repr=False)
    dask_ca: str | None = None

    @property
    def keys(self) -> tuple[SigningKey | AgreementKey, ...]:
        """All of them that a window bounds."""
        return (*self.signing, *self.agreement)

    def identity(self, now: dt.datetime) -> PublicIdentity:
        """Return what may be believed of this environment now; the keys of its past stand under `history`.

        Raises:
            NotVerifiableError: none of its keys counts now.
        """
        signing = [key for key in self.signing if key.window.accepts(now)]
        agreement = [key for key in self.agreement if key.window.accepts(now)]
        if not signing or not agreement:
            raise NotVerifiableError(
                f"{self.name}: the trust document names no key of it that counts now",
                remedy="its keys were revoked or have ended: `isthmus keys rotate` there, then update the "
                "trust document here",
            )
        newest = max(signing, key=lambda key: key.window.begins)
        wrap = max(agreement, key=lambda key: key.window.begins)
        return PublicIdentity(
            self.name,
            signing=newest.public,
            wrap_mlkem=wrap.mlkem,
            wrap_x25519=wrap.x25519,
            pair=self.pair,
            also=tuple(key.public for key in signing if key is not newest),
            history=tuple(key.public for key in self.signing if key not in signing),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the environment as it stands in the document."""
        return {
            "signing": [key.to_json() for key in self.signing],
            "agreement": [key.to_json() for key in self.agreement],
            "pair": encode(self.pair),
            "dask_ca": self.dask_ca,
        }

    @classmethod
    def from_json(cls, named: str, value: object) -> TrustedEnvironment:
        """Read an environment strictly.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, {"signing", "agreement", "pair", "dask_ca"}, "an environment's keys")
        if read["dask_ca"] is not None and not is_digest(read["dask_ca"]):
            raise NotVerifiableError("an environment's Dask authority: not a digest")
        return cls(
            name(named, "the environment"),
            tuple(SigningKey.from_json(key) for key in items(read["signing"], "signing keys")),
            tuple(AgreementKey.from_json(key) for key in items(read["agreement"], "agreement keys")),
            decode(read["pair"], what="the pair key", length=_KEY),
            read["dask_ca"],
        )


@dataclass(frozen=True)
class Permission:
    """What may be asked: each a list of names, or `*` alone for all.

    Attributes:
        environments: where what is asked for lies.
        assets: which.
        destinations: where it may be asked to go.
        purposes: what for.
        approves: environments whose waiting crossings may be approved; that needs nothing of the others.
    """

    environments: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    approves: tuple[str, ...] = ()

    def permits(self, *, environment: str, asset: str, destination: str, purpose: str) -> bool:
        """Whether all four are listed."""
        asked = (
            (self.environments, environment), (self.assets, asset),
            (self.destinations, destination), (self.purposes, purpose),
        )  # fmt: skip
        return all(listed == ("*",) or one in listed for listed, one in asked)

    def may_approve(self, environment: str) -> bool:
        """Whether this environment's crossings may be approved."""
        return self.approves == ("*",) or environment in self.approves

    def to_json(self) -> dict[str, Any]:
        """Return the lists; `approves` where it holds anything: documents of before had none."""
        listed = {key: list(value) for key, value in vars(self).items()}
        return listed if self.approves else {key: listed[key] for key in _ASKED}

    @classmethod
    def from_json(cls, value: object) -> Permission:
        """Read the lists strictly.

        Raises:
            NotVerifiableError: one holds something else than names.
        """
        approves = {"approves"} if isinstance(value, Mapping) and value.get("approves") else set()
        read = exact(value, _ASKED | approves, "what may be asked")
        return cls(**{key: _names(read[key], key) for key in read})


def _names(value: object, what: str) -> tuple[str, ...]:
    listed = items(value, what)
    return ("*",) if listed == ["*"] else tuple(name(one, what) for one in listed)


@dataclass(frozen=True)
class Requester:
    """A person or a service that may ask."""

    name: str
    kind: Literal["user", "service"]
    keys: tuple[SigningKey, ...]
    may: Permission

    def to_json(self) -> dict[str, Any]:
        """Return the requester as it stands in the document."""
        return {
            "kind": self.kind,
            "keys": [key.to_json() for key in self.keys],
            "may": self.may.to_json(),
        }

    @classmethod
    def from_json(cls, named: str, value: object) -> Requester:
        """Read a requester strictly.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, {"kind", "keys", "may"}, "a requester")
        if read["kind"] not in ("user", "service"):
            raise NotVerifiableError("a requester: neither a user nor a service")
        keys = tuple(SigningKey.from_json(key) for key in items(read["keys"], "a requester's keys"))
        kind: Literal["user", "service"] = "user" if read["kind"] == "user" else "service"
        return cls(name(named, "the requester"), kind, keys, Permission.from_json(read["may"]))
