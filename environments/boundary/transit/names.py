"""Names of things in a transit.

    CROSSING/manifest           the source's signed statement
    CROSSING/receipt            the destination's signed answer
    CROSSING/contents           the encrypted list of files and chunks
    CROSSING/chunks/ADDRESS     one encrypted chunk

Invariants:
1. Every name is made from hex digits and fixed words, so none climbs, hides or is absolute.
2. Names carry no asset's name, no path and no plain hash of the content.
"""

from __future__ import annotations

import re

from data_contracts.errors import UsageError

__all__ = [
    "check_object",
    "check_prefix",
    "chunk_name",
    "contents_name",
    "crossing_prefix",
    "manifest_name",
    "receipt_name",
]

_HEX = r"[0-9a-f]{64}"
_PREFIX = re.compile(_HEX)
_OBJECT = re.compile(rf"{_HEX}/(?:manifest|receipt|contents|chunks/{_HEX})")


def crossing_prefix(crossing: str) -> str:
    """Return the folder of one crossing, from its `sha256:<hex>` id."""
    return crossing.removeprefix("sha256:")


def manifest_name(crossing: str) -> str:
    """Return the name of the source's signed manifest."""
    return f"{crossing_prefix(crossing)}/manifest"


def receipt_name(crossing: str) -> str:
    """Return the name of the destination's signed receipt."""
    return f"{crossing_prefix(crossing)}/receipt"


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
    if not _PREFIX.fullmatch(prefix):
        raise UsageError("not the prefix of a crossing in a transit")
    return prefix
