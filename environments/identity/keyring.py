"""The file of an environment's private keys: generations, of which one acts.

Invariants:
1. A generation is made whole (signing, wrapping) and never changed; a new one is added at the end.
2. Exactly one acts. Another one acts only after the trust document that this environment has pinned
   names it: peers must be able to know it before they see it.
3. Version 1 of the file (one generation, no list) is read as it was written.

Example:
    >>> keyring = Keyring("cloud", (new_generation(),), acting_number=1, pair=pair)
    >>> Keyring.from_bytes(canonical(keyring.to_json()), "identity.key") == keyring
    True
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from data_contracts.errors import NotVerifiableError
from environments.encoding import decode, encode
from environments.identity.public import PublicIdentity
from environments.identity.signers import FileSigner, KmsKey, KmsSigner, Signer, TokenKey, TokenSigner
from environments.ref import check_name

__all__ = ["Generation", "Keyring", "new_generation", "public_of"]

_SEEDS = {"signing": 32, "wrap_mlkem": 64, "wrap_x25519": 32}
_PAIR = 32
_VERSION = 2
_REMEDY = "restore the environment's keys from their backup"


@dataclass(frozen=True)
class Generation:
    """One set of keys.

    Attributes:
        signing: an Ed25519 seed, or where in a token or in KMS the key lies.
        wrap_mlkem: an ML-KEM-768 seed.
        wrap_x25519: an X25519 private key.
    """

    signing: bytes | TokenKey | KmsKey = field(repr=False)
    wrap_mlkem: bytes = field(repr=False)
    wrap_x25519: bytes = field(repr=False)

    def signer(self) -> Signer:
        """Return what signs with this generation's key."""
        if isinstance(self.signing, KmsKey):
            return KmsSigner(self.signing)
        return TokenSigner(self.signing) if isinstance(self.signing, TokenKey) else FileSigner(self.signing)

    def to_json(self) -> dict[str, Any]:
        """Return the generation as it stands in the file."""
        signing = encode(self.signing) if isinstance(self.signing, bytes) else self.signing.to_json()
        return {
            "signing": signing,
            "wrap_mlkem": encode(self.wrap_mlkem),
            "wrap_x25519": encode(self.wrap_x25519),
        }

    @classmethod
    def from_json(cls, value: Any) -> Generation:  # noqa: ANN401 - our own file's JSON; what is missing raises
        """Read a generation; a missing key raises KeyError."""
        seeds = {
            key: decode(value[key], what=key, length=size)
            for key, size in _SEEDS.items()
            if isinstance(value[key], str)
        }
        if "signing" not in seeds:
            kind = KmsKey if "kms" in value["signing"] else TokenKey
            return cls(kind.from_json(value["signing"]), seeds["wrap_mlkem"], seeds["wrap_x25519"])
        return cls(seeds["signing"], seeds["wrap_mlkem"], seeds["wrap_x25519"])


def new_generation(signing: TokenKey | KmsKey | None = None) -> Generation:
    """Make fresh keys; the signing key may have been made in a token or in KMS."""
    return Generation(
        signing or Ed25519PrivateKey.generate().private_bytes_raw(),
        MLKEM768PrivateKey.generate().private_bytes_raw(),
        X25519PrivateKey.generate().private_bytes_raw(),
    )


def public_of(name: str, generation: Generation, pair: bytes) -> PublicIdentity:
    """Return the public part of one generation."""
    return PublicIdentity(
        name,
        signing=generation.signer().public,
        wrap_mlkem=MLKEM768PrivateKey.from_seed_bytes(generation.wrap_mlkem).public_key().public_bytes_raw(),
        wrap_x25519=X25519PrivateKey.from_private_bytes(generation.wrap_x25519)
        .public_key()
        .public_bytes_raw(),
        pair=X25519PrivateKey.from_private_bytes(pair).public_key().public_bytes_raw(),
    )


@dataclass(frozen=True)
class Keyring:
    """All keys of one environment but the pseudonym key.

    Attributes:
        name: the environment.
        generations: oldest first.
        acting_number: 1-based; the one that signs.
        pair: the private pair key.
    """

    name: str
    generations: tuple[Generation, ...] = field(repr=False)
    acting_number: int
    pair: bytes = field(repr=False)

    @property
    def acting(self) -> Generation:
        """The generation that signs."""
        return self.generations[self.acting_number - 1]

    @property
    def others(self) -> tuple[Generation, ...]:
        """All but the one that signs, newest first."""
        return tuple(one for one in reversed(self.generations) if one is not self.acting)

    @property
    def public(self) -> PublicIdentity:
        """The public part of the one that signs; it believes the signatures of all."""
        also = tuple(one.signer().public for one in self.others)
        return replace(public_of(self.name, self.acting, self.pair), also=also)

    def of(self, number: int) -> PublicIdentity:
        """Return the public part of one generation by its 1-based number."""
        return public_of(self.name, self.generations[number - 1], self.pair)

    def to_json(self) -> dict[str, Any]:
        """Return the keyring as it stands in its file."""
        return {
            "version": _VERSION,
            "name": self.name,
            "acting": self.acting_number,
            "pair": encode(self.pair),
            "generations": [one.to_json() for one in self.generations],
        }

    @classmethod
    def from_bytes(cls, raw: bytes, what: str) -> Keyring:
        """Read a keyring.

        Raises:
            NotVerifiableError: it is none.
        """
        try:
            document = json.loads(raw)
            name = check_name(document["name"], "the identity's name")
            pair = decode(document["pair"], what="pair", length=_PAIR)
            if document["version"] == 1:
                return cls(name, (Generation.from_json(document),), 1, pair)
            generations = tuple(Generation.from_json(one) for one in document["generations"])
            version, acting = document["version"], document["acting"]
        except (ValueError, KeyError, TypeError):
            raise NotVerifiableError(f"{what}: not an identity", remedy=_REMEDY) from None
        if version != _VERSION or type(acting) is not int or not 1 <= acting <= len(generations):
            raise NotVerifiableError(f"{what}: not an identity that this version reads", remedy=_REMEDY)
        return cls(name, generations, acting, pair)
