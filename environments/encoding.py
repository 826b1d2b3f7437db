"""Bytes as text: standard base64 (RFC 4648), and of each text the one form that stands for its bytes.

Example:
    >>> decode(encode(b"a key"), what="the key")
    b'a key'
"""

from __future__ import annotations

import base64
import binascii

from data_contracts.errors import NotVerifiableError

__all__ = ["decode", "encode"]


def encode(data: bytes) -> str:
    """Return bytes as standard base64 text."""
    return base64.b64encode(data).decode("ascii")


def decode(text: object, *, what: str, length: int | None = None) -> bytes:
    """Return the bytes of standard base64 text in its one canonical form.

    Raises:
        NotVerifiableError: it is no such text, or not of `length` bytes.
    """
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        data = None
    if data is None or (length is not None and len(data) != length) or encode(data) != text:
        raise NotVerifiableError(f"{what}: not the base64 text that belongs there")
    return data
