"""Azure Blob Storage as a transit, against Azurite, which checks signatures and conditional writes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure_server import AZURITE, MISSING, AzureServer, running_azurite
from boundary_world import World, rows
from faulty_transit import Faults, FaultyTransit, Weather
from stormy_crossing import storm_over
from transit_suite import CROSSING, TransitSuite

from data_contracts.errors import UnreachableError
from environments.boundary import egress, ingress, settle
from environments.transit import Transit, crossing_prefix, manifest_name, open_transit

if AZURITE is None:
    pytest.skip(MISSING, allow_module_level=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    with running_azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


class TestAzureTransit(TransitSuite):
    @pytest.fixture(autouse=True)
    def _with_server(self, server: AzureServer) -> None:
        self.server = server

    def open_transit(self, place: Path) -> Transit:
        prefix = hashlib.sha256(str(place).encode()).hexdigest()[:16]
        return open_transit(place, "onprem", "cloud", self.server.spec(place.parent, prefix=prefix))


class TestFaultyAzureTransit(TestAzureTransit):
    def open_transit(self, place: Path) -> Transit:
        return FaultyTransit(super().open_transit(place), Weather(Faults(duplicate=0.3, delay=0.2), 1))


def test_a_wrong_key_is_refused_by_the_server(server: AzureServer, tmp_path: Path) -> None:
    spec = server.spec(tmp_path)
    wrong = base64.b64encode(b"w" * 64).decode()
    server.credentials(tmp_path, f'account_key = "{wrong}"\n')
    transit = open_transit(tmp_path, "onprem", "cloud", spec)
    for use in (
        lambda: transit.put(manifest_name(CROSSING), b"x"),
        lambda: transit.get(manifest_name(CROSSING), limit=9),
        lambda: list(transit.names(crossing_prefix(CROSSING))),
    ):
        with pytest.raises(UnreachableError, match="refuses our credentials") as caught:
            use()
        assert wrong not in str(caught.value)


def test_a_shared_access_signature_opens_what_it_grants(server: AzureServer, tmp_path: Path) -> None:
    spec = server.spec(tmp_path, prefix="token")
    server.credentials(tmp_path, f'sas_token = "{server.token("racwdl")}"\n')
    transit = open_transit(tmp_path, "onprem", "cloud", spec)
    assert transit.create(manifest_name(CROSSING), b"x")
    assert list(transit.names(crossing_prefix(CROSSING))) == [manifest_name(CROSSING)]
    server.credentials(tmp_path, f'sas_token = "{server.token("rl")}"\n')
    reader = open_transit(tmp_path, "onprem", "cloud", spec)
    assert reader.get(manifest_name(CROSSING), limit=9) == b"x"
    with pytest.raises(UnreachableError, match="refuses our credentials"):
        reader.put(manifest_name(CROSSING), b"y")
    assert reader.get(manifest_name(CROSSING), limit=9) == b"x"


def test_words_of_the_environment_change_nothing(
    server: AzureServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, word in {
        "AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:9",
        "AZURE_ENDPOINT": "http://127.0.0.1:9",
        "AZURE_STORAGE_ACCOUNT_NAME": "other",
        "AZURE_STORAGE_ACCOUNT_KEY": "b3RoZXI=",
        "AZURE_STORAGE_SAS_KEY": "sig=x",
        "AZURE_CONTAINER_NAME": "other",
        "AZURE_SKIP_SIGNATURE": "true",
        "AZURE_STORAGE_USE_EMULATOR": "true",
    }.items():
        monkeypatch.setenv(name, word)
    transit = open_transit(tmp_path, "onprem", "cloud", server.spec(tmp_path, prefix="environment"))
    transit.put(manifest_name(CROSSING), b"x")
    assert transit.get(manifest_name(CROSSING), limit=9) == b"x"


def test_a_crossing_over_azure(server: AzureServer, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    world.meet(server.spec(tmp_path, prefix="crossing"))
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"
    left = world.env("onprem").outgoing("cloud").names(crossing_prefix(sent.crossing))
    assert list(left) == []
    assert not world.transit().exists()


@pytest.mark.parametrize("storm", ["all at once", "lost writes"])
def test_bad_weather_over_azure(server: AzureServer, tmp_path: Path, storm: str) -> None:
    spec = server.spec(tmp_path, prefix=f"storm/{storm[:3]}")
    storm_over(tmp_path, spec, storm)
