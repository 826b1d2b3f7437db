"""A signed statement as one word: what goes through the control plane as a parameter.

Invariants:
1. A token has one form: unpadded base64url of the canonical envelope, of a bounded length. What is not
   exactly that is refused before anything looks into it.
2. It is no secret and opens nothing by itself: each environment asks its own trust document what it is worth.

Example:
    >>> read_token(write_token(b'{"a":1}'))
    b'{"a":1}'
"""

from __future__ import annotations

import base64
import binascii
import re

from data_contracts.errors import UsageError

__all__ = ["ONE_WORD", "REQUEST_PARAMETER", "read_token", "write_token"]

REQUEST_PARAMETER = "isthmus_request"
"""The parameter of pipelines and of the steps of a crossing that holds who asks, signed."""
ONE_WORD = r"[A-Za-z0-9_-]{2,4096}"


def write_token(raw: bytes) -> str:
    """Return an envelope as a token."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def read_token(token: object) -> bytes:
    """Return the envelope in a token.

    Raises:
        UsageError: it is no token in its one form.
    """
    if isinstance(token, str) and re.fullmatch(ONE_WORD, token):
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = None
        # The last letter has bits that say nothing: only one of its forms is the token's.
        if raw is not None and write_token(raw) == token:
            return raw
    raise UsageError("not a signed request in its one form", remedy="let `isthmus` write it: it signs itself")
