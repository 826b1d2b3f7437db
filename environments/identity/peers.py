"""Peers' public identities, pinned: the first one seen stays until an operator removes it.

Invariants:
1. A pinned identity is never replaced by another; a different one is refused, not taken.
2. What is not pinned is unknown, and an unknown peer's word counts for nothing.

Example:
    >>> pin_peer(folder, cloud_public)
    >>> load_peer(folder, "cloud").fingerprint == cloud_public.fingerprint
    True
"""

from __future__ import annotations

import json

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError
from environments.identity.keys import IdentityFolder
from environments.identity.public import PublicIdentity
from environments.private import make_private, read_private, write_private
from environments.ref import check_name

__all__ = ["load_peer", "load_peers", "pin_peer"]

_SUFFIX = ".identity.json"


def pin_peer(folder: IdentityFolder, peer: PublicIdentity) -> None:
    """Keep a peer's public identity; pinning the same one again does nothing.

    Raises:
        NotVerifiableError: another identity is pinned under that name.
    """
    make_private(folder.peers)
    path = folder.peers / f"{peer.name}{_SUFFIX}"
    if path.exists() or path.is_symlink():
        if load_peer(folder, peer.name) != peer:
            raise NotVerifiableError(
                f"{peer.name} shows other keys than the pinned ones",
                remedy=f"if its operator confirms the change, remove the pinned {path.name} and pin again",
            )
        return
    write_private(path, canonical(peer.to_json()))


def load_peer(folder: IdentityFolder, name: str) -> PublicIdentity:
    """Load one pinned peer.

    Raises:
        NotVerifiableError: it is not pinned here, or its file is damaged.
    """
    path = folder.peers / f"{check_name(name, 'the peer')}{_SUFFIX}"
    if not path.exists():
        raise NotVerifiableError(
            f"{name}: no key of this environment is known here",
            remedy="run `isthmus up`, or pin its identity",
        )
    try:
        peer = PublicIdentity.from_json(json.loads(read_private(path)))
    except ValueError:
        raise NotVerifiableError(f"{path.name}: not a public identity", remedy="pin the peer again") from None
    if peer.name != name:
        raise NotVerifiableError(f"{path.name}: holds the identity of {peer.name}", remedy="pin it again")
    return peer


def load_peers(folder: IdentityFolder) -> dict[str, PublicIdentity]:
    """Load every pinned peer, by name."""
    names = sorted(path.name.removesuffix(_SUFFIX) for path in folder.peers.glob(f"*{_SUFFIX}"))
    return {name: load_peer(folder, name) for name in names}
