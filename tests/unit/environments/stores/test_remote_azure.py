"""The store on Azure Blob Storage, against Azurite, which checks signatures and conditional writes."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from dataclasses import replace

from azure_server import ACCOUNT, AZURITE, CONTAINER, MISSING, AzureServer, running_azurite
from boundary_world import World
from remote_store_suite import RemoteStoreSuite
from store_basis import LABELS, contract
from stormy_store import storm_over

from environments.objects.bucket import Bucket, Objects
from environments.objects.client import open_azure
from environments.objects.credentials import AZURE_KEYS, read_credentials
from environments.profile import AzureStoreSpec
from environments.stores import open_store

if AZURITE is None:
    pytest.skip(MISSING, allow_module_level=True)


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    with running_azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


def declared(folder: Path, prefix: str) -> AzureStoreSpec:
    url = (folder / "server.txt").read_text()
    return AzureStoreSpec(ACCOUNT, CONTAINER, folder / "azure.toml", prefix=prefix, endpoint=url)


def objects(folder: Path, prefix: str) -> Objects:
    spec = declared(folder, prefix)
    client = open_azure(spec, read_credentials(spec.credentials, AZURE_KEYS))
    return Bucket(client, spec.prefix, "the store")


class TestAzureObjects(RemoteStoreSuite):
    # Hundreds of commits each: over the directory alone.
    test_whatever_is_committed_the_store_is_its_model = None
    test_killed_between_any_two_steps_all_members_are_there_or_none = None

    @pytest.fixture(autouse=True)
    def _with_server(self, server: AzureServer, tmp_path: Path) -> None:
        # A suite's child process opens the same store: what it needs stands beside.
        server.credentials(tmp_path)
        (tmp_path / "server.txt").write_text(server.url)

    def bucket(self, folder: Path) -> Objects:
        return objects(folder.parent, hashlib.sha256(str(folder).encode()).hexdigest()[:16])


def test_bad_weather_over_azure(server: AzureServer, tmp_path: Path) -> None:
    server.credentials(tmp_path)
    (tmp_path / "server.txt").write_text(server.url)
    storm_over(objects(tmp_path, "storm"), tmp_path, "all at once")


def test_a_declared_store_is_opened(server: AzureServer, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    server.credentials(tmp_path)
    (tmp_path / "server.txt").write_text(server.url)
    world.profiles["cloud"] = replace(world.profiles["cloud"], store=declared(tmp_path, "clinics"))
    store = open_store(world.folder("cloud"), world.profiles["cloud"])
    with store.begin("readings") as draft:
        (draft.path / "part-00000.parquet").write_bytes(b"one")
        record = draft.commit(contract(), LABELS)
    assert objects(tmp_path, "clinics/cloud").size("assets/readings/00000001.json") is not None
    store.verify(record)
