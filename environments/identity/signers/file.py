"""A signer whose key is a private file, or bytes that came from one.

Invariants:
1. The file is made once and never replaced; it is refused where others could open it.
2. `repr` shows the public key's id and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from data_contracts.digest import canonical, digest_bytes
from data_contracts.errors import NotVerifiableError, UsageError
from environments.encoding import decode, encode
from environments.identity.files import read_key, write_once
from environments.signed import strict_json

__all__ = ["FileSigner", "load_file_signer", "make_file_signer"]

_SEED = 32


@dataclass(frozen=True, repr=False)
class FileSigner:
    """Signs with a seed that this process holds."""

    _seed: bytes = field(repr=False)

    def __repr__(self) -> str:
        return f"FileSigner({digest_bytes(self.public)})"

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes raw."""
        return Ed25519PrivateKey.from_private_bytes(self._seed).public_key().public_bytes_raw()

    def sign(self, payload: bytes) -> bytes:
        """Return the signature of `payload`, 64 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self._seed).sign(payload)


def make_file_signer(path: Path) -> FileSigner:
    """Make a key file of mode 0600 and return its signer.

    Raises:
        UsageError: something stands there already; a key is never replaced.
        UnreachableError: the disk refuses.
    """
    seed = Ed25519PrivateKey.generate().private_bytes_raw()
    write_once(path, canonical({"version": 1, "algorithm": "ed25519", "seed": encode(seed)}))
    signer = load_file_signer(path)
    if signer != FileSigner(seed):
        raise UsageError(f"{path}: a key stands there already", remedy="name another file; keep that one")
    return signer


def load_file_signer(path: Path) -> FileSigner:
    """Load a key file.

    Raises:
        UsageError: there is none.
        NotVerifiableError: it is damaged, or others could have read or replaced it.
    """
    value = strict_json(read_key(path), path.name)
    if not isinstance(value, dict) or set(value) != {"version", "algorithm", "seed"}:
        raise NotVerifiableError(f"{path.name}: not a signing key")
    if value["version"] != 1 or value["algorithm"] != "ed25519":
        raise NotVerifiableError(f"{path.name}: not a signing key that this version reads")
    return FileSigner(decode(value["seed"], what=path.name, length=_SEED))
