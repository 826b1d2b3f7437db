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
import json
import re
from typing import Any

import rfc8785

__all__ = ["DIGEST_PATTERN", "canonical", "digest_bytes", "digest_json", "is_digest"]

DIGEST_PATTERN = r"sha256:[0-9a-f]{64}"
_DIGEST = re.compile(DIGEST_PATTERN)
_MOST = 2**53 - 1
_PLAIN = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the RFC 8785 form of a JSON value (dict, list, str, int, float, bool, None).

    Raises:
        rfc8785.CanonicalizationError: the value has no canonical form (NaN, an integer beyond
            2**53, a key that is no string, a type that JSON lacks).
    """
    if _is_plain(value):
        try:
            return _PLAIN.encode(value).encode()
        except UnicodeEncodeError:  # half a surrogate pair: refused below, as whatever has no form
            pass
    return rfc8785.dumps(value)


def _is_plain(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether the standard library writes the RFC 8785 form of `value`, four times as fast.

    It does where there is no float, no subclass of a type, and no key that is not ASCII: RFC 8785 writes
    floats as ECMAScript does and sorts keys by UTF-16; of everything else the two forms are one.
    """
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str or not key.isascii():
                return False
        value = value.values()
    elif kind is not list and kind is not tuple:
        if kind is int:
            return bool(-_MOST <= value <= _MOST)
        return kind is str or kind is bool or value is None
    # Most of what is digested is text: no call for each. As one `all` it takes half as long again.
    for item in value:  # noqa: SIM110
        if type(item) is not str and not _is_plain(item):
            return False
    return True


def digest_bytes(data: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 digest of bytes, as `sha256:<hex>` (FIPS 180-4)."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the digest of a JSON value's canonical form."""
    return digest_bytes(canonical(value))


def is_digest(text: object) -> bool:
    """Whether `text` is a string in the one form of a digest."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None
