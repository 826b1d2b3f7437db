"""What a manifest carries: fetched, opened, compared, and written into a draft that no reader sees.

Invariants:
1. The list of contents is the one that was signed, before a part is fetched.
2. Every chunk is opened in its own place and compared with the list, also one of this side's own store.
3. A fetch that is cut off goes on at the part where it stopped (`fetched`).

Example:
    >>> open_sent(env, manifest, None, draft, outbox)["visits"][0].entry.path
    'part-00000.parquet'
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from itertools import islice

from data_contracts.errors import NotVerifiableError
from environments.boundary.contents import Contents
from environments.boundary.context import EnvironmentContext
from environments.boundary.economy import Carriage, carriage
from environments.boundary.fetched import Fetched, clear_fetched
from environments.boundary.manifest import Manifest
from environments.boundary.outbox import Outbox
from environments.boundary.packing import fetch_contents
from environments.boundary.result import GateRule
from environments.boundary.sealing import KEY_BYTES, Seal, key_info
from environments.boundary.unpacking import NotHeldError, find_held, unpack
from environments.stores import SetDraft, Written
from environments.transit import Transit

__all__ = ["NOT_HELD", "carried_in", "list_sent", "open_sent"]

NOT_HELD = "chunks-not-held"
"""The rule of a refusal that one more attempt ends: after it the source sends everything."""


def carried_in(env: EnvironmentContext, manifest: Manifest) -> AbstractContextManager[Carriage]:
    """Return the transit that a manifest came by, under the boundary's limits."""
    asset, purpose = manifest.request.name, manifest.request.purpose
    return carriage(env, "fetch", manifest.source, manifest.crossing, asset, purpose, phase="ingress.open")


def _sealed(env: EnvironmentContext, manifest: Manifest) -> Seal:
    info = key_info(manifest.source, env.name, manifest.crossing)
    key = env.identity.unwrap(manifest.key, info=info)
    if len(key) != KEY_BYTES:
        raise NotVerifiableError("the crossing's key is not of the one length")
    return Seal(key, manifest.crossing, manifest.chunks)


def list_sent(env: EnvironmentContext, manifest: Manifest, transit: Transit) -> Contents:
    """Return the list of what a manifest carries.

    Raises:
        NotVerifiableError: it is missing, altered, or of another version than was signed.
    """
    seal = _sealed(env, manifest)
    contents = fetch_contents(seal, transit, digest=manifest.contents, size=manifest.contents_size)
    found = (contents.version, contents.size, len(contents.parts()), bool(contents.members))
    if found != (manifest.version, manifest.size, manifest.chunks, manifest.kind == "set"):
        raise NotVerifiableError("the list of contents is not of the version that was signed")
    return contents


def open_sent(
    env: EnvironmentContext, manifest: Manifest, listed: Contents | None, draft: SetDraft, outbox: Outbox
) -> dict[str, tuple[Written, ...]] | GateRule:
    """Return each member's files as they were written, or that chunks are not held here.

    What cannot be fetched now leaves what was: the next call goes on from there.

    Raises:
        NotVerifiableError: a part is missing, altered, or not the listed one; nothing that was fetched stays.
        HeldBackError: the boundary lets no more move now.
        UnreachableError: the disk or the transit refuses.
    """
    with carried_in(env, manifest) as transit:
        kept = Fetched.of(outbox, transit)
        try:
            contents = listed or list_sent(env, manifest, transit)
            transit.expect(kept.left_of(contents.parts()))
            return _opened(env, manifest, contents, transit, draft, kept)
        except NotVerifiableError:
            clear_fetched(outbox.folder)
            raise


def _opened(
    env: EnvironmentContext,
    manifest: Manifest,
    contents: Contents,
    transit: Carriage,
    draft: SetDraft,
    kept: Fetched,
) -> dict[str, tuple[Written, ...]] | GateRule:
    peer = env.peer_identity(manifest.source)
    pair_key = env.identity.pair_key(peer, source=manifest.source, destination=env.name)
    wanted = [contents.chunks[index].digest for index in contents.held]
    members = list(zip(draft.names, contents.by_member(), strict=True))
    paths = [draft.path(name) / entry.path for name, entries in members for entry in entries]
    try:
        held = find_held(env.store, draft.names, manifest.source, wanted)
        seal = _sealed(env, manifest)
        written = iter(unpack(contents, seal, transit, pair_key, paths, held=held, kept=kept))
    except NotHeldError as error:
        return GateRule(NOT_HELD, "chunks were not sent that are not held here", error.count)
    return {name: tuple(islice(written, len(entries))) for name, entries in members}
