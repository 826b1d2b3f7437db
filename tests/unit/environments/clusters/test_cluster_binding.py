"""A real cluster of one environment, forked by a real host; and those who would like to be it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import distributed
import psutil
import pytest
from distributed.security import Security

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from data_contracts.labels import Classification
from environments.clusters.binding import connect
from environments.clusters.nodes import QuietScheduler
from environments.clusters.record import read_record, write_record
from environments.home import EnvironmentFolder, Home
from environments.identity.dask_certificates import dask_certificates, write_dask_certificates
from environments.profile import Capacity, DaskSpec, Profile

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("cluster-binding")]

PROFILE = Profile(
    "cloud",
    "cloud",
    "DE",
    Classification.CONFIDENTIAL,
    capacity=Capacity(workers=(1, 2), memory=512 * 1024**2),
)
HOST = """
import sys
from pathlib import Path
from environments.embedded.api import ApiAddress
from environments.home import EnvironmentFolder
from environments.profile import Capacity, Profile
from environments.site import Site
from environments.workpools.host import run_host
from data_contracts.labels import Classification

capacity = Capacity(workers=(1, 2), memory=512 * 1024**2)
profile = Profile("cloud", "cloud", "DE", Classification.CONFIDENTIAL, capacity=capacity)
folder = EnvironmentFolder(Path(sys.argv[1]))
api = ApiAddress("http://127.0.0.1:1/api", "a:b")
sys.exit(run_host(folder, profile, api, object, site=Site(), parts=["cluster"]))
"""


@dataclass
class Cluster:
    folder: EnvironmentFolder
    host: subprocess.Popen[bytes]

    def pids(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.host.pid).children(recursive=True)]


def until(condition: Callable[[], object], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = Home(tmp_path_factory.mktemp("home") / "h").create().environment("cloud").create()
    write_dask_certificates(folder, "cloud")
    with (folder.logs / "host.log").open("ab") as log:
        host = subprocess.Popen([sys.executable, "-P", "-c", HOST, str(folder.root)], stdout=log, stderr=log)
    try:
        until((folder.run / "cluster.json").exists)
        yield Cluster(folder, host)
    finally:
        host.terminate()
        assert host.wait(30) == 0
        assert not (folder.run / "cluster.json").exists()


def slow(number: int) -> tuple[int, int]:
    time.sleep(0.3)
    return number, os.getpid()


def test_work_is_spread_over_workers_which_grow_to_the_most_and_shrink_to_the_least(cluster: Cluster) -> None:
    with connect(cluster.folder, PROFILE) as client:
        answers = client.gather(client.map(slow, range(40), pure=False))
        assert [number for number, _ in answers] == list(range(40))
        assert len({pid for _, pid in answers}) == 2
    until(lambda: read_record(cluster.folder).workers == 1)


def test_a_killed_worker_is_replaced_and_its_work_done(cluster: Cluster) -> None:
    with connect(cluster.folder, PROFILE) as client:
        (_, victim) = client.submit(slow, 0, pure=False).result()
        futures = client.map(slow, range(6), pure=False)
        os.kill(victim, signal.SIGKILL)
        assert sorted(number for number, _ in client.gather(futures)) == list(range(6))


def test_the_client_is_nobodys_default(cluster: Cluster) -> None:
    with connect(cluster.folder, PROFILE), pytest.raises(ValueError, match="No clients found"):
        distributed.default_client()


def test_everything_listens_on_loopback_and_on_one_port_each(cluster: Cluster) -> None:
    for pid in cluster.pids():
        listening = [c.laddr for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert {address.ip for address in listening} <= {"127.0.0.1"}
        assert len(listening) <= 1


def test_whoever_has_no_certificate_of_this_environment_is_not_spoken_to(
    cluster: Cluster, tmp_path: Path
) -> None:
    address = read_record(cluster.folder).address.removeprefix("tls://")
    host, port = address.split(":")
    with pytest.raises(OSError, match=r".*"):
        distributed.Client(f"tcp://{address}", timeout=2)
    stranger = Home(tmp_path / "h").create().environment("cloud").create()
    write_dask_certificates(stranger, "cloud")
    theirs = dask_certificates(stranger, "client")
    context = ssl.create_default_context(cafile=str(dask_certificates(cluster.folder, "client").ca))
    context.check_hostname = False
    context.load_cert_chain(theirs.cert, theirs.key)
    with socket.create_connection((host, int(port)), timeout=5) as plain:
        assert not answered(context, plain)
    ours = dask_certificates(cluster.folder, "client")
    context.load_cert_chain(ours.cert, ours.key)
    with socket.create_connection((host, int(port)), timeout=5) as plain:
        assert answered(context, plain)


def answered(context: ssl.SSLContext, plain: socket.socket) -> bool:
    """Whether the other side speaks to us after the handshake (a TLS 1.3 server refuses only then)."""
    try:
        with context.wrap_socket(plain) as channel:
            return bool(channel.recv(100))
    except (ssl.SSLError, ConnectionError):
        return False


def test_a_scheduler_of_another_id_is_refused(cluster: Cluster) -> None:
    record = read_record(cluster.folder)
    write_record(cluster.folder, dataclasses.replace(record, scheduler_id="Scheduler-of-someone-else"))
    try:
        with pytest.raises(NotVerifiableError, match="another scheduler"):
            connect(cluster.folder, PROFILE)
    finally:
        write_record(cluster.folder, record)


@contextmanager
def impostor(security: Security) -> Iterator[str]:
    """Run a scheduler that shows some certificate; yield its address."""
    address: list[str] = []
    stop = threading.Event()

    async def serve() -> None:
        async with QuietScheduler(host="127.0.0.1", port=0, security=security, dashboard=False) as scheduler:
            address.append(scheduler.address)
            while not stop.is_set():  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        until(lambda: address)
        yield address[0]
    finally:
        stop.set()
        thread.join()


def with_certificate(folder: EnvironmentFolder, cert: Path, key: Path) -> Security:
    ca = dask_certificates(folder, "client").ca
    return Security(
        tls_ca_file=str(ca),
        tls_scheduler_cert=str(cert),
        tls_scheduler_key=str(key),
        require_encryption=True,
    )


def test_a_worker_of_the_same_authority_cannot_pass_for_the_scheduler(cluster: Cluster) -> None:
    worker = dask_certificates(cluster.folder, "worker")
    record = read_record(cluster.folder)
    with impostor(with_certificate(cluster.folder, worker.cert, worker.key)) as address:
        write_record(cluster.folder, dataclasses.replace(record, address=address))
        try:
            with pytest.raises((NotVerifiableError, UnreachableError)):
                connect(cluster.folder, PROFILE, timeout=3)
        finally:
            write_record(cluster.folder, record)


def test_the_same_impostor_with_the_schedulers_certificate_is_told_by_its_id(cluster: Cluster) -> None:
    """The test above proves something: what it refuses is the certificate, not the way it is set up."""
    scheduler = dask_certificates(cluster.folder, "scheduler")
    record = read_record(cluster.folder)
    with impostor(with_certificate(cluster.folder, scheduler.cert, scheduler.key)) as address:
        write_record(cluster.folder, dataclasses.replace(record, address=address))
        try:
            with pytest.raises(NotVerifiableError, match="another scheduler"):
                connect(cluster.folder, PROFILE, timeout=10)
        finally:
            write_record(cluster.folder, record)


def test_a_renewed_certificate_asks_for_a_restart(cluster: Cluster) -> None:
    record = read_record(cluster.folder)
    write_record(cluster.folder, dataclasses.replace(record, certificate="0" * 64))
    try:
        with pytest.raises(NotVerifiableError, match="another certificate"):
            connect(cluster.folder, PROFILE)
    finally:
        write_record(cluster.folder, record)


def test_a_declared_cluster_is_reached_with_its_own_certificates(cluster: Cluster) -> None:
    paths = dask_certificates(cluster.folder, "client")
    spec = DaskSpec("external", read_record(cluster.folder).address, paths.ca, paths.cert, paths.key)
    with connect(cluster.folder, dataclasses.replace(PROFILE, dask=spec)) as client:
        assert client.submit(slow, 1).result()[0] == 1


@pytest.mark.parametrize("change", [{"address": "tcp://127.0.0.1:1"}, {"key": None}])
def test_a_declared_cluster_without_tls_is_refused(cluster: Cluster, change: dict[str, str | None]) -> None:
    paths = dask_certificates(cluster.folder, "client")
    spec = DaskSpec("external", "tls://127.0.0.1:1", paths.ca, paths.cert, paths.key)
    with pytest.raises(UsageError):
        connect(cluster.folder, dataclasses.replace(PROFILE, dask=dataclasses.replace(spec, **change)))  # type: ignore[arg-type]


def test_no_cluster_is_said_plainly(tmp_path: Path) -> None:
    folder = Home(tmp_path / "h").create().environment("edge").create()
    with pytest.raises(UnreachableError, match="the Dask cluster of edge does not run"):
        connect(folder, PROFILE)
    (folder.run / "cluster.json").write_text(json.dumps({"pid": 1}))
    (folder.run / "cluster.json").chmod(0o600)
    with pytest.raises(NotVerifiableError):
        connect(folder, PROFILE)
