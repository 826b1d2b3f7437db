"""Keys as a trust document lists them: each with the window in which it counts, and revoked or not.

Invariants:
1. A key counts only inside its window and only while it is not revoked; from the document that revokes it
   on, nothing that it signed is taken, whatever time it claims: a thief writes any date.
2. A key's id is the digest of its raw bytes; nothing else names it.

Example:
    >>> key = SigningKey(public, Window(begins, ends))
    >>> key.window.accepts(begins), key.window.accepts(ends)
    (True, False)
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.encoding import decode, encode
from environments.trust.shape import exact, moment, stamp

__all__ = ["KEY_LIFETIME", "SKEW", "AgreementKey", "SigningKey", "Window"]

SKEW = dt.timedelta(minutes=5)
"""How far ahead another machine's clock may be."""
KEY_LIFETIME = dt.timedelta(days=730)
_WINDOW = {"begins", "ends", "revoked"}
_ED25519, _MLKEM, _X25519 = 32, 1184, 32


@dataclass(frozen=True)
class Window:
    """When a key counts: from `begins` until before `ends`, unless it was revoked."""

    begins: dt.datetime
    ends: dt.datetime
    revoked: dt.datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a window that ends before it begins."""
        if self.ends <= self.begins:
            raise NotVerifiableError("a key's window ends before it begins")

    def accepts(self, now: dt.datetime) -> bool:
        """Whether the key counts now."""
        return self.revoked is None and self.begins <= now + SKEW and now < self.ends

    def to_json(self) -> dict[str, Any]:
        """Return the window's three keys."""
        revoked = stamp(self.revoked) if self.revoked else None
        return {"begins": stamp(self.begins), "ends": stamp(self.ends), "revoked": revoked}

    @classmethod
    def from_json(cls, value: Any) -> Window:  # noqa: ANN401 - the object around was checked to hold the keys
        """Read the window's three keys.

        Raises:
            NotVerifiableError: one is no time.
        """
        revoked = None if value["revoked"] is None else moment(value["revoked"], "revoked")
        return cls(moment(value["begins"], "begins"), moment(value["ends"], "ends"), revoked)


@dataclass(frozen=True)
class SigningKey:
    """A public Ed25519 key, 32 bytes raw (RFC 8032)."""

    public: bytes = field(repr=False)
    window: Window

    @property
    def key_id(self) -> str:
        """What a signature names as its `keyid`."""
        return digest_bytes(self.public)

    def to_json(self) -> dict[str, Any]:
        """Return the key as it stands in the document."""
        return {"public": encode(self.public)} | self.window.to_json()

    @classmethod
    def from_json(cls, value: object) -> SigningKey:
        """Read a key strictly.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, {"public"} | _WINDOW, "a signing key")
        return cls(decode(read["public"], what="a signing key", length=_ED25519), Window.from_json(read))


@dataclass(frozen=True)
class AgreementKey:
    """The two halves of a hybrid HPKE key: ML-KEM-768 (FIPS 203) and X25519."""

    mlkem: bytes = field(repr=False)
    x25519: bytes = field(repr=False)
    window: Window

    @property
    def key_id(self) -> str:
        """The digest of both halves, in this order."""
        return digest_bytes(self.mlkem + self.x25519)

    def to_json(self) -> dict[str, Any]:
        """Return the key as it stands in the document."""
        return {"mlkem": encode(self.mlkem), "x25519": encode(self.x25519)} | self.window.to_json()

    @classmethod
    def from_json(cls, value: object) -> AgreementKey:
        """Read a key strictly.

        Raises:
            NotVerifiableError: it is none.
        """
        read = exact(value, {"mlkem", "x25519"} | _WINDOW, "an agreement key")
        mlkem = decode(read["mlkem"], what="an agreement key", length=_MLKEM)
        x25519 = decode(read["x25519"], what="an agreement key", length=_X25519)
        return cls(mlkem, x25519, Window.from_json(read))
