"""The environment's own Dask cluster: a scheduler here, workers forked by the environment's host.

Invariants:
1. Scheduler and workers listen on loopback, with TLS both ways.
2. The number of workers stays between the declared least and most; Dask's own adaptive logic moves it.
3. A worker that dies is replaced at once; one that grew is replaced while the environment rests.
4. The record is written when the least number of workers is connected, and removed at the end. It does
   not tell of a worker that is being replaced for its size: `connect` waits for the fresh one.

Example:
    >>> async with EmbeddedCluster(folder, capacity, launch) as cluster:
    ...     await cluster.ready()
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from distributed.core import Status
from distributed.deploy.spec import ProcessInterface, SpecCluster

from environments.clusters.nodes import LOOPBACK, QuietScheduler, configure
from environments.clusters.record import ClusterRecord, remove_record, write_record
from environments.clusters.security import certificate_digest, cluster_security
from environments.clusters.wear import Wear

if TYPE_CHECKING:
    from environments.home import EnvironmentFolder
    from environments.profile import Capacity

__all__ = ["ENTRY", "EmbeddedCluster", "Process"]

_LOG = logging.getLogger("isthmus.cluster")
ENTRY = "dask-worker"
_NOBODY = frozenset({"fire-and-forget"})  # the one client that Dask's scheduler always lists
_GRACE, _PATIENCE = 5.0, 15.0


class Process(Protocol):
    """A forked process, as whoever starts it hands it out."""

    @property
    def ended(self) -> asyncio.Future[int]:
        """Done when it has ended."""


Launch = Callable[[Mapping[str, Any]], Awaitable[Process]]
Kill = Callable[[Any], None]


class _ForkedWorker(ProcessInterface):  # type: ignore[misc] # Dask ships no types
    """One worker, as a cluster of Dask's sees it."""

    def __init__(self, scheduler: str, *, name: object, launch: Launch, kill: Kill, **argument: Any) -> None:  # noqa: ANN401
        super().__init__(scheduler=scheduler, name=name)
        self._argument = {**argument, "scheduler": scheduler, "name": name}
        self._launch, self._kill, self._name = launch, kill, name
        self._process: Process | None = None
        self._asked = False

    async def start(self) -> None:
        self._process = await self._launch(self._argument)
        self._process.ended.add_done_callback(self._ended)
        await super().start()

    async def close(self) -> None:
        if self.status == Status.closed:
            return
        await super().close()
        if self._process is not None and not self._process.ended.done():
            # The scheduler has asked it to retire; what does not end by itself is ended.
            await asyncio.wait([self._process.ended], timeout=2.0)
            self._kill(self._process)

    async def end(self) -> None:
        """Wait for a process that was told to end, and end it if it does not; it is then replaced."""
        self._asked = True
        if self._process is not None:
            await asyncio.wait([self._process.ended], timeout=_GRACE)
            if not self._process.ended.done():
                self._kill(self._process)

    def _ended(self, _ended: asyncio.Future[int]) -> None:
        was: Any = self._status
        self.status = Status.closed
        self._event_finished.set()
        cluster = getattr(self, "_cluster", lambda: None)()
        if was == Status.running and cluster is not None:
            cluster.replace(self._name, asked=self._asked)


class EmbeddedCluster(SpecCluster):  # type: ignore[misc] # Dask ships no types
    """A Dask cluster whose workers somebody else forks."""

    def __init__(
        self,
        folder: EnvironmentFolder,
        capacity: Capacity,
        *,
        launch: Launch,
        kill: Kill,
        wear: Wear | None = None,
    ) -> None:
        """Describe the cluster; entering it starts it."""
        configure()
        self._folder, self._capacity, self._wear = folder, capacity, wear or Wear()
        least, _ = capacity.workers
        worker = {
            "cls": _ForkedWorker,
            "options": {
                "launch": launch,
                "kill": kill,
                "threads": capacity.threads,
                "memory": capacity.memory,
            },
        }
        security = cluster_security(folder)
        super().__init__(
            workers=dict.fromkeys(range(least), worker),
            worker=worker,
            scheduler={
                "cls": QuietScheduler,
                "options": {"host": LOOPBACK, "port": 0, "security": security, "dashboard": False},
            },
            security=security,
            asynchronous=True,
            name=f"isthmus-{folder.name}",
        )

    def replace(self, name: object, *, asked: bool = False) -> None:
        """Start a worker again whose process ended, by itself or because it was asked to."""
        if self.status == Status.running and self.workers.pop(name, None) is not None:
            if not asked:
                _LOG.warning("a worker ended by itself; starting it again")
            self._correct_state()

    async def serve(self, stop: asyncio.Event) -> None:
        """Keep the cluster and its record until told to stop."""
        least, most = self._capacity.workers
        self.adapt(minimum=least, maximum=most, interval="2s")
        started, written = time.time(), -1
        try:
            while not stop.is_set():
                worn = self._wear.due(time.monotonic(), busy=self._busy(), sizes=self._sizes())
                if worn is not None:
                    await self._renew(worn, stop)
                connected = len(self.scheduler.workers)
                if connected != written and (connected >= least or written >= 0):
                    written = connected
                    self._record(started, connected)
                await _either(stop, 0.1 if written < 0 else 1.0)
        finally:
            remove_record(self._folder)

    def _busy(self) -> bool:
        return bool(self.scheduler.clients.keys() - _NOBODY) or bool(self.scheduler.tasks)

    def _sizes(self) -> dict[str, int]:
        return {key: int(one.metrics.get("memory") or 0) for key, one in self.scheduler.workers.items()}

    async def _renew(self, address: str, stop: asyncio.Event) -> None:
        """Have a fresh worker take the place of one that holds nothing, and wait for it."""
        workers = self.scheduler.workers
        count, name = len(workers), workers[address].name
        _LOG.info("worker %s has grown and rests; a fresh one takes its place", name)
        # Out of the scheduler's sight at once: who connects from here on is given no task on it.
        await self.scheduler.remove_worker(address, expected=True, stimulus_id=f"worn-{time.time()}")
        worker = self.workers.get(name)
        if worker is not None:
            await worker.end()
        deadline = time.monotonic() + _PATIENCE
        while len(workers) < count and time.monotonic() < deadline and not stop.is_set():
            await _either(stop, 0.05)

    def _record(self, started: float, connected: int) -> None:
        least, most = self._capacity.workers
        write_record(
            self._folder,
            ClusterRecord(
                pid=os.getpid(),
                address=self.scheduler.address,
                scheduler_id=self.scheduler.id,
                certificate=certificate_digest(self._folder),
                started=started,
                minimum=least,
                maximum=most,
                workers=connected,
            ),
        )


async def _either(stop: asyncio.Event, seconds: float) -> None:
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([waiting], timeout=seconds)
    waiting.cancel()
