"""A transit in an object store: S3, or Azure Blob Storage.

Invariants:
1. Names are checked before they become keys; of a listing only what has the form of a name is passed on.
2. A listing that never ends is left for the next `clear`.

Example:
    >>> bucket = Bucket(open_s3(spec, credentials), "clinic/onprem/cloud", "the transit")
    >>> transit = ObjectTransit(bucket, Capabilities("s3"))
    >>> transit.create(manifest_name(crossing), envelope)
    True
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from environments.objects.bucket import Objects
from environments.transit.names import (
    MAX_NAMES,
    check_object,
    check_prefix,
    listed,
    listed_crossings,
)
from environments.transit.port import BytesOfItsOwn, Capabilities, Data, Put

__all__ = ["ObjectTransit"]

_PAGE = 1000
_LAST = "z"
"""Sorts after every name of a crossing's object."""


class ObjectTransit(BytesOfItsOwn):
    """Objects of a store, below one root."""

    def __init__(self, bucket: Objects, capabilities: Capabilities) -> None:
        """Name the objects, and what their medium promises."""
        self._bucket = bucket
        self.capabilities = capabilities

    def put(self, name: str, data: Data) -> None:
        """Store one object whole."""
        self._bucket.put(check_object(name), data)

    def batch(self) -> AbstractContextManager[Put]:
        """Give a `put` for many objects: each is on its way by itself."""
        return nullcontext(self.put)

    def create(self, name: str, data: Data) -> bool:
        """Store one object whole, if there is none of the name."""
        return self._bucket.create(check_object(name), data)

    def get(self, name: str, *, limit: int) -> bytes | None:
        """Return one object of at most `limit` bytes; None where there is none."""
        return self._bucket.get(check_object(name), limit=limit)

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes; None where there is none."""
        return self._bucket.size(check_object(name))

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Return the names of the objects of one crossing that sort after `after`, sorted."""
        return listed(self._bucket.names(check_prefix(prefix), after=after), prefix, after)

    def crossings(self, *, after: str = "") -> Iterator[str]:
        """Return the prefixes of the crossings that lie here and sort after `after`, sorted."""
        return listed_crossings(self._prefixes(after), after)

    def _prefixes(self, after: str) -> Iterator[str]:
        """Give what stands before the first `/` of the names; of a long crossing the rest is jumped over."""
        prefix, more = after, True
        while more:
            more = False
            start, same = (f"{prefix}/{_LAST}" if prefix else ""), 0
            for name in self._bucket.names("", after=start):
                found, _, _ = name.partition("/")
                same = same + 1 if found == prefix else 0
                if not same:
                    yield found
                prefix = found
                if same >= _PAGE:
                    more = True
                    break

    def delete(self, name: str) -> None:
        """Remove one object, if it is there."""
        self._bucket.delete([check_object(name)])

    def clear(self, prefix: str) -> None:
        """Remove everything of one crossing."""
        page: list[str] = []
        for count, name in enumerate(self._bucket.names(check_prefix(prefix))):
            page.append(name)
            if len(page) == _PAGE or count == MAX_NAMES:
                self._bucket.delete(page)
                page = []
            if count == MAX_NAMES:
                return
        self._bucket.delete(page)
