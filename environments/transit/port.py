"""What every transit does, whatever it stands on.

A transit belongs to no environment and is believed by none: whoever reads verifies. Duties of an
implementation (the suite in `tests/contract_suites/transit_suite.py` checks them):
1. `put` and `create` make an object appear whole, or not at all; a second `put` replaces it whole. They
   return when the medium has it on disk, where `capabilities.durable` says that the medium promises so. What
   a `batch` put is there when its block ends.
2. `get` never returns more than `limit` bytes, and allocates no more on the transit's word; `get_into`
   returns no more than it was given room for.
3. Nothing outside the transit is read or written: names are checked, links are refused.
4. `delete` and `clear` of what is not there do nothing; `clear` also removes what a killed `put` left.
5. Errors of the medium are `UnreachableError` (try again later); a missing object is None, not an error.
   No message holds what the medium said: it may quote requests, and with them credentials.
6. Of several `create` of one name at most one is told that it won, where `capabilities.one_writer_wins`;
   elsewhere that holds for one writer at a time only (single-writer mode).

Example:
    >>> if not transit.create(manifest_name(crossing), envelope):
    ...     theirs = transit.get(manifest_name(crossing), limit=MAX_ENVELOPE)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from environments.transits import Capabilities

__all__ = ["BytesOfItsOwn", "Capabilities", "Data", "Put", "Transit"]

Data: TypeAlias = bytes | bytearray | memoryview
"""Bytes that are sent from where they lie; a view is of bytes, in one piece."""
Put: TypeAlias = Callable[[str, Data], None]
"""Stores one object whole; what lay under the name is replaced."""


class Transit(Protocol):
    """Objects between one source and one destination."""

    @property
    def capabilities(self) -> Capabilities:
        """What the medium promises."""

    def put(self, name: str, data: Data) -> None:
        """Store one object whole; what lay under the name is replaced."""

    def batch(self) -> AbstractContextManager[Put]:
        """Give a `put` for many objects, which several threads may call.

        Each appears whole or not at all, in no order; all of them are on disk when the block ends, also where
        it ends by an error.
        """

    def create(self, name: str, data: Data) -> bool:
        """Store one object whole, if there is none of the name; say whether this call did.

        After an `UnreachableError` nobody knows: then False may mean one's own earlier call, and reading
        the object tells.
        """

    def get(self, name: str, *, limit: int) -> bytes | None:
        """Return one object of at most `limit` bytes; None where there is none.

        Raises:
            NotVerifiableError: it is larger, a link, or nothing that can be read as a file.
        """

    def get_into(self, name: str, into: memoryview) -> memoryview | None:
        """Return one object of at most `len(into)` bytes; None where there is none.

        It may lie in `into`, and does where the medium can read it there: then it lives until that is used
        again.

        Raises:
            NotVerifiableError: as `get`.
        """

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes, by the transit's word; None where there is none."""

    def names(self, prefix: str, *, after: str = "") -> Iterable[str]:
        """Return the names of one crossing's objects that sort after `after`, sorted, read in pages.

        What lies there and is no object's name is left out.

        Raises:
            NotVerifiableError: there is no end to them, or no order in them.
        """

    def crossings(self, *, after: str = "") -> Iterable[str]:
        """Return the prefixes of the crossings that lie here and sort after `after`, sorted, read in pages.

        One of which everything was removed may be among them; what is no prefix is left out.

        Raises:
            NotVerifiableError: there is no end to them, or no order in them.
        """

    def delete(self, name: str) -> None:
        """Remove one object, if it is there."""

    def clear(self, prefix: str) -> None:
        """Remove everything of one crossing."""


class BytesOfItsOwn:
    """What a transit inherits whose medium gives bytes of its own: none is read into room that is lent."""

    def get_into(self: Transit, name: str, into: memoryview) -> memoryview | None:
        """Return one object of at most `len(into)` bytes, where it came; None where there is none."""
        found = self.get(name, limit=len(into))
        return None if found is None else memoryview(found)
