"""What this environment notes for itself of work that it did, signed, so that nobody else notes it.

Invariants:
1. An entry says what it is about, and is found only for exactly that.
2. The signature covers the kind of entry beside its words: one kind is never taken for another.

Example:
    >>> write_private(path, seal_entry(env, b"isthmus-passed-1", {"about": about}))
    >>> open_entry(env, b"isthmus-passed-1", read_private(path), about)["about"] == about
    True
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError

if TYPE_CHECKING:
    from environments.boundary.context import EnvironmentContext

__all__ = ["open_entry", "seal_entry"]


def _covered(kind: bytes, told: Mapping[str, Any]) -> bytes:
    return kind + b"\0" + canonical(told)


def seal_entry(env: EnvironmentContext, kind: bytes, told: Mapping[str, Any]) -> bytes:
    """Return an entry; `told` holds `about`, and what is noted of it."""
    signature = base64.b64encode(env.identity.sign(_covered(kind, told))).decode()
    return canonical(dict(told) | {"signature": signature})


def open_entry(env: EnvironmentContext, kind: bytes, raw: bytes, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was noted, without the signature.

    Raises:
        NotVerifiableError: this environment did not note it, or not about this.
    """
    try:
        told: dict[str, Any] = json.loads(raw)
        signature = base64.b64decode(told.pop("signature"), validate=True)
        same = canonical(told["about"]) == canonical(about)
        env.identity.public.verify(_covered(kind, told), signature)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotVerifiableError("a note of this environment: not in its form") from None
    if not same:
        raise NotVerifiableError("a note of this environment: it is about something else")
    return told
