"""The environment host: one process that is the ancestor of everything an environment runs.

Invariants:
1. It must be called in a process with one thread, and keeps it so: it becomes the zygote.
2. Its environment variables are cleaned before anything is forked: what runs later sees the settings of
   the control plane, a path, a locale, and folders of its own environment.
3. It knows one environment: its folder, its profile.

Example:
    >>> run_host(folder, profile, api, lambda: catalogue, site=site)   # until SIGTERM
    0
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from data_contracts.errors import ConflictError, UsageError
from environments.locking import taken
from environments.workpools.catalogue import Catalogue
from environments.workpools.prefectseal import seal
from environments.workpools.stepprocess import Place, rehearse, run_one
from environments.workpools.zygote import Part, Zygote

if TYPE_CHECKING:
    from environments.embedded.api import ApiAddress
    from environments.home import EnvironmentFolder
    from environments.profile import Profile
    from environments.site import Site

__all__ = ["PARTS", "PRELOAD", "preload", "run_host"]

PARTS = ("cluster", "worker", "metrics")
PRELOAD = (
    "distributed.deploy.spec",
    "distributed.http.routing",
    "prefect.client.orchestration",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.events.worker",
    "prefect._internal.observers",
    # These are imported late, by whatever runs first, and take a tenth of a second each.
    "anyio._backends._asyncio",
    "pydantic.v1",
)
_LOCK_PATIENCE = 8.0  # the one before may be ending
_KEPT = frozenset(
    {
        "ISTHMUS_SYSTEM",
        "PATH",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "VIRTUAL_ENV",
        "OPENBLAS_NUM_THREADS",
        "ISTHMUS_TRACEBACK",
    }
)


def preload() -> None:
    """Import what every child needs, so that it is shared; nothing here starts a thread.

    NumPy's BLAS would start one for each core when it is loaded: it is told not to. Where work is
    spread over Dask workers, more threads in each would only get into each other's way.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name in PRELOAD:
        importlib.import_module(name)


def run_host(
    folder: EnvironmentFolder,
    profile: Profile,
    api: ApiAddress,
    catalogue_factory: Callable[[], Catalogue],
    *,
    site: Site,
    parts: Sequence[str] = PARTS,
) -> int:
    """Run the environment until it is told to stop (SIGTERM, SIGINT); return an exit status.

    `api` is the address of the environment's gate, without a credential: the worker reads its own from the
    folder, and gives each run one that is good for this run. With a credential, all use it as it is.
    Must be called in a process with one thread. `catalogue_factory` is called here, before any
    fork, so that what it imports is shared; it must start no thread.

    Raises:
        DefectError: this process has more than one thread.
        ConflictError: another host serves this folder already.
        UsageError: a part is not one of `PARTS`.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise UsageError(f"no part of an environment's host is named {unknown[0]!r}")
    folder.check()
    held = _lock(folder, profile, parts)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every poll
    _clean_environment(folder, api)
    preload()
    _refresh_settings()
    seal()
    place = Place(folder, profile, api, site, catalogue_factory())
    rehearse(place)
    table = {
        "cluster": Part(lambda channel: _run_cluster(place, channel), frozenset({"dask-worker"})),
        "worker": Part(lambda channel: _run_worker(place, channel), frozenset({"run"})),
        "metrics": Part(lambda _channel: _run_metrics(place)),
    }
    wanted = {part: table[part] for part in PARTS if part in parts and _needed(part, profile)}
    entries = {
        "dask-worker": lambda argument, _files: _run_dask_worker(place, argument),
        "run": lambda _argument, files: run_one(place, files[0]),
    }
    if "metrics" in parts and "metrics" not in wanted:  # declared no more: a killed host left this
        (folder.run / "metrics.json").unlink(missing_ok=True)
    try:
        return Zygote(entries, wanted).serve()
    finally:
        for file in held:
            os.close(file)


def _needed(part: str, profile: Profile) -> bool:
    needed = {"cluster": profile.dask.kind == "embedded", "metrics": profile.metrics is not None}
    return needed.get(part, True)


def _lock(folder: EnvironmentFolder, profile: Profile, parts: Sequence[str]) -> list[int]:
    held = []
    for part in parts:
        file = os.open(folder.run / f"{part}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        held.append(file)
        deadline = time.monotonic() + _LOCK_PATIENCE
        while not taken(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise ConflictError(
                    f"the {part} of {profile.name} runs already in this home",
                    remedy="stop it first (`isthmus down`), or leave it running: one is enough",
                )
            time.sleep(0.1)
    return held


def _clean_environment(folder: EnvironmentFolder, api: ApiAddress) -> None:
    from environments.embedded.api import client_settings

    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(client_settings(api, prefect_home=folder.prefect))
    os.environ.update(
        {
            "HOME": str(folder.root),
            "TMPDIR": str(folder.tmp),
            "PYTHONSAFEPATH": "1",
            # Two requests less before each run: server and client are of one installation, and a token
            # against forged browser requests protects nothing where every request has the credential.
            "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
            "DASK_CONFIG": str(folder.dask / "config"),
            "DASK_TEMPORARY_DIRECTORY": str(folder.dask),
        }
    )
    os.umask(0o077)


def _refresh_settings() -> None:
    """Have Prefect, which may have been imported long ago, read the environment again."""
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()


def _run_dask_worker(place: Place, argument: Mapping[str, Any]) -> int:
    from environments.clusters.nodes import run_worker

    return run_worker(place.folder, argument)


def _run_cluster(place: Place, channel: socket.socket) -> int:
    return asyncio.run(_cluster(place, channel))


async def _cluster(place: Place, channel: socket.socket) -> int:
    from environments.clusters.embedded import ENTRY, EmbeddedCluster
    from environments.workpools.launcher import Launcher

    launcher = Launcher(channel)
    stop = _stop_event()
    cluster = EmbeddedCluster(
        place.folder,
        place.profile.capacity,
        launch=lambda argument: launcher.start(ENTRY, argument),
        kill=launcher.kill,
    )
    async with cluster:
        await cluster.serve(stop)
    return 0


def _run_worker(place: Place, channel: socket.socket) -> int:
    return asyncio.run(_worker(place, channel))


async def _worker(place: Place, channel: socket.socket) -> int:
    from environments.apigate.address import read_gate
    from environments.workpools.control import ControlPlane
    from environments.workpools.launcher import Launcher
    from environments.workpools.worker import Worker

    # The gate's credential is read here, after the fork: no other of the environment's processes has it.
    api = place.api if place.api.auth_string else read_gate(place.folder)
    async with ControlPlane(api) as plane:
        await Worker(place, Launcher(channel), plane, api).run(_stop_event())
    return 0


def _run_metrics(place: Place) -> int:
    from environments.metrics.endpoint import run_metrics

    return run_metrics(place.folder, place.profile, place.site.profiles)


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
