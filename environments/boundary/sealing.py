"""Sealing chunks: compressed, encrypted to one destination, bound to their place in one crossing.

Invariants:
1. Every list of contents has a fresh 32-byte key, wrapped by HPKE for the destination with source,
   destination and crossing as its context. The suite is fixed in `environments.identity.public`.
2. AES-256-GCM with a random 96-bit nonce; the associated data is crossing, part, index and count. A part
   opens in its own place and nowhere else. One key seals at most `MAX_CHUNKS`, far below 2**32, and a few
   of them again after an interruption.
3. A part's address is HMAC-SHA-256, under the pair's key, of its chunks' SHA-256 digests: a keyed hash of
   its plaintext that costs nothing once the digests are known. The transit learns nothing from it.
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
from environments.bulk import buffer
from environments.stores.record import canonical_list

__all__ = [
    "KEY_BYTES",
    "MAX_CHUNK",
    "MAX_CHUNKS",
    "MAX_CONTENTS",
    "OVERHEAD",
    "Room",
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
_SAMPLE = 64 * 1024
_WORTH = 0.95
"""The sample must shrink to this share: what is compressed already, as Parquet, is sent as it is."""


def new_key() -> bytes:
    """Return a fresh crossing key."""
    return os.urandom(KEY_BYTES)


def key_info(source: str, destination: str, crossing: str) -> bytes:
    """Return the context under which a crossing's key is wrapped."""
    return canonical(["isthmus/1/crossing-key", source, destination, crossing])


def chunk_address(pair_key: bytes, digests: bytes) -> str:
    """Return the address in the transit of a part, from its chunks' SHA-256 digests: 64 hex digits."""
    return hmac.digest(pair_key, digests, "sha256").hex()


@dataclass(frozen=True)
class Seal:
    """One crossing's key, bound to the crossing and to how many chunks it has."""

    key: bytes = field(repr=False)
    crossing: str
    count: int

    def _bound(self, part: str, index: int) -> bytes:
        return canonical_list({"crossing": self.crossing, "part": part, "index": index, "count": self.count})

    def close(self, part: str, index: int, plain: bytes) -> bytes:
        """Return a part compressed (where that helps) and encrypted."""
        room = Room()
        room.plain(len(plain))[:] = plain
        return bytes(self.close_in(part, index, room, len(plain)))

    def close_in(self, part: str, index: int, room: Room, size: int) -> memoryview:
        """Seal the first `size` bytes of `room.plain`; the answer lives until the room is used again."""
        packed = _smaller(room.plain(size))
        if packed is None:
            body = room.body(size)
            _HEADER.pack_into(body, 0, _PLAIN, size)
        else:
            body = memoryview(_HEADER.pack(_ZSTD, size) + packed)
        sealed = room.sealed(_NONCE + len(body) + _TAG)
        nonce = os.urandom(_NONCE)
        sealed[:_NONCE] = nonce
        AESGCM(self.key).encrypt_into(nonce, body, self._bound(part, index), sealed[_NONCE:])
        return sealed

    def open(self, part: str, index: int, sealed: bytes, *, limit: int = MAX_CHUNK) -> bytes:
        """Return the plaintext of a sealed part.

        Raises:
            NotVerifiableError: it was altered, belongs elsewhere, or is larger than `limit`.
        """
        return bytes(self.open_in(part, index, memoryview(sealed), Room(), limit=limit))

    def open_in(
        self, part: str, index: int, sealed: memoryview, room: Room, *, limit: int = MAX_CHUNK
    ) -> memoryview:
        """Open a sealed part; what is returned lives until the room is used again.

        Raises:
            NotVerifiableError: it was altered, belongs elsewhere, or is larger than `limit`.
        """
        what = f"{part} {index} of this crossing"
        if len(sealed) < OVERHEAD:
            raise NotVerifiableError(f"{what}: altered, or sealed for another place")
        if len(sealed) > limit + OVERHEAD:
            raise NotVerifiableError(f"{what}: says that it is larger than {limit} bytes")
        body = room.body(len(sealed) - OVERHEAD)
        try:
            AESGCM(self.key).decrypt_into(sealed[:_NONCE], sealed[_NONCE:], self._bound(part, index), body)
        except (InvalidTag, ValueError):
            raise NotVerifiableError(f"{what}: altered, or sealed for another place") from None
        form, size = _HEADER.unpack_from(body)
        if size > limit:
            raise NotVerifiableError(f"{what}: says that it is larger than {limit} bytes")
        return _unpack(form, size, body[_HEADER.size :], what)


class Room:
    """One thread's buffers: they grow to the largest part, and belong to one part at a time."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._body = self._sealed = buffer(0)

    def body(self, size: int) -> memoryview:
        """Return room for the header and `size` bytes."""
        if len(self._body) < size + _HEADER.size:
            self._body = buffer(size + _HEADER.size)
        return self._body[: size + _HEADER.size]

    def plain(self, size: int) -> memoryview:
        """Return room for `size` bytes of plaintext, behind the header."""
        return self.body(size)[_HEADER.size :]

    def sealed(self, size: int) -> memoryview:
        """Return room for `size` bytes of a sealed part."""
        if len(self._sealed) < size:
            self._sealed = buffer(size)
        return self._sealed[:size]


def _smaller(plain: memoryview) -> bytes | None:
    """Return the bytes compressed; None where a sample of them, or the whole, does not shrink."""
    import pyarrow as pa

    codec = pa.Codec("zstd", compression_level=1)
    if len(plain) > 2 * _SAMPLE:
        middle = len(plain) // 2
        sample = codec.compress(plain[middle : middle + _SAMPLE], asbytes=True)
        if len(sample) > _WORTH * _SAMPLE:
            return None
    packed: bytes = codec.compress(plain, asbytes=True) if plain else b""
    return packed if 0 < len(packed) < len(plain) else None


def _unpack(form: int, size: int, packed: memoryview, what: str) -> memoryview:
    import pyarrow as pa

    plain = packed if form == _PLAIN else memoryview(b"")
    if form == _ZSTD:
        try:
            plain = memoryview(pa.Codec("zstd").decompress(packed, decompressed_size=size, asbytes=True))
        except (OSError, ValueError):
            raise NotVerifiableError(f"{what}: does not unpack to what it says") from None
    if form not in (_PLAIN, _ZSTD) or len(plain) != size:
        raise NotVerifiableError(f"{what}: does not unpack to what it says")
    return plain
