"""The one way to reach an environment's Dask cluster: verify who answers, then use it.

Invariants:
1. The certificate is verified in the handshake, and the scheduler's id after it, before the client is
   handed out. What is not the recorded scheduler is closed again.
2. The client never becomes the default of its process: a second client cannot be taken for it.
3. An external cluster is one that the environment's file declares, with its authority and our
   certificate there; it is verified against that authority.

Example:
    >>> with connect(folder, profile) as client:
    ...     client.gather(client.map(len, [[1], [1, 2]]))
    [1, 2]
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

    from environments.home import EnvironmentFolder
    from environments.profile import Profile

__all__ = ["connect"]

_REMEDY = "look at `isthmus status`; `isthmus down` and `isthmus up` start it anew"
_REPLACED = 5.0


def connect(folder: EnvironmentFolder, profile: Profile, *, timeout: float = 30.0) -> Client:
    """Connect to the environment's cluster and verify the scheduler's identity.

    Raises:
        UnreachableError: no scheduler answers within `timeout` seconds.
        NotVerifiableError: what answers is not the scheduler that this environment recorded.
    """
    if profile.dask.kind == "external":
        return _external(profile, timeout)
    return _embedded(folder, timeout)


def _embedded(folder: EnvironmentFolder, timeout: float) -> Client:
    from environments.clusters.record import read_record
    from environments.clusters.security import certificate_digest, pinned_security

    record = read_record(folder)
    if certificate_digest(folder) != record.certificate:
        raise NotVerifiableError(
            f"the Dask cluster of {folder.name} runs with another certificate than the environment's",
            remedy=_REMEDY,
        )
    client = _client(record.address, pinned_security(folder), timeout, folder.name)
    found = client.scheduler_info(n_workers=0).get("id")
    if found != record.scheduler_id:
        client.close()
        raise NotVerifiableError(
            f"what answers at the address of {folder.name}'s Dask cluster is another scheduler",
            remedy=_REMEDY,
        )
    # A worker that is being replaced is there in a moment; without it, work would be spread over too few.
    with suppress(TimeoutError):
        client.wait_for_workers(max(1, record.minimum), timeout=_REPLACED)
    return client


def _external(profile: Profile, timeout: float) -> Client:
    from environments.clusters.security import external_security

    dask = profile.dask
    if dask.address is None or dask.ca is None or dask.cert is None or dask.key is None:
        raise UsageError(f"{profile.name}: an external Dask cluster needs address, ca, cert and key")
    if not dask.address.startswith("tls://"):
        raise UsageError(f"{profile.name}: the address of a Dask cluster begins with tls://")
    return _client(dask.address, external_security(dask.ca, dask.cert, dask.key), timeout, profile.name)


def _client(address: str, security: Security, timeout: float, name: str) -> Client:
    import ssl

    from distributed import Client

    try:
        return Client(
            address, security=security, timeout=timeout, set_as_default=False, name=f"isthmus-{name}"
        )
    except (OSError, TimeoutError) as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise NotVerifiableError(
                    f"what answers at the address of {name}'s Dask cluster shows another certificate",
                    remedy=_REMEDY,
                ) from None
            cause = cause.__cause__ or cause.__context__
        raise UnreachableError(f"the Dask cluster of {name} does not answer", remedy=_REMEDY) from None
