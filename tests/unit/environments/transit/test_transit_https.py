"""HTTPS with client certificates as a transit, against a server over TLS 1.3 that demands one."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import pytest
from boundary_world import World, rows
from faulty_transit import Faults, FaultyTransit, Weather
from https_server import Authority, HttpsServer, running_https
from stormy_crossing import storm_over
from transit_suite import CROSSING, TransitSuite

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.boundary import egress, ingress, settle
from environments.transit import Transit, crossing_prefix, manifest_name, open_transit


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsServer]:
    with running_https(tmp_path_factory.mktemp("https")) as running:
        yield running


class TestHttpsTransit(TransitSuite):
    promises = frozenset({"one-writer-wins", "durable"})

    @pytest.fixture(autouse=True)
    def _with_server(self, server: HttpsServer) -> None:
        self.server = server

    def open_transit(self, place: Path) -> Transit:
        below = hashlib.sha256(f"{place}{self.promises}".encode()).hexdigest()[:16]
        (self.server.root / below).mkdir(exist_ok=True)
        return open_transit(place, "onprem", "cloud", self.server.spec(f"{below}/", promises=self.promises))


class TestFaultyHttpsTransit(TestHttpsTransit):
    def open_transit(self, place: Path) -> Transit:
        return FaultyTransit(super().open_transit(place), Weather(Faults(duplicate=0.3, delay=0.2), 1))


class TestHttpsThatPromisesNothing(TestHttpsTransit):
    promises = frozenset()

    def test_it_says_so(self, transit: Transit) -> None:
        assert len(transit.capabilities.warnings) == 2


def refused(server: HttpsServer, transit: Transit, said: str) -> None:
    before = sorted(server.root.rglob("*"))
    for use in (
        lambda: transit.put(manifest_name(CROSSING), b"x"),
        lambda: transit.get(manifest_name(CROSSING), limit=9),
        lambda: transit.size(manifest_name(CROSSING)),
        lambda: list(transit.names(crossing_prefix(CROSSING))),
        lambda: transit.clear(crossing_prefix(CROSSING)),
    ):
        with pytest.raises(UnreachableError, match=said):
            use()
    assert sorted(server.root.rglob("*")) == before


def test_a_certificate_of_another_authority_is_refused_at_the_first_read(
    server: HttpsServer, tmp_path: Path
) -> None:
    cert, key = Authority(tmp_path, "stranger").issue("client")
    transit = open_transit(tmp_path, "onprem", "cloud", server.spec(cert=cert, key=key))
    refused(server, transit, "Error")


def test_a_client_without_a_certificate_fails_at_its_first_read_only(server: HttpsServer) -> None:
    context = ssl.create_default_context(cafile=str(server.ca))
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    with context.wrap_socket(raw, server_hostname="127.0.0.1") as line:
        assert line.version() == "TLSv1.3"
        try:
            line.sendall(b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n")
            read = line.recv(1)
        except (ssl.SSLError, ConnectionError):
            read = b""
        assert read == b""


def test_a_server_of_another_authority_is_told_nothing(server: HttpsServer, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    refused(server, open_transit(tmp_path, "onprem", "cloud", server.spec(ca=other.path)), "ConnectError")


def test_a_server_of_another_name_is_told_nothing(server: HttpsServer, tmp_path: Path) -> None:
    spec = replace(server.spec(), url=f"https://localhost:{server.port}/")
    refused(server, open_transit(tmp_path, "onprem", "cloud", spec), "ConnectError")


def test_files_that_are_not_there_or_open_to_others_are_refused(server: HttpsServer, tmp_path: Path) -> None:
    cert, key = Authority(tmp_path, "own").issue("client")
    for changes in ({"ca": tmp_path / "none"}, {"cert": tmp_path / "none"}, {"key": tmp_path / "none"}):
        with pytest.raises(UsageError, match="no file here"):
            open_transit(tmp_path, "onprem", "cloud", server.spec(**changes))
    with pytest.raises(UsageError, match="not a certificate"):
        open_transit(tmp_path, "onprem", "cloud", server.spec(cert=cert))
    key.chmod(0o644)
    with pytest.raises(NotVerifiableError, match="others may open it"):
        open_transit(tmp_path, "onprem", "cloud", server.spec(cert=cert, key=key))


ANSWERS = {
    "an endless stream": (200, {}, repeat(b"x" * 65536), NotVerifiableError, "larger than 1000 bytes"),
    "a length that lies": (200, {"Content-Length": "900"}, [b"x"], UnreachableError, "RemoteProtocolError"),
    "a bomb": (200, {"Content-Encoding": "gzip"}, [b"x"], NotVerifiableError, "another coding"),
    "a redirection": (302, {"Location": "https://127.0.0.1:9/"}, [], UnreachableError, "answers 302"),
    "no leave": (403, {"Content-Length": "0"}, [], UnreachableError, "answers 403"),
}


@pytest.mark.parametrize("attack", ANSWERS)
def test_a_hostile_answer(server: HttpsServer, tmp_path: Path, attack: str) -> None:
    status, headers, pieces, error, said = ANSWERS[attack]
    server.answers[f"/onprem/cloud/{manifest_name(CROSSING)}"] = (status, headers, iter(pieces))
    transit = open_transit(tmp_path, "onprem", "cloud", server.spec())
    try:
        with pytest.raises(error, match=said):
            transit.get(manifest_name(CROSSING), limit=1000)
    finally:
        server.answers.clear()


def test_a_crossing_over_https(server: HttpsServer, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    place = server.root / "crossing"
    place.mkdir()
    world.meet(server.spec("crossing/"))
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    assert any(place.rglob("receipt"))
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"
    assert not [path for path in place.rglob("*") if path.is_file()]
    assert not world.transit().exists()


@pytest.mark.parametrize("storm", ["all at once", "lost writes"])
def test_bad_weather_over_https(server: HttpsServer, tmp_path: Path, storm: str) -> None:
    below = f"storm-{storm[:3]}"
    (server.root / below).mkdir()
    spec = server.spec(f"{below}/")
    storm_over(tmp_path, spec, storm)
