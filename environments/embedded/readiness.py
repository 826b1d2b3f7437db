"""How an environment's host shows that it is ready: what it writes into its own `run` folder.

The functions here run in a child that opens this one environment's folder only.

Invariants:
1. What an earlier host wrote says nothing: a file counts only if it is newer than this start.
2. A file that cannot be read yet is not ready, never an error: it is being replaced.
"""

from __future__ import annotations

import json
from typing import Any

from data_contracts.errors import IsthmusError
from environments.embedded.composition import HostCheck
from environments.home import EnvironmentFolder
from environments.private import read_private
from environments.profile import Profile

__all__ = ["GATE_CHECKS", "HOST_CHECKS", "read_run_file"]


def read_run_file(folder: EnvironmentFolder, name: str, *, since: float = 0.0) -> dict[str, Any] | None:
    """Return what a part wrote into `run/NAME.json` after `since` (Unix time); None: nothing usable."""
    path = folder.run / f"{name}.json"
    try:
        if path.stat().st_mtime < since:
            return None
        document = json.loads(read_private(path))
    except (OSError, ValueError, IsthmusError):
        return None
    return document if isinstance(document, dict) else None


def _dask(folder: EnvironmentFolder, profile: Profile, since: float) -> str | None:
    if profile.dask.kind == "external":
        return f"external, {profile.dask.address}"
    cluster = read_run_file(folder, "cluster", since=since)
    workers = 0 if cluster is None else int(cluster.get("workers") or 0)
    if cluster is None or workers < profile.capacity.workers[0]:
        return None
    return f"{cluster.get('address')}, {workers} worker{'' if workers == 1 else 's'}"


def _worker(folder: EnvironmentFolder, _profile: Profile, since: float) -> str | None:
    worker = read_run_file(folder, "worker", since=since)
    if worker is None or not worker.get("last_poll") or worker.get("reachable") is False:
        return None
    return "sealed, polling"


def _gate(folder: EnvironmentFolder, _profile: Profile, since: float) -> str | None:
    gate = read_run_file(folder, "gate", since=since)
    return None if gate is None else str(gate.get("address"))


HOST_CHECKS: dict[str, HostCheck] = {"dask": _dask, "worker": _worker}
GATE_CHECKS: dict[str, HostCheck] = {"gate": _gate}
