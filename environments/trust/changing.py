"""Changes of a trust document: each a function from one document to the next version, unsigned.

Invariants:
1. Nothing is changed in place, and every change counts the version up by one.
2. A revoked key stays listed, revoked.

Example:
    >>> revoked(document, "cloud", key_id, now).version == document.version + 1
    True
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from data_contracts.errors import UsageError
from environments.identity.public import PublicIdentity
from environments.trust.document import LIFETIME, TrustDocument
from environments.trust.keys import KEY_LIFETIME, AgreementKey, SigningKey, Window
from environments.trust.members import Requester, Roots, TrustedEnvironment

__all__ = [
    "OVERLAP",
    "environment_of",
    "first_document",
    "next_version",
    "revoked",
    "rotated",
    "with_environments",
    "with_requester",
    "with_roots",
]

Key = TypeVar("Key", SigningKey, AgreementKey)
OVERLAP = dt.timedelta(days=30)
"""How long the key before counts beside the new one: longer than any manifest waits in a transit."""


def environment_of(
    public: PublicIdentity, now: dt.datetime, dask_ca: str | None = None
) -> TrustedEnvironment:
    """Return how a document names an environment that it did not know before."""
    signing, agreement = _fresh(public, now)
    return TrustedEnvironment(public.name, (signing,), (agreement,), public.pair, dask_ca)


def _fresh(public: PublicIdentity, now: dt.datetime) -> tuple[SigningKey, AgreementKey]:
    begins = now.replace(microsecond=0)
    window = Window(begins, begins + KEY_LIFETIME)
    return SigningKey(public.signing, window), AgreementKey(public.wrap_mlkem, public.wrap_x25519, window)


def first_document(
    roots: Roots, environments: Iterable[TrustedEnvironment], now: dt.datetime
) -> TrustDocument:
    """Return version 1."""
    issued = now.replace(microsecond=0)
    named = {one.name: one for one in environments}
    return TrustDocument(1, issued, issued + LIFETIME, roots, named)


def next_version(
    document: TrustDocument, now: dt.datetime, *, lifetime: dt.timedelta = LIFETIME
) -> TrustDocument:
    """Return the next version, issued now, that says the same."""
    issued = now.replace(microsecond=0)
    return replace(document, version=document.version + 1, issued=issued, expires=issued + lifetime)


def _environment(document: TrustDocument, name: str) -> TrustedEnvironment:
    if name not in document.environments:
        known = ", ".join(sorted(document.environments)) or "none"
        raise UsageError(f"{name}: the trust document names no such environment", remedy=f"known: {known}")
    return document.environments[name]


def with_environments(
    document: TrustDocument, changed: Mapping[str, TrustedEnvironment], now: dt.datetime
) -> TrustDocument:
    """Return the next version with these environments added or replaced."""
    return replace(next_version(document, now), environments={**document.environments, **changed})


def rotated(
    document: TrustDocument, public: PublicIdentity, now: dt.datetime, *, overlap: dt.timedelta = OVERLAP
) -> TrustDocument:
    """Return the next version, in which an environment's new keys begin and the old ones end after `overlap`.

    Raises:
        UsageError: the document does not name the environment, or has these keys already.
    """
    before = _environment(document, public.name)
    signing, agreement = _fresh(public, now)
    if any(key.public == signing.public for key in before.signing):
        raise UsageError(f"{public.name}: the trust document names this key already")
    ends = signing.window.begins + overlap
    after = replace(
        before,
        signing=(*(replace(key, window=_ending(key.window, ends)) for key in before.signing), signing),
        agreement=(*(replace(key, window=_ending(key.window, ends)) for key in before.agreement), agreement),
    )
    return with_environments(document, {public.name: after}, now)


def _ending(window: Window, ends: dt.datetime) -> Window:
    if window.revoked is not None or window.ends <= ends or ends <= window.begins:
        return window
    return replace(window, ends=ends)


def revoked(document: TrustDocument, name: str, key_id: str, now: dt.datetime) -> TrustDocument:
    """Return the next version, in which one key of an environment or requester counts no more.

    Args:
        document: the version before.
        name: the environment or requester.
        key_id: the key's id, or its beginning where that is unique.
        now: the time.

    Raises:
        UsageError: no such key, or more than one.
    """
    time = now.replace(microsecond=0)
    requester = document.requesters.get(name)
    if name not in document.environments and requester is not None:
        _the_one([key.key_id for key in requester.keys], key_id, name)
        keys = tuple(_revoke(key, key_id, time) for key in requester.keys)
        changed = {**document.requesters, name: replace(requester, keys=keys)}
        return replace(next_version(document, now), requesters=changed)
    before = _environment(document, name)
    _the_one([key.key_id for key in before.keys], key_id, name)
    after = replace(
        before,
        signing=tuple(_revoke(key, key_id, time) for key in before.signing),
        agreement=tuple(_revoke(key, key_id, time) for key in before.agreement),
    )
    return with_environments(document, {name: after}, now)


def _matches(key_id: str, wanted: str) -> bool:
    return key_id.removeprefix("sha256:").startswith(wanted.removeprefix("sha256:"))


def _the_one(ids: list[str], wanted: str, name: str) -> None:
    found = [one for one in ids if _matches(one, wanted)] if wanted.removeprefix("sha256:") else []
    if len(found) != 1:
        raise UsageError(
            f"{name}: {len(found)} keys of that id",
            remedy="say the id, or enough of its beginning, as `isthmus keys list` shows it",
        )


def _revoke(key: Key, wanted: str, time: dt.datetime) -> Key:
    if not _matches(key.key_id, wanted) or key.window.revoked is not None:
        return key
    return replace(key, window=replace(key.window, revoked=time))


def with_roots(document: TrustDocument, roots: Roots, now: dt.datetime) -> TrustDocument:
    """Return the next version, whose successors these roots sign."""
    return replace(next_version(document, now), roots=roots)


def with_requester(document: TrustDocument, requester: Requester, now: dt.datetime) -> TrustDocument:
    """Return the next version, with a requester added or replaced."""
    return replace(next_version(document, now), requesters={**document.requesters, requester.name: requester})
