"""What a cluster's host writes down about it, and what a client verifies before it uses one.

Invariants:
1. The record is the environment's own (mode 0600, in its folder): whoever could forge it already owns
   the environment.
2. It is replaced whole, and removed when the cluster stops.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.private import read_private, write_private

if TYPE_CHECKING:
    from environments.home import EnvironmentFolder

__all__ = ["ClusterRecord", "read_record", "record_path", "remove_record", "write_record"]


@dataclass(frozen=True)
class ClusterRecord:
    """One running cluster.

    Attributes:
        pid: of the process that hosts the scheduler.
        address: `tls://127.0.0.1:PORT`.
        scheduler_id: the scheduler's own id, made anew at each start.
        certificate: SHA-256 of the scheduler's certificate (DER), hex.
        started: seconds since the epoch.
        minimum: least number of workers.
        maximum: most of them.
        workers: how many were connected when the record was written.
    """

    pid: int
    address: str
    scheduler_id: str
    certificate: str
    started: float
    minimum: int
    maximum: int
    workers: int = 0


def record_path(folder: EnvironmentFolder) -> Path:
    """Return where an environment's cluster is recorded."""
    return folder.run / "cluster.json"


def write_record(folder: EnvironmentFolder, record: ClusterRecord) -> None:
    """Replace the record."""
    write_private(record_path(folder), json.dumps(asdict(record)).encode())


def remove_record(folder: EnvironmentFolder) -> None:
    """Remove the record: no cluster runs."""
    record_path(folder).unlink(missing_ok=True)


def read_record(folder: EnvironmentFolder) -> ClusterRecord:
    """Read the record.

    Raises:
        UnreachableError: no cluster runs.
        NotVerifiableError: the file is not what the cluster's host wrote.
    """
    try:
        document: dict[str, Any] = json.loads(read_private(record_path(folder)))
        return ClusterRecord(**document)
    except FileNotFoundError:
        raise UnreachableError(
            f"the Dask cluster of {folder.name} does not run",
            remedy="look at `isthmus status`; `isthmus up` starts it",
        ) from None
    except (ValueError, TypeError):
        raise NotVerifiableError(
            f"{record_path(folder)}: not what the cluster's host wrote",
            remedy="run `isthmus down` and `isthmus up`",
        ) from None
