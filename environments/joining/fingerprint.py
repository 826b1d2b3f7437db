"""A digest as two people compare it: twelve groups of five digits, the same in every language.

Sixty digits are 199 bits. Whoever sits between two machines may try many keys on the one side and many
invitations on the other until two fingerprints agree: that is the square root of them, 2**99 tries.

Example:
    >>> spoken("sha256:" + "0" * 63 + "1")
    '00000 00000 00000 00000 00000 00000 00000 00000 00000 00000 00000 00001'
"""

from __future__ import annotations

import hmac

__all__ = ["agrees", "spoken"]

_GROUPS, _DIGITS = 12, 5


def spoken(digest: str) -> str:
    """Return the fingerprint of a digest (`sha256:<hex>`)."""
    number = int(digest.removeprefix("sha256:"), 16) % 10 ** (_GROUPS * _DIGITS)
    text = f"{number:0{_GROUPS * _DIGITS}}"
    return " ".join(text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS))


def agrees(given: str, digest: str) -> bool:
    """Whether somebody's fingerprint is that of a digest: all of it, however it is grouped, or the digest."""
    text = "".join(given.split())
    wanted = digest if text.startswith("sha256:") else "".join(spoken(digest).split())
    return hmac.compare_digest(text.encode(), wanted.encode())
