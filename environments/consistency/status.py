"""For every asset and destination of one source: which version is there, how far behind, and why.

Invariants:
1. What is said of another environment is what it signed, or what this environment itself did. Nothing is
   asked of another environment, so the answer is there while links are down, and may be older than the truth.

Example:
    >>> [(row.asset, row.destination, row.state) for row in status_of(open_source(folder, site))]
    [('covid_tests', 'cloud', 'current'), ('covid_tests', 'edge', 'no-terms')]
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from environments.consistency.index import follow
from environments.consistency.rows import Answer, Row, asset_names, rows_of
from environments.consistency.standing import Pair
from environments.folder import EnvironmentFolder
from environments.ledger.ledger import utc_now
from environments.outbox import Lane, has_outbox, open_outbox
from environments.profile import Profile
from environments.site import Site
from environments.stores import AssetStore, open_store

__all__ = ["Share", "Source", "open_source", "shares_of", "status_of"]

_WORTH_IT = 10_000
"""Rows of a share: they take a process of its own as long as it takes to make that."""


class Share(NamedTuple):
    """Some of the rows.

    Attributes:
        names: the assets that they are of.
        rows: what is to be said of them, read when they are asked for.
    """

    names: Sequence[str]
    rows: Iterator[Row]


@dataclass(frozen=True)
class Source:
    """What is needed of one environment to say how far its destinations are.

    Attributes:
        folder: its own.
        store: its own.
        peers: the other environments' declarations.
        look: says whether an answer to a crossing lies in the transit to a destination.
        clock: the time now.
    """

    folder: EnvironmentFolder
    store: AssetStore
    peers: Mapping[str, Profile]
    look: Callable[[str, str], Answer]
    clock: Callable[[], dt.datetime] = utc_now


def open_source(folder: EnvironmentFolder, site: Site, *, remote: bool = False) -> Source:
    """Open one environment to look at, and nothing of the gate.

    Args:
        folder: the environment's.
        site: what declares it.
        remote: whether transits on other machines are asked for answers too.
    """
    profile = site.profile(folder.name)

    def look(destination: str, crossing: str) -> Answer:
        from environments.transit import open_transit
        from environments.transit.answers import answer_lies

        declared = profile.transit_with(destination)
        if not remote and declared is not None and declared.place[0] != "directory":
            return Answer(lies=False, note="its transit was not asked for an answer")
        opened = partial(open_transit, folder.transits, folder.name, destination, declared)
        return Answer(*answer_lies(opened, crossing))

    peers = {name: peer for name, peer in site.profiles.items() if name != folder.name}
    return Source(folder, open_store(folder, profile), peers, look)


def status_of(source: Source) -> Iterator[Row]:
    """Give every row of one source, by asset and destination.

    Raises:
        NotVerifiableError: the ledger does not read.
        UnreachableError: the disk refuses.
    """
    [share] = shares_of(source, 1)
    return share.rows


def shares_of(source: Source, most: int) -> list[Share]:
    """Give every row of one source, in one to this many shares, of which each may go to a process of its own.

    One follows another, and no asset is in two. Few rows are one share: a process costs more than they do.

    Raises:
        NotVerifiableError: the ledger does not read.
        UnreachableError: the disk refuses.
    """
    followed, waiting = follow(source.folder, source.store), dict[Pair, Lane]()
    if has_outbox(source.folder):
        with open_outbox(source.folder, durable=False) as outbox:
            waiting = outbox.lanes()
    names = asset_names(followed, waiting)
    shares = max(1, min(most, len(names) * len(source.peers) // _WORTH_IT))
    size = max(1, -(-len(names) // shares))
    give = partial(rows_of, followed, source.peers, source.clock(), source.look, waiting)
    parts = [names[begin : begin + size] for begin in range(0, max(1, len(names)), size)]
    return [Share(part, give(names=part)) for part in parts]
