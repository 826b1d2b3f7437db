"""A store of one environment with the hospital's tests in it, and a real Dask cluster of two processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import flows.hospital
from data_contracts.registry import ContractRegistry
from environments.assets import add_file
from environments.ref import AssetRef
from environments.stores import LocalStore
from tasks.quality.quarantine import quarantine
from tasks.steps import DaskCluster, InlineCluster
from tasks.steps.cluster import Cluster
from tasks.steps.definition import AnyStep
from tasks.steps.execution import run_step
from tasks.training.train import train

DATA = Path(flows.hospital.__file__).parent / "data"


@dataclass(frozen=True)
class Place:
    """One environment, as far as steps see it."""

    name: str
    store: LocalStore
    contracts: ContractRegistry
    cluster: Cluster

    def add(self, file: Path, name: str, contract: str) -> AssetRef:
        report = add_file(self.store, file, name, self.contracts.get(contract))
        assert report.record is not None
        return report.record.ref(self.name)

    def run(self, step: AnyStep, **arguments: object) -> dict[str, Any]:
        return run_step(
            step,
            arguments,
            environment=self.name,
            store=self.store,
            contracts=self.contracts,
            connect=lambda: self.cluster,
        )


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place("here", LocalStore(tmp_path / "store"), ContractRegistry.shipped(), InlineCluster())


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place for one module's tests together."""
    store = LocalStore(tmp_path_factory.mktemp("shared") / "store")
    return Place("here", store, ContractRegistry.shipped(), InlineCluster())


@dataclass(frozen=True)
class Trained:
    """A place where the model has been trained once, for every test that only reads."""

    place: Place
    clean: AssetRef
    result: dict[str, Any]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    store = LocalStore(tmp_path_factory.mktemp("trained") / "store")
    place = Place("here", store, ContractRegistry.shipped(), InlineCluster())
    raw = place.add(DATA / "onprem_tests.csv", "covid_tests", "hospital.covid-tests")
    clean = place.run(quarantine, tests=raw)["accepted"]
    return Trained(place, clean, place.run(train, tests=clean))


@pytest.fixture(scope="session")
def dask_cluster() -> Iterator[DaskCluster]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(2, timeout=60)
        yield DaskCluster(client, workers=2)
