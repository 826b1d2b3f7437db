"""Objects below one root of an object store: all that transits and stores do with one.

Invariants:
1. Every object is sent in one request, so a reader sees it whole or not at all; a create is a put that the
   store refuses if the name is taken (`If-None-Match: *`).
2. `get` never returns more than its limit, and allocates no more on the store's word.
3. Names are the caller's to check: nothing here makes a name plain.

Example:
    >>> bucket = Bucket(open_s3(spec, credentials), "clinic/onprem/cloud", "the transit")
    >>> bucket.create(manifest_name(crossing), envelope)
    True
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeAlias

import obstore
from obstore import exceptions

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.objects.client import MISSING, store_errors

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["Bucket", "Data", "Objects"]

Data: TypeAlias = bytes | bytearray | memoryview
_PAGE = 1000
_PIECE = 1024 * 1024


class Objects(Protocol):
    """What is done with objects; wrappers of it inject faults."""

    def put(self, name: str, data: Data) -> None:
        """Store one object whole."""

    def create(self, name: str, data: Data) -> bool:
        """Store one object whole, if there is none of the name."""

    def get(self, name: str, *, limit: int) -> bytes | None:
        """Return one object of at most `limit` bytes; None where there is none."""

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes; None where there is none."""

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Return the names below a prefix that sort after `after`, as the store lists them."""

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects, as far as they are there."""


class Bucket:
    """See `Objects`."""

    def __init__(self, store: ObjectStore, root: str, what: str) -> None:
        """Name what every name begins with (no `/` at its ends), and what this is to people."""
        self._store = store
        self._root = root
        self._unwritten = f"{what} cannot be written"
        self._unread = f"{what} cannot be read"
        self._what = what

    def _key(self, name: str) -> str:
        return f"{self._root}/{name}"

    def put(self, name: str, data: Data) -> None:
        """Store one object whole."""
        with store_errors(self._unwritten):
            obstore.put(self._store, self._key(name), data, use_multipart=False)

    def create(self, name: str, data: Data) -> bool:
        """Store one object whole, if there is none of the name."""
        with store_errors(self._unwritten):
            try:
                obstore.put(self._store, self._key(name), data, mode="create", use_multipart=False)
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                return False
        return True

    def get(self, name: str, *, limit: int) -> bytes | None:
        """Return one object of at most `limit` bytes; None where there is none.

        Raises:
            NotVerifiableError: it is larger.
        """
        with store_errors(self._unread):
            try:
                found = obstore.get(self._store, self._key(name))
            except MISSING:
                return None
            told = found.meta["size"]
            if told > limit:
                raise self._too_large(limit)
            pieces, size = [], 0
            for piece in found.stream(min_chunk_size=max(1, min(told, _PIECE))):
                pieces.append(bytes(piece))
                size += len(pieces[-1])
                if size > limit:
                    raise self._too_large(limit)
        if size != told:
            raise UnreachableError(f"{self._unread}: an object was cut short", remedy="try again")
        return b"".join(pieces)

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes; None where there is none."""
        with store_errors(self._unread):
            try:
                return obstore.head(self._store, self._key(name))["size"]
            except MISSING:
                return None

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Return the names below a prefix that sort after `after`, as the store lists them."""
        offset = self._key(after) if after else None
        with store_errors(self._unread):
            for page in obstore.list(self._store, self._key(prefix), offset=offset, chunk_size=_PAGE):
                yield from (item["path"].removeprefix(f"{self._root}/") for item in page)

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects, as far as they are there."""
        if not names:
            return
        keys = [self._key(name) for name in names]
        with store_errors(self._unwritten):
            try:
                obstore.delete(self._store, keys)
            except MISSING:
                # Some stores stop at the first that is gone already: the rest one by one.
                for key in keys:
                    with suppress(*MISSING):
                        obstore.delete(self._store, key)

    def _too_large(self, limit: int) -> NotVerifiableError:
        return NotVerifiableError(f"an object in {self._what} is larger than {limit} bytes")
