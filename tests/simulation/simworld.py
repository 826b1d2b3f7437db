"""Three environments on simulated machines: the real gate, stores, keys and ledgers, on a disk in memory.

The world is made once in a test process, and put back to its beginning for each schedule.
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq
from boundary_world import START, TO_CLOUD, World, rows, visits
from disk import Disk
from medium import Link
from remembered import digests
from running import current

from data_contracts.engine import SHIPPED_RULES
from data_contracts.policy import CrossingRequest, Decision
from data_contracts.registry import ContractRegistry
from environments.boundary import EnvironmentContext
from environments.identity import load_identity
from environments.ledger import Entry, Ledger
from environments.profile import Profile
from environments.stores import AssetRecord, LocalStore, SetMember
from environments.transit import Transit

if TYPE_CHECKING:
    from machinery import Machinery

__all__ = ["SimWorld", "ViolationError", "the_world"]

NAMES = ("onprem", "cloud", "edge")
MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, in a folder of a name nobody knows


Made = TypeVar("Made", bound="SimWorld")


class ViolationError(AssertionError):
    """An invariant that does not hold."""


@dataclass(frozen=True)
class SimContext(EnvironmentContext):
    """An environment at the gate whose ports are points of a simulation."""

    simulation: Machinery = field(default=cast("Machinery", None), repr=False)

    def outgoing(self, destination: str) -> Transit:
        return Link(self.simulation, (self.name, destination), self.name)

    def incoming(self, source: str) -> Transit:
        return Link(self.simulation, (source, self.name), self.name)

    @property
    def ledger(self) -> Ledger:
        return _Ledger(self.simulation, self)


class _Engine:
    """The shipped rules, with a note in the process of what they said."""

    def decide(self, request: CrossingRequest) -> Decision:
        decision = SHIPPED_RULES.decide(request)
        process = current()
        if process is not None:
            process.permitted = decision.permitted and request.contract is not None
        return decision


class _Ledger(Ledger):
    def __init__(self, simulation: Machinery, env: EnvironmentContext) -> None:
        super().__init__(env.folder.ledger, env.identity, clock=env.clock)  # no schedule exchanges keys
        self._simulation = simulation

    def append(self, kind: str, body: Any) -> Entry:
        self._simulation.point("ledger.append", kind)
        entry = super().append(kind, body)
        self._simulation.point("ledger.appended", kind)
        return entry


class _Store(LocalStore):
    """The store, with points around a commit, and a look at what is committed."""

    simulation: Machinery

    def begin_set(self, names: Iterable[str]) -> Any:
        draft = super().begin_set(names)
        real = draft.commit

        def commit(members: Mapping[str, SetMember]) -> tuple[AssetRecord, ...]:
            process = current()
            files = [
                [path for path in sorted(draft.path(name).rglob("*")) if path.is_file()]
                for name in draft.names
            ]
            if process is not None and not process.permitted:
                raise ViolationError("a commit without a permit")
            if process is not None and any(digests(one) not in process.passed for one in files):
                raise ViolationError("a commit of what no check passed")
            crossing = str(members[draft.names[0]].lineage["crossing"])
            with self.simulation.committing(self.folder, crossing, draft.names):
                self.simulation.point("store.commit", draft.names[0])
                records = real(members)
                self.simulation.point("store.committed", draft.names[0])
            return records

        draft.commit = commit  # type: ignore[method-assign]
        return draft


class SimWorld:
    """The environments, their disks, and how they were in the beginning."""

    world_kind: type[World] = World

    def __init__(self, root: Path) -> None:
        document = visits(*({**TO_CLOUD, "to": name} for name in NAMES))
        self.world = self.world_kind(root, documents={name: [document] for name in NAMES})
        self.prepare()
        self.records = {name: self._add(name) for name in NAMES}
        self.identities = {name: load_identity(self.world.folder(name)) for name in NAMES}
        self.known = self.world.registry("onprem")
        _ = self.known.all()
        self.unknown = ContractRegistry([])
        self.disks = {name: Disk(self.world.folder(name).root) for name in NAMES}
        self._begin = {name: disk.look() for name, disk in self.disks.items()}

    def prepare(self) -> None:
        """Do what belongs to the beginning, before any asset is committed."""

    def profile(self, name: str, simulation: Machinery) -> Profile:
        """Return an environment's declaration, as it is in this simulation."""
        del simulation
        return self.world.profiles[name]

    def tables(self) -> dict[str, list[pa.Table]]:
        """Return what can be asked for: a version, one that shares chunks with it, and one that is wrong."""
        first, second = rows(24), rows(48)
        wrong = first.set_column(2, "age", pa.array([200] * 24, pa.int64()))
        return {
            "visits-1": [first.slice(0, 12), first.slice(12)],
            "visits-2": [first.slice(0, 12), second.slice(24)],
            "wrong": [wrong],
        }

    def _add(self, environment: str) -> dict[str, AssetRecord]:
        store, contract = LocalStore(self.world.folder(environment).store), self.world.contract()
        found = {}
        for key, tables in self.tables().items():
            asset = f"{key.partition('-')[0]}-of-{environment}"
            with store.begin(asset) as draft:
                for number, table in enumerate(tables):
                    pq.write_table(table, draft.path / f"part-{number:05d}.parquet")
                total = sum(table.num_rows for table in tables)
                found[key] = draft.commit(contract, contract.labels, rows=total)
        return found

    def back_to_the_beginning(self) -> None:
        for name, disk in self.disks.items():
            disk.put_back(self._begin[name])
            disk.take_as_flushed()

    def env(self, name: str, simulation: Machinery) -> EnvironmentContext:
        """Open an environment, as a process that starts does."""
        folder = self.world.folder(name)

        def clock() -> dt.datetime:
            return START + dt.timedelta(seconds=simulation.clock(name))

        store = _Store(folder.store, clock=clock)
        store.simulation = simulation
        return SimContext(
            profile=self.profile(name, simulation),
            folder=folder,
            store=store,
            identity=load_identity(folder),
            peers={peer: profile for peer, profile in self.world.profiles.items() if peer != name},
            contracts=self.unknown if simulation.withdrawn(name) else self.known,
            transit_root=folder.root / "there-is-no-transit-on-disk",
            engine=_Engine(),
            clock=clock,
            progress=simulation.point,
            sleep=simulation.sleep,
            simulation=simulation,
        )


@cache
def the_world(kind: type[Made] = SimWorld) -> Made:  # type: ignore[assignment]
    """Make the world of this test process, of a kind."""
    root = Path(tempfile.mkdtemp(prefix="isthmus-simulation-", dir=MEMORY if MEMORY.is_dir() else None))
    import atexit

    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return kind(root)
