"""Where an environment meets a peer: what its file says under `transits`, as frozen types.

Invariants:
1. A declaration names places and files; it holds no key, password or token.
2. `place` is what both ends must say alike. What stands beside it (credentials, what the medium promises)
   is each end's own.
3. A pair without a declaration meets in the folder `transit` of its common home.

Example:
    >>> DirectoryTransitSpec("cloud", Path("/mnt/exchange")).place
    ('directory',)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

__all__ = [
    "AzureTransitSpec",
    "Capabilities",
    "DirectoryTransitSpec",
    "HttpsTransitSpec",
    "S3TransitSpec",
    "SftpTransitSpec",
    "TransitSpec",
    "promised",
]


@dataclass(frozen=True)
class Capabilities:
    """What a medium promises.

    Attributes:
        medium: its name: `directory`, `s3`, `azure`, `sftp`, `https`.
        one_writer_wins: of several writers that create one name at once, one is told that it won.
        durable: what `put` returned from survives a loss of power there.
    """

    medium: str
    one_writer_wins: bool = True
    durable: bool = True

    @property
    def near(self) -> bool:
        """Whether it is a folder where one works: nothing is fetched, and nobody waits for a network."""
        return self.medium == "directory"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator must know, a sentence each; empty where everything is promised."""
        said = []
        if not self.one_writer_wins:
            said.append(
                f"{self.medium}: single-writer mode: this medium does not say which of two writers came "
                "first, so only one machine of an environment may use it at a time"
            )
        if not self.durable:
            said.append(
                f"{self.medium}: what is sent may be lost with the medium's power, and is then sent again"
            )
        return tuple(said)


@dataclass(frozen=True)
class DirectoryTransitSpec:
    """A folder that both ends can write to.

    Attributes:
        peer: the other environment.
        path: the folder, absolute.
        shared: whether two users share it, by its group; else it is one user's.
    """

    peer: str
    path: Path
    shared: bool = False

    @property
    def place(self) -> tuple[str, ...]:
        """What both ends say alike: a folder may be mounted elsewhere, so no more than its kind."""
        return ("directory",)


@dataclass(frozen=True)
class S3TransitSpec:
    """A bucket of S3, or of what speaks as S3 does.

    Attributes:
        peer: the other environment.
        bucket: its name.
        region: its region.
        prefix: what every name in it begins with; empty for none.
        endpoint: the server; empty for Amazon's in that region.
        credentials: the file with `access_key_id`, `secret_access_key` and perhaps `session_token`.
    """

    peer: str
    bucket: str
    region: str
    prefix: str
    endpoint: str
    credentials: Path = field(repr=False)

    @property
    def place(self) -> tuple[str, ...]:
        """What both ends say alike."""
        return ("s3", self.bucket, self.region, self.prefix, self.endpoint)


@dataclass(frozen=True)
class AzureTransitSpec:
    """A container of Azure Blob Storage.

    Attributes:
        peer: the other environment.
        account: the storage account.
        container: its name.
        prefix: what every name in it begins with; empty for none.
        endpoint: the server; empty for Azure's of that account.
        credentials: the file with `account_key` or `sas_token`.
    """

    peer: str
    account: str
    container: str
    prefix: str
    endpoint: str
    credentials: Path = field(repr=False)

    @property
    def place(self) -> tuple[str, ...]:
        """What both ends say alike."""
        return ("azure", self.account, self.container, self.prefix, self.endpoint)


@dataclass(frozen=True)
class SftpTransitSpec:
    """A folder behind an SSH server.

    Attributes:
        peer: the other environment.
        host: the server's name or address.
        port: its port.
        user: the account there.
        path: the folder there, absolute.
        host_key: the one key that the server may show, as in `known_hosts` (`ssh-ed25519 AAAA…`).
        key: the file of the private key that is shown to the server.
    """

    peer: str
    host: str
    port: int
    user: str
    path: str
    host_key: str
    key: Path = field(repr=False)

    @property
    def place(self) -> tuple[str, ...]:
        """What both ends say alike; a server may know each end by its own account."""
        return ("sftp", self.host, str(self.port), self.path)


@dataclass(frozen=True)
class HttpsTransitSpec:
    """A collection of an HTTPS server that knows its callers by their certificates.

    Attributes:
        peer: the other environment.
        url: the collection, ending with `/`.
        ca: the certificate of the authority that signed the server's.
        cert: our certificate there.
        key: its private key.
        promises: what the server's operator promises, of `one-writer-wins` and `durable`.
    """

    peer: str
    url: str
    ca: Path
    cert: Path
    key: Path = field(repr=False)
    promises: frozenset[str] = frozenset()

    @property
    def place(self) -> tuple[str, ...]:
        """What both ends say alike."""
        return ("https", self.url)


TransitSpec: TypeAlias = (
    DirectoryTransitSpec | S3TransitSpec | AzureTransitSpec | SftpTransitSpec | HttpsTransitSpec
)


def promised(spec: TransitSpec) -> Capabilities:
    """Return what the medium of a declaration promises; an HTTPS server's promises are its operator's."""
    if isinstance(spec, HttpsTransitSpec):
        return Capabilities(
            "https",
            one_writer_wins="one-writer-wins" in spec.promises,
            durable="durable" in spec.promises,
        )
    return Capabilities(spec.place[0])
