"""What one environment's process has when it works at the gate: its own side, and public words of others.

Invariants:
1. There is one environment in it. Of peers it holds declarations (public) and the public keys that the
   pinned trust document names.
2. Time, the way to map over partitions, and who is told of progress are injected.

Example:
    >>> env = open_environment(folder, site)
    >>> env.name, sorted(env.peers)
    ('onprem', ['cloud', 'edge'])
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from data_contracts.destination import OrganisationRule
from data_contracts.engine import SHIPPED_RULES, PolicyEngine
from data_contracts.errors import UsageError
from data_contracts.policy import NO_ORGANISATION_RULES
from data_contracts.registry import ContractRegistry
from environments.engine import load_engine
from environments.home import EnvironmentFolder
from environments.identity import Identity, PublicIdentity, load_identity
from environments.ledger import Ledger
from environments.profile import Profile
from environments.site import Site
from environments.stores import AssetStore, open_store
from environments.transit import Transit, open_transit
from environments.trust import peer_identity

__all__ = ["EnvironmentContext", "PartitionMap", "open_environment"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class PartitionMap(Protocol):
    """Runs one function over partitions, and gives the answers in their order.

    The function and its items pickle and hold paths and counts, never a key or a row.
    """

    def __call__(self, function: Callable[[Item], Answer], items: Iterable[Item], /) -> list[Answer]:
        """Run it."""


def _here(function: Callable[[Item], Answer], items: Iterable[Item], /) -> list[Answer]:
    return [function(item) for item in items]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _nobody(_phase: str) -> None:
    """Tell nobody."""


def _unheard(_phase: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class EnvironmentContext:
    """One environment at the gate.

    Attributes:
        profile: its own declaration.
        folder: its own folder.
        store: its own store.
        identity: its own keys.
        peers: the other environments' declarations, by name.
        contracts: the contracts that are declared here.
        organisation: the organisation's own rules.
        engine: who decides crossings; by default the shipped rules.
        transit_root: where transits lie that the profile declares nowhere else; by default `HOME/transit`.
        clock: the time now.
        partition_map: Dask's `Client.map` in a step; a plain loop without one.
        progress: is told the name of each numbered step before it begins.
        moved: is told a step's name, and how many bytes of how many it has moved.
        sleep: waits so many seconds, where a boundary's rate or a more urgent crossing asks for it.
        disk: a disk in the place of every transit (`environments.boundary.media`); None for what is declared.
    """

    profile: Profile
    folder: EnvironmentFolder
    store: AssetStore
    identity: Identity = field(repr=False)
    peers: Mapping[str, Profile]
    contracts: ContractRegistry
    transit_root: Path
    organisation: tuple[OrganisationRule, ...] = NO_ORGANISATION_RULES
    engine: PolicyEngine = SHIPPED_RULES
    clock: Callable[[], dt.datetime] = _now
    partition_map: PartitionMap = _here
    progress: Callable[[str], None] = _nobody
    moved: Callable[[str, int, int], None] = _unheard
    sleep: Callable[[float], None] = time.sleep
    disk: Transit | None = None

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.profile.name

    @property
    def ledger(self) -> Ledger:
        """Its record, under its keys as they are now: they may have been rotated since this was opened."""
        return Ledger(self.folder.ledger, load_identity(self.folder), clock=self.clock)

    def peer(self, name: str) -> Profile:
        """Return a peer's declaration.

        Raises:
            UsageError: none of that name is declared here.
        """
        if name not in self.peers:
            known = ", ".join(sorted(self.peers)) or "none"
            raise UsageError(f"{name}: no such environment beside {self.name}", remedy=f"known: {known}")
        return self.peers[name]

    def peer_identity(self, name: str) -> PublicIdentity:
        """Return a peer's public identity: the keys that count now, by the pinned trust document.

        Raises:
            NotVerifiableError: the document does not name it, has expired, or no key of it counts.
        """
        return peer_identity(self.folder, name, self.clock())

    def outgoing(self, destination: str) -> Transit:
        """Return the transit to a peer."""
        if self.disk is not None:
            return self.disk
        declared = self.profile.transit_with(destination)
        return open_transit(self.transit_root, self.name, destination, declared)

    def incoming(self, source: str) -> Transit:
        """Return the transit from a peer."""
        if self.disk is not None:
            return self.disk
        return open_transit(self.transit_root, source, self.name, self.profile.transit_with(source))


def open_environment(
    folder: EnvironmentFolder,
    site: Site,
    *,
    partition_map: PartitionMap = _here,
    progress: Callable[[str], None] = _nobody,
    moved: Callable[[str, int, int], None] = _unheard,
) -> EnvironmentContext:
    """Open the environment that owns `folder`, as `site` declares it.

    Raises:
        UsageError: the site declares no such environment, or it has no identity yet.
        NotVerifiableError: its keys could have been read or replaced by others.
    """
    profile = site.profile(folder.name)
    return EnvironmentContext(
        profile=profile,
        folder=folder,
        store=open_store(folder, profile),
        identity=load_identity(folder),
        peers={name: peer for name, peer in site.profiles.items() if name != profile.name},
        contracts=site.contracts,
        transit_root=folder.transits,
        organisation=site.organisation,
        engine=load_engine(site),
        partition_map=partition_map,
        progress=progress,
        moved=moved,
    )
