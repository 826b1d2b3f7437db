"""From the chunks of a file to objects and back: a few chunks that follow each other make one object.

Invariants:
1. An object's name is the digest of the list of its chunks' digests, so it names the bytes.
2. How a file was grouped is kept with its record; another rule for it later changes nothing that stands.
3. Groups follow the content, as chunks do: what is inserted changes the objects around it, not those after.
4. What is read is compared chunk by chunk, before anybody gets a byte of it.

Example:
    >>> groups(FileEntry("a.parquet", 2, ("sha256:" + "0" * 64, "sha256:" + "8" * 64), (1, 1)))
    (2,)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.objects.bucket import Objects
from environments.stores.record import FileEntry, canonical_list

__all__ = ["ALTERED", "Piece", "fetch", "groups", "pieces_of"]

ALTERED = "the store was altered or damaged: restore it from a backup, or let the asset come in again"
_LEAST, _MOST = 2 * 1024 * 1024, 8 * 1024 * 1024
"""Bytes from which an object may end, and those after which it does."""
_ENDS = frozenset("08")
"""First hexadecimal digits of a chunk after which an object ends: one chunk in eight."""


@dataclass(frozen=True)
class Piece:
    """One object of a file.

    Attributes:
        name: below `data`.
        offset: where it begins in the file.
        size: bytes.
        chunks: size and digest of each chunk, in order.
    """

    name: str
    offset: int
    size: int
    chunks: tuple[tuple[int, str], ...]


def groups(entry: FileEntry) -> tuple[int, ...]:
    """Return how many chunks each object of a file takes."""
    found, count, size = [], 0, 0
    for _, length, digest in entry.pieces():
        count, size = count + 1, size + length
        if size >= _MOST or (size >= _LEAST and digest[7] in _ENDS):
            found.append(count)
            count, size = 0, 0
    return (*found, count) if count else tuple(found)


def pieces_of(entry: FileEntry, counts: Sequence[int]) -> list[Piece]:
    """Return the objects of a file.

    Raises:
        NotVerifiableError: these are no groups of its chunks.
    """
    chunks = entry.pieces()
    if sum(counts) != len(chunks) or any(count < 1 for count in counts):
        raise NotVerifiableError(f"{entry.path}: its objects are not those of its chunks", remedy=ALTERED)
    found, at = [], 0
    for count in counts:
        taken = chunks[at : at + count]
        named = digest_bytes(canonical_list([digest for _, _, digest in taken])).removeprefix("sha256:")
        sizes = tuple((size, digest) for _, size, digest in taken)
        found.append(Piece(f"data/{named}", taken[0][0], sum(size for size, _ in sizes), sizes))
        at += count
    return found


def fetch(bucket: Objects, piece: Piece, what: str) -> bytes:
    """Return the bytes of an object, each chunk of it compared.

    Raises:
        NotVerifiableError: it is missing, or holds something else.
        UnreachableError: the store cannot be read.
    """
    found = bucket.get(piece.name, limit=piece.size)
    if found is None:
        raise NotVerifiableError(f"{what}: an object of it is missing from the store", remedy=ALTERED)
    at = 0
    with memoryview(found) as view:
        for size, digest in piece.chunks:
            if "sha256:" + hashlib.sha256(view[at : at + size]).hexdigest() != digest:
                raise NotVerifiableError(f"{what}: an object of it is not what was committed", remedy=ALTERED)
            at += size
    if at != len(found):
        raise NotVerifiableError(f"{what}: an object of it is not what was committed", remedy=ALTERED)
    return found
