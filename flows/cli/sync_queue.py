"""`isthmus sync --queue`: into the outbox of the source, whose folder this process opens, and no other.

Invariants:
1. No server and no worker is asked: at a site whose link is down neither need answer.
2. What waits already of the same version, destination and purpose is that, unless a request id is given.
3. The requester signs for as long as it may wait, and no longer.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import click

from environments.home import Home
from environments.ref import parse_asset
from environments.site import Site
from flows.cli.report import emit_json
from flows.cli.sync_terms import Terms

__all__ = ["put_in_line"]


def put_in_line(  # noqa: PLR0913, PLR0917 - what the command was given
    home: Home,
    site: Site,
    source: str,
    assets: Sequence[str],
    destination: str,
    purpose: str,
    who: str | None,
    terms: Terms,
    *,
    as_json: bool,
) -> None:
    """Queue one asset, or a set, and print what waits.

    Raises:
        UsageError: no such asset.
        DeniedError: the outbox is full.
    """
    from environments.boundary import CrossingRequest, Member, open_environment
    from environments.boundary.queueing import enqueue
    from environments.embedded.requesters import requester_here, sign_with
    from environments.outbox import open_outbox
    from environments.trust.requests import sync_asks
    from environments.trust.tokens import read_token

    env = open_environment(home.check().environment(source).check(), site)
    named = dict(map(parse_asset, assets))
    view = env.store.snapshot(named)
    records = [view.record(name, version) for name, version in named.items()]
    members = [Member(record.name, record.version) for record in records]
    fresh = terms.request or f"queue-{secrets.token_hex(8)}"
    wanted = CrossingRequest.of(members, destination, purpose, fresh)
    if terms.request is None:
        with open_outbox(env.folder) as outbox:
            waits = outbox.same(wanted.name, wanted.version, destination, purpose)
        if waits is not None:
            wanted = CrossingRequest.of(members, destination, purpose, waits.request)
    lasts = terms.lasts or env.profile.outbox.lifetime
    asks = sync_asks(source, wanted.name, wanted.version, destination, purpose)
    signer = requester_here(home, who)
    token = sign_with(home, signer, "queue", wanted.name, env.clock(), asks, lasts=lasts)
    signed = None if token is None else read_token(token)
    queued = enqueue(env, wanted, signed, lasts=lasts, priority=terms.priority, supersede=terms.supersede)
    if as_json:
        emit_json(queued.to_json())
        return
    what = queued.name if len(members) == 1 else f"{len(members)} assets as one set"
    click.echo(
        f"{what} from {source} to {destination} for {purpose}: {queued.state}  (request {queued.request})"
    )
    if queued.ahead:
        click.echo("  an earlier version goes first")
    if not queued.ended:
        click.echo(
            f"  it waits until {queued.expires:%Y-%m-%d %H:%M} UTC at the latest; "
            f"`isthmus outbox list --env {source}` shows it"
        )
