"""What every transit does, whatever it stands on.

A transit belongs to no environment and is believed by none: whoever reads verifies. Duties of an
implementation (the suite in `tests/contract_suites/transit_suite.py` checks them):
1. `put` makes an object appear whole and durably, or not at all; a second `put` replaces it whole.
2. `get` never returns more than `limit` bytes, and allocates no more on the transit's word.
3. Nothing outside the transit is read or written: names are checked, links are refused.
4. `delete` and `clear` of what is not there do nothing; `clear` also removes what a killed `put` left.
5. Errors of the medium are `UnreachableError` (try again later); a missing object is None, not an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

__all__ = ["Transit"]


class Transit(Protocol):
    """Objects between one source and one destination."""

    def put(self, name: str, data: bytes) -> None:
        """Store one object, durably and whole."""

    def get(self, name: str, *, limit: int) -> bytes | None:
        """Return one object of at most `limit` bytes; None where there is none.

        Raises:
            NotVerifiableError: it is larger, a link, or nothing that can be read as a file.
        """

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes; None where there is none."""

    def names(self, prefix: str) -> Iterable[str]:
        """Return the names of the objects of one crossing, sorted."""

    def delete(self, name: str) -> None:
        """Remove one object, if it is there."""

    def clear(self, prefix: str) -> None:
        """Remove everything of one crossing."""
