"""Whether a trust document may take the place of the pinned one.

Invariants, in the order in which they are checked:
1. Threshold: the pinned roots' and its own roots' (so roots change only by the word of both).
2. Rollback: its version is higher; the same version is the same document, or it is a fork.
3. Freeze: it has not expired, and is not from the future.
4. A key that was revoked stays in it, and stays revoked.
5. The pair key of an environment stays: chunks are addressed by it for as long as the environment lives.

Everything is verified before anything is written; this module writes nothing.

Example:
    >>> accept(newer, pinned=open_document(older, trusted=None), now=now).document.version
    2
"""

from __future__ import annotations

import datetime as dt

from environments.trust.document import TrustDocument
from environments.trust.envelope import SignedTrust, TrustRefusedError, open_document
from environments.trust.keys import SKEW
from environments.trust.members import Requester, TrustedEnvironment

__all__ = ["accept"]


def accept(raw: bytes, *, pinned: SignedTrust | None, now: dt.datetime) -> SignedTrust:
    """Return the verified document that `raw` holds, if it may be pinned now.

    Args:
        raw: an envelope.
        pinned: what is pinned; None at first contact.
        now: the time.

    Raises:
        TrustRefusedError: any check; its `reason` says which.
    """
    # (1) Signatures, before anything inside is looked at.
    offered = open_document(raw, trusted=pinned.document.roots if pinned else None)
    document = offered.document
    # (2) Versions only go up.
    if pinned is not None:
        _newer(document, pinned.document)
    # (3) News, not history.
    if now >= document.expires:
        raise TrustRefusedError(
            "frozen",
            f"the trust document offered (version {document.version}) has expired",
            remedy="ask whoever issues it for the newest one; being given old ones may be an attack",
        )
    if document.issued > now + SKEW:
        raise TrustRefusedError(
            "early", "the trust document offered is from the future", remedy="set this machine's clock"
        )
    # (4) and (5) What must stay.
    if pinned is not None:
        _keeps(document, pinned.document)
    return offered


def _newer(document: TrustDocument, pinned: TrustDocument) -> None:
    if document.version < pinned.version:
        raise TrustRefusedError(
            "rollback",
            f"the trust document offered is version {document.version}; version {pinned.version} is pinned",
            remedy="ask whoever issues it for the newest one; being given old ones may be an attack",
        )
    if document.version == pinned.version and document.digest != pinned.digest:
        raise TrustRefusedError(
            "fork",
            f"two trust documents of version {document.version} were signed",
            remedy="compare digests with `isthmus trust show`, and ask the holders of the root keys: "
            "one of the two must be followed by a higher version",
        )


def _revoked(document: TrustDocument) -> set[tuple[str, str]]:
    """Return every revoked key, with whose it is."""
    found = set()
    parts: list[TrustedEnvironment | Requester] = [
        *document.environments.values(),
        *document.requesters.values(),
    ]
    for part in parts:
        kind = "requester" if isinstance(part, Requester) else "environment"
        found |= {(f"{kind} {part.name}", key.key_id) for key in part.keys if key.window.revoked is not None}
    return found


def _keeps(document: TrustDocument, pinned: TrustDocument) -> None:
    lost = _revoked(pinned) - _revoked(document)
    if lost:
        whose = ", ".join(sorted({name for name, _ in lost}))
        raise TrustRefusedError(
            "revived",
            f"the trust document offered no longer revokes what the pinned one revoked ({whose})",
            remedy="a revocation is for ever: the holders of the root keys must list it again",
        )
    for name, environment in document.environments.items():
        known = pinned.environments.get(name)
        if known is not None and known.pair != environment.pair:
            raise TrustRefusedError(
                "pinned",
                f"the trust document offered names another pair key of {name}",
                remedy="an environment that was made anew needs a name of its own",
            )
