"""The duties of a signer.

Every implementation runs `tests/contract_suites/signer_suite.py`.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Signer"]


class Signer(Protocol):
    """Holds one private Ed25519 key (RFC 8032) and never gives it out."""

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes raw. Needs no access to the private one."""

    def sign(self, payload: bytes) -> bytes:
        """Return the signature of `payload`, 64 bytes; the same payload gives the same one.

        Raises:
            UnreachableError: whatever holds the key cannot be reached, or does not let us in.
            NotVerifiableError: what holds the key holds another one than `public`.
        """
