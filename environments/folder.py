"""One environment's folder: all that its processes know of the disk.

Invariants:
1. It leads to nothing of another environment and nothing of the home around it.
2. Every part of it is private (0700), and checked to be so.

Example:
    >>> folder = EnvironmentFolder(Path("/srv/isthmus/environments/cloud"))
    >>> folder.name, folder.keys.name
    ('cloud', 'keys')
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import UnreachableError
from environments.private import check_private, make_private
from environments.ref import check_name

__all__ = ["EnvironmentFolder"]

_PARTS = (
    "store",
    "keys",
    "ledger",
    "outbox",
    "economy",
    "incidents",
    "logs",
    "dask",
    "run",
    "peers",
    "trust",
    "prefect",
    "tmp",
)


@dataclass(frozen=True)
class EnvironmentFolder:
    """One environment's state: the only folder that its processes know.

    Attributes:
        root: `HOME/environments/NAME`; absolute.
    """

    root: Path

    def __post_init__(self) -> None:
        """Refuse a folder whose name is none of an environment's."""
        check_name(self.root.name, "the environment")

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.root.name

    @property
    def store(self) -> Path:
        """Versioned assets."""
        return self.root / "store"

    @property
    def keys(self) -> Path:
        """Private keys; they never leave."""
        return self.root / "keys"

    @property
    def ledger(self) -> Path:
        """The append-only record."""
        return self.root / "ledger"

    @property
    def outbox(self) -> Path:
        """What waits to cross."""
        return self.root / "outbox"

    @property
    def transits(self) -> Path:
        """Where the transits lie that no profile declares elsewhere: in the home, beside the environments."""
        return self.root.parents[1] / "transit"

    @property
    def economy(self) -> Path:
        """What was moved over each boundary, and work at the gate that may be used again."""
        return self.root / "economy"

    @property
    def incidents(self) -> Path:
        """True errors, by incident id."""
        return self.root / "incidents"

    @property
    def logs(self) -> Path:
        """Logs of the environment's parts and steps."""
        return self.root / "logs"

    @property
    def dask(self) -> Path:
        """Certificates, spill and scratch of the environment's Dask cluster."""
        return self.root / "dask"

    @property
    def run(self) -> Path:
        """What runs now: pids, addresses."""
        return self.root / "run"

    @property
    def peers(self) -> Path:
        """Peers' public identities and declarations."""
        return self.root / "peers"

    @property
    def trust(self) -> Path:
        """The pinned trust document."""
        return self.root / "trust"

    @property
    def prefect(self) -> Path:
        """Prefect's own files (its PREFECT_HOME) in this environment."""
        return self.root / "prefect"

    @property
    def tmp(self) -> Path:
        """Scratch that may be swept whenever nothing of the environment runs."""
        return self.root / "tmp"

    def create(self) -> EnvironmentFolder:
        """Make the folder and its parts, or check those that stand.

        Raises:
            NotVerifiableError: a folder is not ours alone.
            UnreachableError: the disk refuses.
        """
        make_private(self.root)
        for part in _PARTS:
            make_private(self.root / part)
        return self

    def check(self) -> EnvironmentFolder:
        """Refuse an environment that was never made here, or that is not ours alone.

        Raises:
            UnreachableError: it was never made.
            NotVerifiableError: others may open it.
        """
        if not os.path.lexists(self.root):
            raise UnreachableError(
                f"environment {self.name} has no folder in this home yet",
                remedy="run `isthmus up` once, or `isthmus asset add … --env` which makes it",
            )
        check_private(self.root)
        return self
