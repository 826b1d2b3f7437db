"""Each environment's own set-up, done by a child that opens this one environment's folder only.

Invariants:
1. No process ever opens the folders of two environments: what passes between them here is public keys and
   the signed trust document, as JSON, by way of a supervisor that opens none.
2. Doing it again changes nothing: keys stay, and the pinned trust document is followed by newer ones only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from environments.home import EnvironmentFolder, Home

__all__ = ["issue_trust", "joined_trust", "make_environment", "meet_peers"]

_DASK = "dask_ca"


def make_environment(folder: EnvironmentFolder) -> dict[str, Any]:
    """Make the folder, keys and certificates, and return what the environment shows of itself, as JSON."""
    from environments.identity import create_identity
    from environments.identity.dask_certificates import dask_fingerprint, write_dask_certificates

    folder.create()
    public = create_identity(folder, folder.name)
    write_dask_certificates(folder, folder.name)
    return public.to_json() | {_DASK: dask_fingerprint(folder)}


def _public(shown: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a PublicIdentity; imported late
    from environments.identity import PublicIdentity

    return PublicIdentity.from_json({key: value for key, value in shown.items() if key != _DASK})


def issue_trust(home: Home, identities: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the signed trust document of this home, made or renewed if that is ours to do.

    An older home, whose environments pinned one another's identities, gets its first document here.
    """
    from environments.trust import Authority

    publics = {name: _public(shown) for name, shown in identities.items()}
    dask = {name: shown[_DASK] for name, shown in identities.items() if _DASK in shown}
    issued = Authority(home.secrets / "trust").settle(publics, dask, dt.datetime.now(dt.UTC))
    return issued.raw.decode("ascii")


def joined_trust(folder: EnvironmentFolder, shown: Mapping[str, Any]) -> str:
    """Return the trust document that an environment of a joined home has pinned; it is issued elsewhere.

    Raises:
        NotVerifiableError: it has expired, is missing, or names other keys than those that lie here.
    """
    from data_contracts.errors import NotVerifiableError
    from environments.trust import load_pinned

    pinned, public = load_pinned(folder), _public(shown)
    named = pinned.document.environments.get(folder.name) if pinned else None
    if pinned is None or named is None or public.signing not in {key.public for key in named.signing}:
        raise NotVerifiableError(
            f"{folder.name}: the trust document that is pinned here does not name the keys that lie here",
            remedy="take the admission again (`isthmus env complete FILE`), or restore the keys' backup",
        )
    pinned.document.check_current(dt.datetime.now(dt.UTC))
    return pinned.raw.decode("ascii")


def meet_peers(
    folder: EnvironmentFolder, identities: Mapping[str, Mapping[str, Any]], document: str | None = None
) -> list[str]:
    """Pin the trust document (or, without one, each public identity); return the peers' names."""
    peers = sorted(name for name in identities if name != folder.name)
    if document is None:
        from environments.identity import pin_peer

        for name in peers:
            pin_peer(folder, _public(identities[name]))
        return peers
    from environments.trust import adopt_document

    adopt_document(folder, document.encode("ascii"), dt.datetime.now(dt.UTC))
    return peers
