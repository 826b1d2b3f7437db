"""SFTP as a transit, against OpenSSH's own server."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from boundary_world import World, rows
from faulty_transit import Faults, FaultyTransit, Weather
from ssh_server import MISSING, SSHD, SshServer, free_port, new_key, running_sshd
from stormy_crossing import storm_over
from transit_suite import CROSSING, TransitSuite

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.boundary import egress, ingress, settle
from environments.transit import Transit, crossing_prefix, manifest_name, open_transit
from environments.transits import SftpTransitSpec

if SSHD is None:
    pytest.skip(MISSING, allow_module_level=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


class TestSftpTransit(TransitSuite):
    @pytest.fixture(autouse=True)
    def _with_server(self, server: SshServer) -> None:
        self.server = server

    def open_transit(self, place: Path) -> Transit:
        # The folder that a declaration names is made by the server's operator; what lies in it, by us.
        return open_transit(place, "onprem", "cloud", self.server.spec(f"{place.parent}"))


class TestFaultySftpTransit(TestSftpTransit):
    def open_transit(self, place: Path) -> Transit:
        return FaultyTransit(super().open_transit(place), Weather(Faults(duplicate=0.3, delay=0.2), 1))


def test_a_server_with_another_key_is_told_nothing(server: SshServer, tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    other = new_key(tmp_path / "other")
    before = server.log.read_text().count("Accepted")
    transit = open_transit(tmp_path, "onprem", "cloud", server.spec(str(place), host_key=other))
    for use in (
        lambda: transit.put(manifest_name(CROSSING), b"x"),
        lambda: transit.get(manifest_name(CROSSING), limit=9),
    ):
        with pytest.raises(NotVerifiableError, match="another key than the declared one"):
            use()
    assert list(place.iterdir()) == []
    assert server.log.read_text().count("Accepted") == before


def test_a_key_that_the_server_does_not_know_is_refused(server: SshServer, tmp_path: Path) -> None:
    new_key(tmp_path / "stranger")
    transit = open_transit(tmp_path, "onprem", "cloud", server.spec("/in", key=tmp_path / "stranger"))
    with pytest.raises(UnreachableError, match="AuthenticationException"):
        transit.put(manifest_name(CROSSING), b"x")


def test_a_key_that_others_may_read_is_refused(server: SshServer, tmp_path: Path) -> None:
    new_key(tmp_path / "open")
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(NotVerifiableError, match="others may open it"):
        open_transit(tmp_path, "onprem", "cloud", server.spec("/in", key=tmp_path / "open"))
    with pytest.raises(UsageError, match="no file here"):
        open_transit(tmp_path, "onprem", "cloud", server.spec("/in", key=tmp_path / "none"))
    with pytest.raises(UsageError, match="no public key"):
        open_transit(tmp_path, "onprem", "cloud", server.spec("/in", host_key="ssh-ed25519 AAAA"))


def test_no_server_and_no_folder_are_told(server: SshServer, tmp_path: Path) -> None:
    silent = server.spec("/in")
    silent = SftpTransitSpec("cloud", "127.0.0.1", free_port(), "x", "/in", silent.host_key, silent.key)
    with pytest.raises(UnreachableError, match="cannot be reached"):
        open_transit(tmp_path, "onprem", "cloud", silent).get(manifest_name(CROSSING), limit=9)
    transit = open_transit(tmp_path, "onprem", "cloud", server.spec(str(tmp_path / "none")))
    assert transit.get(manifest_name(CROSSING), limit=9) is None
    with pytest.raises(UnreachableError, match="FileNotFoundError"):
        transit.put(manifest_name(CROSSING), b"x")


def test_a_broken_line_is_told_and_then_opened_again(server: SshServer, tmp_path: Path) -> None:
    transit = open_transit(tmp_path, "onprem", "cloud", server.spec(str(tmp_path)))
    transit.put(manifest_name(CROSSING), b"x")
    transit._line._transport.sock.close()
    with suppress(UnreachableError):
        transit.get(manifest_name(CROSSING), limit=9)
    assert transit.get(manifest_name(CROSSING), limit=9) == b"x"


def test_a_dropped_transit_leaves_no_thread(server: SshServer, tmp_path: Path) -> None:
    before = threading.active_count()
    transits = [open_transit(tmp_path, "onprem", "cloud", server.spec(str(tmp_path))) for _ in range(3)]
    for transit in transits:
        transit.put(manifest_name(CROSSING), b"x")
    assert threading.active_count() > before
    threads = [thread for thread in threading.enumerate() if "paramiko" in type(thread).__module__]
    del transit, transits
    gc.collect()
    for thread in threads:
        thread.join(20)
    assert threading.active_count() <= before


def test_a_crossing_over_sftp(server: SshServer, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    (tmp_path / "in").mkdir()
    world.meet(server.spec(str(tmp_path / "in")))
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    assert any((tmp_path / "in").rglob("receipt"))
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"
    assert not [path for path in (tmp_path / "in").rglob("*") if path.is_file()]
    assert not world.transit().exists()
    assert list(world.env("onprem").outgoing("cloud").names(crossing_prefix(sent.crossing))) == []


@pytest.mark.parametrize("storm", ["all at once", "lost writes"])
def test_bad_weather_over_sftp(server: SshServer, tmp_path: Path, storm: str) -> None:
    (tmp_path / "in").mkdir()
    spec = server.spec(str(tmp_path / "in"))
    storm_over(tmp_path, spec, storm)
