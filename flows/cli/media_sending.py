"""Sending an asset from the command that writes it onto a disk: no server and no worker is asked.

Invariants:
1. It is the same egress as `isthmus sync` asks for: decided, checked, transformed, sealed, signed, recorded.
2. A crossing of the same version, destination and purpose that waits is gone on with, unless a request id is
   given.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from data_contracts.errors import UsageError
from environments.boundary import CrossingRequest, EgressResult, EnvironmentContext, Member, egress
from environments.boundary.media import waiting_for
from environments.home import Home
from environments.ref import parse_asset
from environments.site import Site

__all__ = ["send"]


def send(  # noqa: PLR0913, PLR0917 - what the command was given
    home: Home,
    site: Site,
    env: EnvironmentContext,
    assets: Sequence[str],
    destination: str,
    purpose: str,
    request: str | None,
    who: str | None,
) -> EgressResult:
    """Run the egress of one asset, or of a set.

    Raises:
        UsageError: no such asset, or a purpose that nobody ever named.
    """
    from environments.embedded.requesters import requester_here, sign_with
    from environments.trust.requests import sync_asks
    from environments.trust.tokens import read_token
    from flows.runtime.catalogue import load_pipelines
    from flows.runtime.purposes import check_purpose

    check_purpose(site, purpose, lambda: load_pipelines(site).values())
    named = dict(map(parse_asset, assets))
    if len(named) != len(assets):
        raise UsageError("an asset is named twice", remedy="a set holds one version of each asset")
    view = env.store.snapshot(named)
    records = [view.record(name, version) for name, version in named.items()]
    members = [Member(record.name, record.version) for record in records]
    wanted = CrossingRequest.of(members, destination, purpose, request or f"media-{secrets.token_hex(8)}")
    if request is None:
        asked = (wanted.name, wanted.version, wanted.purpose)
        waits = [
            each for each in waiting_for(env, destination) if asked == (each.name, each.version, each.purpose)
        ]
        if waits:
            wanted = CrossingRequest.of(members, destination, purpose, waits[-1].request)
    asks = sync_asks(env.name, wanted.name, wanted.version, destination, purpose)
    token = sign_with(home, requester_here(home, who), "sync", wanted.name, env.clock(), asks)
    return egress(env, wanted, None if token is None else read_token(token))
