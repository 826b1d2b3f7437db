"""Sealing chunks: compressed, encrypted to one destination, bound to their place in one crossing.

Invariants:
1. Every attempt of an egress has a fresh 32-byte key, wrapped by HPKE for the destination with source,
   destination and crossing as its context. The suite is fixed in `environments.identity.public`.
2. AES-256-GCM with a random 96-bit nonce; the associated data is crossing, part, index and count. A chunk
   opens in its own place and nowhere else. One key seals at most `MAX_CHUNKS`, far below 2**32.
3. A chunk's address is HMAC-SHA-256 of its plaintext under the pair's key: the transit learns nothing
   from it, and the two sides see what is equal.
4. Opening allocates at most `MAX_CHUNK`, whatever the sealed bytes claim.

Example:
    >>> seal = Seal(new_key(), crossing, count=1)
    >>> seal.open("chunk", 0, seal.close("chunk", 0, b"rows"), limit=4) == b"rows"
    True
"""

from __future__ import annotations

import hmac
import os
import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError

__all__ = [
    "KEY_BYTES",
    "MAX_CHUNK",
    "MAX_CHUNKS",
    "MAX_CONTENTS",
    "OVERHEAD",
    "Seal",
    "chunk_address",
    "key_info",
    "new_key",
]

KEY_BYTES = 32
MAX_CHUNK = 16 * 1024 * 1024
"""Bytes of the largest chunk that is opened (the store cuts 4 MiB)."""
MAX_CHUNKS = 1_000_000
MAX_CONTENTS = 256 * 1024 * 1024
"""Bytes of the largest list of contents that is opened."""
_NONCE, _TAG, _HEADER = 12, 16, struct.Struct(">BI")
OVERHEAD = _NONCE + _TAG + _HEADER.size
"""Bytes that a sealed part has more than its plaintext, at most."""
_PLAIN, _ZSTD = 0, 1


def new_key() -> bytes:
    """Return a fresh crossing key."""
    return os.urandom(KEY_BYTES)


def key_info(source: str, destination: str, crossing: str) -> bytes:
    """Return the context under which a crossing's key is wrapped."""
    return canonical(["isthmus/1/crossing-key", source, destination, crossing])


def chunk_address(pair_key: bytes, plain: bytes | memoryview) -> str:
    """Return a chunk's address in the transit: 64 hex digits."""
    return hmac.digest(pair_key, plain, "sha256").hex()


@dataclass(frozen=True)
class Seal:
    """One crossing's key, bound to the crossing and to how many chunks it has."""

    key: bytes = field(repr=False)
    crossing: str
    count: int

    def _bound(self, part: str, index: int) -> bytes:
        return canonical({"crossing": self.crossing, "part": part, "index": index, "count": self.count})

    def close(self, part: str, index: int, plain: bytes) -> bytes:
        """Return a part compressed (where that helps) and encrypted."""
        import pyarrow as pa

        packed = pa.Codec("zstd", compression_level=1).compress(plain, asbytes=True) if plain else b""
        smaller = 0 < len(packed) < len(plain)
        body = _HEADER.pack(_ZSTD if smaller else _PLAIN, len(plain)) + (packed if smaller else plain)
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self.key).encrypt(nonce, body, self._bound(part, index))

    def open(self, part: str, index: int, sealed: bytes, *, limit: int = MAX_CHUNK) -> bytes:
        """Return the plaintext of a sealed part.

        Raises:
            NotVerifiableError: it was altered, belongs elsewhere, or is larger than `limit`.
        """
        what = f"{part} {index} of this crossing"
        try:
            nonce, body = sealed[:_NONCE], sealed[_NONCE:]
            plain = AESGCM(self.key).decrypt(nonce, body, self._bound(part, index))
            form, size = _HEADER.unpack_from(plain)
        except (InvalidTag, ValueError, struct.error):
            raise NotVerifiableError(f"{what}: altered, or sealed for another place") from None
        if size > limit:
            raise NotVerifiableError(f"{what}: says that it is larger than {limit} bytes")
        return _unpack(form, size, plain[_HEADER.size :], what)


def _unpack(form: int, size: int, packed: bytes, what: str) -> bytes:
    import pyarrow as pa

    plain = packed if form == _PLAIN else b""
    if form == _ZSTD:
        try:
            plain = pa.Codec("zstd").decompress(packed, decompressed_size=size, asbytes=True)
        except (OSError, ValueError):
            raise NotVerifiableError(f"{what}: does not unpack to what it says") from None
    if form not in (_PLAIN, _ZSTD) or len(plain) != size:
        raise NotVerifiableError(f"{what}: does not unpack to what it says")
    return plain
