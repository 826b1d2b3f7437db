"""What an environment shows of itself: its name and its public keys.

Invariants:
1. A public identity has one form: exactly these keys, each of exactly the right length.
2. Every use has a key of its own: signing (Ed25519), wrapping (ML-KEM-768 with X25519, a hybrid that
   holds while either half does), and the pair key (X25519) that addresses chunks in a transit.
3. The suite is fixed here. A peer can choose none.
4. A `keyid` chooses among the keys that are believed, and adds none. Keys of the past verify the past only:
   they are looked at in `ever`, which nothing that arrives is verified by.

Example:
    >>> public = create_identity(folder, "cloud")
    >>> PublicIdentity.from_json(public.to_json()) == public
    True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from data_contracts.digest import digest_bytes, digest_json
from data_contracts.errors import NotVerifiableError, UsageError
from environments.encoding import decode, encode
from environments.ref import check_name

__all__ = ["SUITE", "PublicIdentity"]

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
"""The one HPKE suite (RFC 9180; draft-ietf-hpke-pq for the hybrid KEM)."""
_VERSION = 1
_LENGTHS = {"signing": 32, "wrap_mlkem": 1184, "wrap_x25519": 32, "pair": 32}


@dataclass(frozen=True)
class PublicIdentity:
    """One environment's name and public keys, raw.

    Attributes:
        name: the environment.
        signing: Ed25519, 32 bytes (RFC 8032).
        wrap_mlkem: ML-KEM-768 encapsulation key, 1184 bytes (FIPS 203).
        wrap_x25519: X25519, 32 bytes; the hybrid's other half.
        pair: X25519, 32 bytes; for the pair key of chunk addresses.
        also: other signing keys that count now: those of an overlap.
        history: signing keys that counted once; for what was verified before.
    """

    name: str
    signing: bytes = field(repr=False)
    wrap_mlkem: bytes = field(repr=False)
    wrap_x25519: bytes = field(repr=False)
    pair: bytes = field(repr=False)
    also: tuple[bytes, ...] = field(default=(), repr=False, compare=False)
    history: tuple[bytes, ...] = field(default=(), repr=False, compare=False)

    @property
    def ever(self) -> PublicIdentity:
        """The same with every key that it ever signed with: to verify again what was verified before."""
        return replace(self, also=(*self.also, *self.history))

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of all signing keys that count."""
        return frozenset(digest_bytes(key) for key in (self.signing, *self.also))

    @property
    def key_id(self) -> str:
        """The digest of the raw signing key; what a signature names as its `keyid`."""
        return digest_bytes(self.signing)

    @property
    def fingerprint(self) -> str:
        """The digest of the whole public identity; what two operators compare by voice."""
        return digest_json(self.to_json())

    def verify(self, payload: bytes, signature: bytes, *, key_id: str | None = None) -> None:
        """Return if `signature` is this environment's over `payload`, by a key of it that counts.

        Args:
            payload: what was signed.
            signature: 64 bytes.
            key_id: the one key that must have signed; None: any of them.

        Raises:
            NotVerifiableError: it is not.
        """
        for key in (self.signing, *self.also):
            if key_id is not None and digest_bytes(key) != key_id:
                continue
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(signature, payload)
            except (InvalidSignature, ValueError):
                continue
            return
        raise NotVerifiableError(
            f"a signature that is not {self.name}'s",
            remedy=f"ask {self.name}'s operator whether its key changed, then update the trust document",
        )

    def wrap(self, secret: bytes, *, info: bytes) -> bytes:
        """Encrypt a short secret so that only this environment opens it, and only with the same `info`."""
        key = hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(self.wrap_mlkem),
            X25519PublicKey.from_public_bytes(self.wrap_x25519),
        )
        return SUITE.encrypt(secret, key, info=info)

    def to_json(self) -> dict[str, Any]:
        """Return the identity as the JSON object that peers exchange."""
        keys = {name: encode(getattr(self, name)) for name in _LENGTHS}
        return {"version": _VERSION, "name": self.name, **keys}

    @classmethod
    def from_json(cls, value: object) -> PublicIdentity:
        """Read a public identity; a missing, unknown or malformed key is refused.

        Raises:
            NotVerifiableError: the value is no public identity of version 1.
        """
        if not isinstance(value, Mapping) or set(value) != {"version", "name", *_LENGTHS}:
            raise NotVerifiableError("not a public identity: its keys are not the expected ones")
        if value["version"] != _VERSION:
            raise NotVerifiableError("not a public identity of version 1", remedy="upgrade both sides")
        try:
            name = check_name(value["name"], "the identity's name")
        except UsageError as error:
            raise NotVerifiableError(str(error)) from None
        keys = {key: decode(value[key], what=key, length=length) for key, length in _LENGTHS.items()}
        return cls(name, keys["signing"], keys["wrap_mlkem"], keys["wrap_x25519"], keys["pair"])
