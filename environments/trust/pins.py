"""The trust document that one environment has pinned, in its own folder.

Invariants:
1. What is pinned verified when it was pinned, and verifies again whenever it is read.
2. It is replaced only by what `update.accept` accepts, in one durable step, under a lock; a refused
   document changes nothing on disk.
3. At first contact, a document that contradicts a peer's identity pinned before is refused: an older home
   comes over with the peers that it knew, or not at all.
4. Where a document is pinned, it alone says who is believed; the single identities are a copy for people.

Example:
    >>> pin_document(folder, raw, now)
    >>> peer_identity(folder, "cloud", now).name
    'cloud'
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from data_contracts.digest import canonical
from environments.identity import IdentityFolder, PublicIdentity, let_act, load_peer, load_peers
from environments.locking import held
from environments.private import make_private, read_private, write_private
from environments.trust.document import TrustDocument
from environments.trust.envelope import SignedTrust, TrustRefusedError, open_document
from environments.trust.update import accept

__all__ = ["TrustFolder", "load_pinned", "peer_identity", "pin_document"]

_PINNED = "pinned.json"


class TrustFolder(IdentityFolder, Protocol):
    """The places of an environment's folder that trust uses (`EnvironmentFolder` has them)."""

    @property
    def name(self) -> str:
        """The environment's name."""

    @property
    def trust(self) -> Path:
        """The pinned trust document."""


@contextmanager
def _locked(folder: TrustFolder) -> Iterator[None]:
    make_private(folder.trust)
    with held(folder.trust / ".lock", f"the trust document of {folder.name}"):
        yield


def load_pinned(folder: TrustFolder) -> SignedTrust | None:
    """Return the pinned document; None where none was pinned yet.

    Raises:
        NotVerifiableError: its file was changed, or others could have changed it.
    """
    try:
        raw = read_private(folder.trust / _PINNED)
    except FileNotFoundError:
        return None
    return open_document(raw, trusted=None)


def pin_document(folder: TrustFolder, raw: bytes, now: dt.datetime) -> SignedTrust:
    """Pin a document in place of the one before, if it may take its place; the same one changes nothing.

    The environment's own newest key that the document names begins to act.

    Raises:
        TrustRefusedError: it may not; nothing was changed.
        UnreachableError: the disk refuses.
    """
    with _locked(folder):
        pinned = load_pinned(folder)
        offered = accept(raw, pinned=pinned, now=now)
        if pinned is None:
            _agrees(folder, offered.document)
        if pinned is None or pinned.raw != offered.raw:
            write_private(folder.trust / _PINNED, offered.raw)
        _copy_peers(folder, offered.document, now)
    own = offered.document.environments.get(folder.name)
    if own is not None:
        let_act(folder, {key.key_id for key in own.signing if key.window.accepts(now)})
    return offered


def _agrees(folder: TrustFolder, document: TrustDocument) -> None:
    """Refuse a first document that names another key of a peer than the one that was pinned for it."""
    for name, peer in load_peers(folder).items():
        named = document.environments.get(name)
        known = {key.public for key in named.signing} if named else set()
        if named is None or peer.signing not in known or peer.pair != named.pair:
            raise TrustRefusedError(
                "pinned",
                f"the trust document names other keys of {name} than those pinned here",
                remedy=f"if {name}'s operator confirms the change, remove the pinned {name}.identity.json",
            )


def _copy_peers(folder: TrustFolder, document: TrustDocument, now: dt.datetime) -> None:
    make_private(folder.peers)
    for name, environment in document.environments.items():
        if name == folder.name or not any(key.window.accepts(now) for key in environment.signing):
            continue
        path = folder.peers / f"{name}.identity.json"
        text = canonical(environment.identity(now).to_json())
        if not path.exists() or read_private(path) != text:
            write_private(path, text)


def peer_identity(folder: TrustFolder, name: str, now: dt.datetime) -> PublicIdentity:
    """Return what may be believed of a peer now.

    Raises:
        NotVerifiableError: the document has expired, does not name the peer, or no key of it counts; where
            no document is pinned: the peer is not pinned.
    """
    pinned = load_pinned(folder)
    return load_peer(folder, name) if pinned is None else pinned.document.identity(name, now)
