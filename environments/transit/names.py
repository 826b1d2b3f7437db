"""Names of things in a transit.

    CROSSING/manifest           the source's signed statement
    CROSSING/request            of what was queued: the signed statement of who asks, or nothing
    CROSSING/receipt            the destination's signed answer
    CROSSING/contents           the encrypted list of files and chunks
    CROSSING/chunks/ADDRESS     one encrypted chunk
    REQUEST/recall              the source's signed request to erase
    REQUEST/erasure             the destination's signed answer to it

Invariants:
1. Every name is made from hex digits and fixed words, so none climbs, hides or is absolute.
2. Names carry no asset's name, no path and no plain hash of the content.
3. Of what a transit lists, only such names pass, once each, in order, and not without end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from data_contracts.errors import NotVerifiableError, UsageError

__all__ = [
    "MAX_CROSSINGS",
    "MAX_NAMES",
    "PREFIX",
    "check_object",
    "check_prefix",
    "chunk_name",
    "contents_name",
    "crossing_prefix",
    "erasure_name",
    "listed",
    "listed_crossings",
    "manifest_name",
    "recall_name",
    "receipt_name",
    "request_name",
]

MAX_NAMES = 1_000_000
"""Entries of one crossing that are read of a listing: a crossing of a terabyte has fewer."""
MAX_CROSSINGS = 1_000_000
"""Entries that are read of a listing of crossings."""

_HEX = r"[0-9a-f]{64}"
PREFIX = re.compile(_HEX)
"""The prefix of a crossing."""
_OBJECT = re.compile(rf"{_HEX}/(?:manifest|request|receipt|recall|erasure|contents|chunks/{_HEX})")


def crossing_prefix(crossing: str) -> str:
    """Return the folder of one crossing, from its `sha256:<hex>` id."""
    return crossing.removeprefix("sha256:")


def manifest_name(crossing: str) -> str:
    """Return the name of the source's signed manifest."""
    return f"{crossing_prefix(crossing)}/manifest"


def request_name(crossing: str) -> str:
    """Return the name of the signed statement of who asks."""
    return f"{crossing_prefix(crossing)}/request"


def receipt_name(crossing: str) -> str:
    """Return the name of the destination's signed receipt."""
    return f"{crossing_prefix(crossing)}/receipt"


def recall_name(request: str) -> str:
    """Return the name of the source's signed request to erase."""
    return f"{crossing_prefix(request)}/recall"


def erasure_name(request: str) -> str:
    """Return the name of the destination's signed answer to a request to erase."""
    return f"{crossing_prefix(request)}/erasure"


def contents_name(crossing: str) -> str:
    """Return the name of the encrypted list of files and chunks."""
    return f"{crossing_prefix(crossing)}/contents"


def chunk_name(crossing: str, address: str) -> str:
    """Return the name of one encrypted chunk, by its keyed address (64 hex digits)."""
    return f"{crossing_prefix(crossing)}/chunks/{address}"


def check_object(name: str) -> str:
    """Return `name` if it is one of the above, but no prefix.

    Raises:
        UsageError: it is not.
    """
    if not _OBJECT.fullmatch(name):
        raise UsageError("not the name of an object in a transit")
    return name


def check_prefix(prefix: str) -> str:
    """Return `prefix` if it is a crossing's.

    Raises:
        UsageError: it is not.
    """
    if not PREFIX.fullmatch(prefix):
        raise UsageError("not the prefix of a crossing in a transit")
    return prefix


def listed(found: Iterable[str], prefix: str, after: str = "") -> Iterator[str]:
    """Pass on what a transit lists for one crossing, as far as it is that.

    Raises:
        NotVerifiableError: there is no end to it, or it is not sorted.
    """

    def one_of_it(name: str) -> bool:
        return name.startswith(f"{prefix}/") and _OBJECT.fullmatch(name) is not None

    many, orderless = f"{MAX_NAMES} names for one crossing", "the names of a crossing"
    return _in_order(found, one_of_it, after, MAX_NAMES, many, orderless)


def listed_crossings(found: Iterable[str], after: str = "") -> Iterator[str]:
    """Pass on what a transit lists as crossings, as far as it is that.

    Raises:
        NotVerifiableError: there is no end to it, or it is not sorted.
    """

    def one_of_them(prefix: str) -> bool:
        return PREFIX.fullmatch(prefix) is not None

    return _in_order(found, one_of_them, after, MAX_CROSSINGS, f"{MAX_CROSSINGS} crossings", "its crossings")


def _in_order(
    found: Iterable[str], belongs: Callable[[str], bool], after: str, most: int, many: str, orderless: str
) -> Iterator[str]:
    last = after
    for count, name in enumerate(found):
        if count >= most:
            raise NotVerifiableError(f"the transit lists more than {many}")
        if name <= after or not belongs(name):
            continue
        if name < last:
            raise NotVerifiableError(f"the transit lists {orderless} in no order")
        if name > last:
            yield name
        last = name
