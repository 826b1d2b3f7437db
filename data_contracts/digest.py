"""Canonical JSON and digests: the only names that content has outside a process.

Invariants:
1. A digest is `sha256:` followed by 64 lower-case hex digits, over bytes as they are or over
   the RFC 8785 form of a JSON value.
2. Two equal JSON values have one canonical form, whatever the order of their keys.

Example:
    >>> digest_json({"b": 1, "a": [True, None]})
    'sha256:51705a2c9eb3e7e410a58f696a770c3ac3885a0cf43eb7fc88f5e47c11d4d30d'
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import rfc8785

__all__ = ["DIGEST_PATTERN", "canonical", "digest_bytes", "digest_json", "is_digest"]

DIGEST_PATTERN = r"sha256:[0-9a-f]{64}"
_DIGEST = re.compile(DIGEST_PATTERN)


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the RFC 8785 form of a JSON value (dict, list, str, int, float, bool, None).

    Raises:
        rfc8785.CanonicalizationError: the value has no canonical form (NaN, an integer beyond
            2**53, a key that is no string, a type that JSON lacks).
    """
    return rfc8785.dumps(value)


def digest_bytes(data: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 digest of bytes, as `sha256:<hex>` (FIPS 180-4)."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the digest of a JSON value's canonical form."""
    return digest_bytes(canonical(value))


def is_digest(text: object) -> bool:
    """Whether `text` is a string in the one form of a digest."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None
