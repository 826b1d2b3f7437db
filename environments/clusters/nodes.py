"""Scheduler and worker without their web pages, and the process that holds one worker.

Invariants:
1. Neither listens to anything but Dask's own TLS port on loopback: no dashboard, no HTTP.
2. A worker's process ends with its worker; whatever it does, it dies with the environment's host.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dask
from distributed import Scheduler, Worker
from distributed.http.routing import RoutingApplication
from tornado.httpserver import HTTPServer

from environments.clusters.security import cluster_security
from environments.private import make_private

if TYPE_CHECKING:
    from environments.home import EnvironmentFolder

__all__ = ["LOOPBACK", "QuietScheduler", "configure", "run_worker"]

LOOPBACK = "127.0.0.1"
_SETTINGS = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.comm.require-encryption": True,
    # After this time Dask closes whatever bears the name of a worker that was lost, also one that was
    # started in its place and is slow to come. Here the end of a process is learned from the process.
    "distributed.deploy.lost-worker-timeout": "2 minutes",
    "distributed.scheduler.worker-ttl": "5 minutes",
    "distributed.scheduler.allowed-failures": 3,
    "distributed.diagnostics.nvml": False,
    # An idle cluster as it ships takes 3 % of a core for each node: it looks at itself fifty times a
    # second. Nothing of ours reads what it sees, so it looks less often.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.admin.tick.interval": "1s",
    "distributed.worker.memory.monitor-interval": "500ms",
}


def configure() -> None:
    """Set what every process of an embedded cluster agrees on."""
    dask.config.set(_SETTINGS)


class _NoHttp:
    """Takes the place of the HTTP server that every Dask node opens."""

    def start_http_server(self, routes: object, *_arguments: object, **_options: object) -> None:
        """Make what the node closes later, and listen nowhere."""
        self.http_application = RoutingApplication(routes)
        self.http_server = HTTPServer(self.http_application)


class QuietScheduler(_NoHttp, Scheduler):  # type: ignore[misc] # Dask ships no types
    """A scheduler without HTTP, and without tasks that wait for a worker that is gone for ever."""

    def valid_workers(self, ts: Any) -> set[Any] | None:  # noqa: ANN401 - Dask's own types are none
        """Return the workers that may take a task; None means all.

        Where a task prefers a worker and takes others too, Dask hands it to others only while there are
        any: when the last worker ends, the task waits for an address that never comes back, and the one
        that replaces it gets nothing.
        """
        valid: set[Any] | None = super().valid_workers(ts)
        return None if not valid and ts.loose_restrictions else valid


class _QuietWorker(_NoHttp, Worker):  # type: ignore[misc] # Dask ships no types
    """A worker without HTTP."""


def run_worker(folder: EnvironmentFolder, argument: Mapping[str, Any]) -> int:
    """Run one worker until its scheduler closes it; return the exit status.

    Args:
        folder: the environment's folder.
        argument: `scheduler` (address), `name`, `threads`, `memory` in bytes.
    """
    configure()
    return asyncio.run(_work(folder, argument))


async def _work(folder: EnvironmentFolder, argument: Mapping[str, Any]) -> int:
    worker = _QuietWorker(
        argument["scheduler"],
        name=argument["name"],
        nthreads=argument["threads"],
        memory_limit=argument["memory"],
        security=cluster_security(folder),
        host=LOOPBACK,
        local_directory=str(make_private(folder.dask / "scratch")),
        dashboard=False,
        death_timeout=30,
    )
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with worker:
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(worker.finished())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    return 0
