"""Which transit lies between two environments: what the declaration says, or the folder of their home.

Invariants:
1. A declaration that cannot be opened is an error, never another transit.
2. Each direction of each pair has a root of its own, `…/SRC/DST`.
3. A medium's library is imported by whoever declares that medium.

Example:
    >>> open_transit(home / "transit", "onprem", "cloud").capabilities.medium
    'directory'
"""

from __future__ import annotations

from pathlib import Path

from data_contracts.errors import UsageError
from environments.objects.credentials import AZURE_KEYS, S3_KEYS, read_credentials
from environments.ref import check_name
from environments.transit.directory import DirectoryTransit
from environments.transit.port import Capabilities, Transit
from environments.transit.shared import SharedDirectoryTransit
from environments.transits import (
    AzureTransitSpec,
    DirectoryTransitSpec,
    HttpsTransitSpec,
    S3TransitSpec,
    SftpTransitSpec,
    TransitSpec,
)

__all__ = ["open_transit"]


def open_transit(root: Path, source: str, destination: str, spec: TransitSpec | None = None) -> Transit:
    """Return the transit from one environment to another.

    Args:
        root: where the transits of this home lie; used without a declaration only.
        source: who sends.
        destination: who receives.
        spec: what this end declares; None for the home's folder.

    Raises:
        UsageError: one of them is no name, both are one, or a file of credentials is not what it should be.
        NotVerifiableError: others could read or replace such a file.
    """
    check_name(source, "the source")
    check_name(destination, "the destination")
    if source == destination:
        raise UsageError(f"{source}: source and destination are one environment")
    match spec:
        case None:
            return DirectoryTransit(root / source / destination)
        case DirectoryTransitSpec(shared=True):
            return SharedDirectoryTransit(spec.path, source, destination)
        case DirectoryTransitSpec():
            return DirectoryTransit(spec.path / source / destination)
        case S3TransitSpec() | AzureTransitSpec():
            return _objects(spec, source, destination)
        case SftpTransitSpec():
            return _sftp(spec, f"{source}/{destination}")
        case HttpsTransitSpec():
            from environments.transit.https import HttpsTransit

            return HttpsTransit(spec, f"{source}/{destination}")


def _objects(spec: S3TransitSpec | AzureTransitSpec, source: str, destination: str) -> Transit:
    from environments.objects.bucket import Bucket
    from environments.objects.client import open_azure, open_s3
    from environments.transit.objects import ObjectTransit

    client = (
        open_s3(spec, read_credentials(spec.credentials, S3_KEYS))
        if isinstance(spec, S3TransitSpec)
        else open_azure(spec, read_credentials(spec.credentials, AZURE_KEYS))
    )
    root = "/".join(part for part in (spec.prefix, source, destination) if part)
    return ObjectTransit(Bucket(client, root, "the transit"), Capabilities(spec.place[0]))


def _sftp(spec: SftpTransitSpec, below: str) -> Transit:
    try:
        from environments.transit.sftp import SftpTransit
    except ModuleNotFoundError:
        raise UsageError(
            "a transit over SFTP needs paramiko, which is not installed here",
            remedy="pip install 'isthmus-hybrid[sftp]'",
        ) from None
    return SftpTransit(spec, below)
