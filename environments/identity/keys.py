"""One environment's private keys: made once, kept in its folder, never anywhere else.

Invariants:
1. All keys of an identity are one private file, so an identity exists whole or not at all.
2. Making an identity twice gives the same one; it is never silently replaced. Rotation adds a generation
   of keys (`rotation.py`); the old ones stay, to open what was sealed to them and to verify the past.
3. The pseudonym key is a file of its own: it outlives any rotation of the others, and nothing that
   crosses is ever derived from it but pseudonyms.
4. The pair key is one for as long as the environment lives: chunks are addressed by it.
5. `repr` shows the name and no key.

Example:
    >>> create_identity(folder, "onprem").name
    'onprem'
    >>> onprem, cloud = load_identity(folder), load_peer(folder, "cloud")
    >>> sealed = cloud.wrap(b"k" * 32, info=b"crossing")   # only cloud can open it
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError, UsageError
from environments.identity.files import read_key, write_once
from environments.identity.keyring import Generation, Keyring, new_generation, public_of
from environments.identity.public import SUITE, PublicIdentity
from environments.identity.signers import FileSigner
from environments.private import make_private, write_private
from environments.ref import check_name

__all__ = ["PRIVATE", "Identity", "IdentityFolder", "create_identity", "load_identity", "load_keyring"]

PRIVATE = "identity.key"
_PUBLIC, _PSEUDONYM = "identity.json", "pseudonym.key"
_PAIR_LABEL = b"isthmus/1/chunk-address"


class IdentityFolder(Protocol):
    """The two places of an environment's folder that identity uses (`EnvironmentFolder` has them)."""

    @property
    def keys(self) -> Path:
        """Its own keys."""

    @property
    def peers(self) -> Path:
        """Its peers' public identities."""


@dataclass(frozen=True)
class Identity:
    """One environment's keys; every use goes through a method, none is handed out but the pseudonym key."""

    name: str
    public: PublicIdentity = field(repr=False)
    _secrets: dict[str, bytes] = field(repr=False)
    _pseudonym: bytes = field(repr=False)
    _keyring: Keyring | None = field(default=None, repr=False)

    def sign(self, payload: bytes) -> bytes:
        """Return the Ed25519 signature of `payload`, 64 bytes, by the key that acts."""
        signer = self._keyring.acting.signer() if self._keyring else FileSigner(self._secrets["signing"])
        return signer.sign(payload)

    def unwrap(self, sealed: bytes, *, info: bytes) -> bytes:
        """Open what a peer wrapped for this environment, now or before a rotation, with the same `info`.

        Raises:
            NotVerifiableError: it was wrapped for another key, for another `info`, or altered.
        """
        halves = [(self._secrets["wrap_mlkem"], self._secrets["wrap_x25519"])]
        if self._keyring:
            halves += [(one.wrap_mlkem, one.wrap_x25519) for one in self._keyring.others]
        for mlkem, x25519 in halves:
            key = hpke.MLKEM768X25519PrivateKey(
                MLKEM768PrivateKey.from_seed_bytes(mlkem), X25519PrivateKey.from_private_bytes(x25519)
            )
            try:
                return SUITE.decrypt(sealed, key, info=info)
            except (InvalidTag, ValueError):
                continue
        raise NotVerifiableError(f"a wrapped key that {self.name} cannot open")

    def pair_key(self, peer: PublicIdentity, *, source: str, destination: str) -> bytes:
        """Return the 32-byte key of one direction between this environment and `peer`.

        Static X25519 and HKDF-SHA-256 over both names: both sides derive it, nobody else can, and the
        two directions differ.
        """
        private = X25519PrivateKey.from_private_bytes(self._secrets["pair"])
        shared = private.exchange(X25519PublicKey.from_public_bytes(peer.pair))
        info = canonical([_PAIR_LABEL.decode(), source, destination])
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(shared)

    def pseudonym_key(self) -> bytes:
        """Return the 32-byte key of this environment's pseudonyms. It never leaves the environment."""
        return self._pseudonym


def _public_of(name: str, private: dict[str, bytes]) -> PublicIdentity:
    return public_of(
        name, Generation(**{key: private[key] for key in private if key != "pair"}), private["pair"]
    )


def create_identity(folder: IdentityFolder, name: str) -> PublicIdentity:
    """Make the environment's identity if it has none yet, and return its public part.

    Raises:
        UsageError: `name` is no name, or the folder holds another environment's identity.
        NotVerifiableError: the folder holds something that is no identity.
    """
    check_name(name, "the environment")
    make_private(folder.keys)
    make_private(folder.peers)
    if not (folder.keys / PRIVATE).exists():
        # The pseudonym key first: where an identity stands without it, it was lost, and is not replaced.
        write_once(folder.keys / _PSEUDONYM, secrets.token_bytes(32))
        pair = X25519PrivateKey.generate().private_bytes_raw()
        keyring = Keyring(name, (new_generation(),), acting_number=1, pair=pair)
        write_once(folder.keys / PRIVATE, canonical(keyring.to_json()))
    identity = load_identity(folder)
    if identity.name != name:
        raise UsageError(
            f"this folder holds the keys of {identity.name}, not of {name}",
            remedy="give each environment a folder of its own",
        )
    write_private(folder.keys / _PUBLIC, canonical(identity.public.to_json()))
    return identity.public


def load_keyring(folder: IdentityFolder) -> Keyring:
    """Load all generations of the environment's keys.

    Raises:
        UsageError: there are none yet.
        NotVerifiableError: their file is damaged, or others could have read or replaced it.
    """
    return Keyring.from_bytes(read_key(folder.keys / PRIVATE), PRIVATE)


def load_identity(folder: IdentityFolder) -> Identity:
    """Load the environment's own identity; its public part believes every key that it ever had.

    Raises:
        UsageError: there is none yet.
        NotVerifiableError: its file is damaged, or others could have read or replaced it.
    """
    keyring = load_keyring(folder)
    acting = keyring.acting
    private = {"wrap_mlkem": acting.wrap_mlkem, "wrap_x25519": acting.wrap_x25519, "pair": keyring.pair}
    pseudonym = read_key(folder.keys / _PSEUDONYM)
    return Identity(keyring.name, keyring.public, private, pseudonym, keyring)
