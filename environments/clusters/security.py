"""TLS of an environment's cluster: which certificates each side shows, and which it believes.

Invariants:
1. Nothing connects without TLS, in either direction.
2. Scheduler and workers believe whom the environment's own authority signed.
3. A client of an embedded cluster believes one certificate only: the scheduler's. Another certificate
   of the same authority (a worker's) does not pass for it, and this is settled in the handshake,
   before a byte of Dask's protocol is read.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed.security import Security

from environments.identity.dask_certificates import dask_certificates

if TYPE_CHECKING:
    from environments.home import EnvironmentFolder

__all__ = ["certificate_digest", "cluster_security", "external_security", "pinned_security"]


def cluster_security(folder: EnvironmentFolder) -> Security:
    """Return what the scheduler's process and the workers use; the scheduler's process is client too."""
    settings: dict[str, Any] = {"require_encryption": True}
    for role in ("scheduler", "worker", "client"):
        paths = dask_certificates(folder, role)
        settings |= {f"tls_{role}_cert": str(paths.cert), f"tls_{role}_key": str(paths.key)}
    return Security(tls_ca_file=str(dask_certificates(folder, "client").ca), **settings)


def pinned_security(folder: EnvironmentFolder) -> Security:
    """Return what a client of the embedded cluster uses."""
    client, scheduler = dask_certificates(folder, "client"), dask_certificates(folder, "scheduler")
    return _PinnedSecurity(
        tls_ca_file=str(scheduler.cert),
        tls_client_cert=str(client.cert),
        tls_client_key=str(client.key),
        require_encryption=True,
    )


def external_security(ca: Path, cert: Path, key: Path) -> Security:
    """Return what a client of a declared, existing cluster uses."""
    return Security(
        tls_ca_file=str(ca), tls_client_cert=str(cert), tls_client_key=str(key), require_encryption=True
    )


def certificate_digest(folder: EnvironmentFolder) -> str:
    """Return the SHA-256 of the scheduler's certificate (DER), hex."""
    import hashlib

    pem = dask_certificates(folder, "scheduler").cert.read_text("ascii")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


class _PinnedSecurity(Security):  # type: ignore[misc] # Dask ships no types
    def get_connection_args(self, role: str) -> dict[str, Any]:
        arguments: dict[str, Any] = super().get_connection_args(role)
        # The one trusted certificate is no authority; OpenSSL takes it as an end of a chain if told to.
        arguments["ssl_context"].verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return arguments
