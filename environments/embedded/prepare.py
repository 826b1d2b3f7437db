"""Each environment's own set-up, done by a child that opens this one environment's folder only.

Invariants:
1. No process ever opens the folders of two environments: what passes between them here is public keys,
   as JSON, by way of a supervisor that opens none.
2. Doing it again changes nothing: keys and pinned peers stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from environments.home import EnvironmentFolder

__all__ = ["make_environment", "meet_peers"]


def make_environment(folder: EnvironmentFolder) -> dict[str, Any]:
    """Make the folder, keys and certificates, and return the public identity as JSON."""
    from environments.identity import create_identity, write_dask_certificates

    folder.create()
    public = create_identity(folder, folder.name)
    write_dask_certificates(folder, folder.name)
    return public.to_json()


def meet_peers(folder: EnvironmentFolder, identities: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Pin the public identities of the other environments; return their names."""
    from environments.identity import PublicIdentity, pin_peer

    peers = sorted(name for name in identities if name != folder.name)
    for name in peers:
        pin_peer(folder, PublicIdentity.from_json(identities[name]))
    return peers
