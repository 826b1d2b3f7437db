"""Certificates of one cluster: its own are let in, all others are not."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from data_contracts.errors import UsageError
from environments.identity.dask_certificates import (
    DaskCertificates,
    dask_certificates,
    write_dask_certificates,
)


@dataclass(frozen=True)
class Folder:
    dask: Path


def folder_of(root: Path, name: str) -> Folder:
    folder = Folder(root / name / "dask")
    write_dask_certificates(folder, name)
    return folder


def context(purpose: ssl.Purpose, files: DaskCertificates) -> ssl.SSLContext:
    result = ssl.create_default_context(purpose, cafile=str(files.ca))
    result.check_hostname = False
    result.verify_mode = ssl.CERT_REQUIRED
    result.load_cert_chain(files.cert, files.key)
    return result


def handshake(server: DaskCertificates, client: DaskCertificates) -> bool:
    left, right = socket.socketpair()
    accepted: list[bool] = []

    def serve() -> None:
        try:
            with context(ssl.Purpose.CLIENT_AUTH, server).wrap_socket(left, server_side=True) as tls:
                accepted.append(tls.recv(1) == b"x")
        except OSError:
            accepted.append(False)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with context(ssl.Purpose.SERVER_AUTH, client).wrap_socket(right, server_hostname="localhost") as tls:
            tls.sendall(b"x")
    except OSError:
        right.close()
    thread.join(10)
    return accepted == [True]


def test_own_roles_meet(tmp_path: Path) -> None:
    cloud = folder_of(tmp_path, "cloud")
    for role in ("worker", "client"):
        assert handshake(dask_certificates(cloud, "scheduler"), dask_certificates(cloud, role))


def test_another_environments_worker_is_refused(tmp_path: Path) -> None:
    cloud, edge = folder_of(tmp_path, "cloud"), folder_of(tmp_path, "edge")
    assert not handshake(dask_certificates(cloud, "scheduler"), dask_certificates(edge, "worker"))


def test_a_clients_certificate_cannot_serve(tmp_path: Path) -> None:
    cloud = folder_of(tmp_path, "cloud")
    assert not handshake(dask_certificates(cloud, "client"), dask_certificates(cloud, "worker"))


def test_fresh_certificates_stay_and_old_ones_are_renewed(tmp_path: Path) -> None:
    cloud = folder_of(tmp_path, "cloud")
    before = (cloud.dask / "ca.pem").read_bytes()
    write_dask_certificates(cloud, "cloud")
    assert (cloud.dask / "ca.pem").read_bytes() == before
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=380)
    write_dask_certificates(cloud, "cloud", now=later)
    renewed = x509.load_pem_x509_certificate((cloud.dask / "ca.pem").read_bytes())
    assert renewed.not_valid_after_utc > later


def test_a_crash_in_the_middle_is_mended(tmp_path: Path) -> None:
    cloud = folder_of(tmp_path, "cloud")
    (cloud.dask / "ca.pem").unlink()
    write_dask_certificates(cloud, "cloud")
    assert handshake(dask_certificates(cloud, "scheduler"), dask_certificates(cloud, "client"))


def test_keys_are_private(tmp_path: Path) -> None:
    cloud = folder_of(tmp_path, "cloud")
    assert {path.stat().st_mode & 0o777 for path in cloud.dask.iterdir()} == {0o600}


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no Dask certificate"):
        dask_certificates(Folder(tmp_path), "client")
