"""The sealed worker: asks the server what is due, and runs what its own environment lists.

Invariants:
1. It only asks; nothing connects to it.
2. Slots of `pipelines` and of `steps` are counted apart: no parent takes the slot that its child needs.
3. A run that was taken ends in a final state on the server, whoever dies in between: the journal says
   what is owed, and it is paid until the server has heard.
4. A server that is away is asked again, less and less often; runs that go on are left alone.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import uuid
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field

from data_contracts.errors import UnreachableError, UsageError
from environments.embedded.api import ApiAddress
from environments.logkeeping import keep_logs
from environments.workpools.catalogue import QUEUES, Queue
from environments.workpools.control import ControlPlane, MissingError, Offer
from environments.workpools.ending import Ending, how_it_ended
from environments.workpools.gatepass import credential_of
from environments.workpools.granting import admit_here
from environments.workpools.journal import Journal
from environments.workpools.launcher import Child, Launcher
from environments.workpools.linux import alive, kill_group
from environments.workpools.pool import ensure_pool
from environments.workpools.pulse import Pulse
from environments.workpools.sealed import Request
from environments.workpools.spares import Spares
from environments.workpools.stepprocess import Order, Place
from environments.workpools.taking import take

__all__ = ["Worker"]

_LOG = logging.getLogger("isthmus.worker")
_PACES = ((20.0, 0.2), (600.0, 0.5), (float("inf"), 1.0))
_LONGEST, _SPARES = 2.0, 2  # a link that is up for seconds only is found while it is
_TIMES_THE_ANSWER = 3.0  # a server that is busy is asked less often: at most a quarter of the time
_ASK_AT_LEAST = 10.0  # the server calls a queue ready while it is asked at least once a minute
_AHEAD = dt.timedelta(seconds=1)
_CANCEL_EVERY, _KEEP_LOGS_EVERY = 1.0, 600.0


@dataclass(eq=False)
class _Taken:
    offer: Offer
    queue: Queue
    child: Child | None = None
    name: str = ""
    began: float = 0.0
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class Worker:
    """One environment's worker, inside a running event loop."""

    def __init__(self, place: Place, launcher: Launcher, plane: ControlPlane, api: ApiAddress) -> None:
        """Wire the parts; `run` starts them. `api` is where `plane` connects, with its credential."""
        self._api = api
        self._place = place
        self._plane = plane
        self._launcher = launcher
        self._spares = Spares(launcher, _SPARES)
        self._journal = Journal(place.folder.run / "taken")
        self._ending = Ending(plane, self._journal)
        self._pulse = Pulse(place.folder.run / "worker.json", place.profile)
        self._limits = {"pipelines": place.profile.capacity.pipelines, "steps": place.profile.capacity.steps}
        self._taken: dict[uuid.UUID, _Taken] = {}
        self._queues: dict[uuid.UUID, str] = {}
        self._names: dict[uuid.UUID, str] = {}
        self._deployments: dict[uuid.UUID, tuple[str, uuid.UUID]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked = float("-inf")
        self._last_activity = asyncio.get_running_loop().time()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set or the zygote is gone; then end every run that goes on."""
        self._spares.fill()
        self._reconcile()
        loops = [asyncio.create_task(work) for work in self._loops()]
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(self._launcher.lost.wait())]
        done, _ = await asyncio.wait([*loops, *waits], return_when=asyncio.FIRST_COMPLETED)
        for task in (*loops, *waits):
            task.cancel()
        await self._end_all()
        for task in done:
            task.result()

    # The loops.

    def _loops(self) -> tuple[Coroutine[None, None, None], ...]:
        return self._poll(), self._beat(), self._watch_cancels(), self._keep_logs()

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _pace(0.0)
        while True:
            asked = loop.time()
            try:
                found = await self._look()
            except MissingError:
                await self._register()
                pause = min(_LONGEST, pause * 2)
            except UnreachableError as error:
                if self._pulse.lost(str(error)):
                    _LOG.warning("the server cannot be reached, trying again: %s", error)
                pause = min(_LONGEST, pause * 2)
            else:
                self._pulse.polled(self._counts(), self._spares.ready)
                if found or self._taken:
                    self._last_activity = loop.time()
                busy = 0.0 if found else min(1.0, _TIMES_THE_ANSWER * (loop.time() - asked))
                pause = max(busy, _pace(loop.time() - self._last_activity))
            await asyncio.sleep(pause)

    async def _look(self) -> bool:
        free = {queue: self._limits[queue] - self._count(queue) for queue in QUEUES}
        asking = [queue for queue in QUEUES if free[queue] > 0]
        if not asking:
            return False
        before, now = dt.datetime.now(dt.UTC) + _AHEAD, asyncio.get_running_loop().time()
        pool = self._place.profile.work_pool
        if now - self._asked < _ASK_AT_LEAST and not await self._plane.waiting(pool, asking, before):
            return False
        self._asked = now
        limit = sum(free[queue] for queue in asking)
        offers = await self._plane.scheduled(pool, asking, before, limit)
        found = False
        for offer in offers:
            queue = await self._queue(offer)
            if offer.run_id in self._taken or queue not in QUEUES or free[queue] <= 0:
                continue
            found = True
            free[queue] -= 1
            taken = _Taken(offer, queue)
            self._taken[offer.run_id] = taken
            self._spawn(self._serve(taken))
        return found

    async def _beat(self) -> None:
        seconds = self._pulse.seconds
        while True:
            try:
                await self._plane.heartbeat(self._place.profile.work_pool, self._pulse.name, seconds)
            except UnreachableError:
                await asyncio.sleep(1.0)
            else:
                await asyncio.sleep(seconds)

    async def _watch_cancels(self) -> None:
        while True:
            await asyncio.sleep(_CANCEL_EVERY)
            running = [run_id for run_id, taken in self._taken.items() if taken.child is not None]
            if not running:
                continue
            with suppress(UnreachableError):
                for run_id in await self._plane.stopped(running):
                    if (taken := self._taken.get(run_id)) is not None:
                        taken.stop.set()

    async def _keep_logs(self) -> None:
        logs = self._place.folder.logs
        while True:
            keep_logs(logs, runs=logs / "runs")
            await asyncio.sleep(_KEEP_LOGS_EVERY)

    # One run.

    async def _serve(self, taken: _Taken) -> None:
        offer = taken.offer
        try:
            await self._take(taken)
        except UsageError as refusal:
            _LOG.warning("refused run %s: %s", offer.run_id, refusal)
            self._pulse.count("refused")
            await self._ending.refuse(offer.run_id, str(refusal))
        except UnreachableError as error:
            _LOG.warning("run %s was not taken: %s", offer.run_id, error)
        else:
            await self._settle(taken)
        finally:
            self._taken.pop(offer.run_id, None)

    async def _take(self, taken: _Taken) -> None:
        offer = taken.offer
        request = await self._request(taken)
        admitted = admit_here(request, self._place, offer.run_id)
        wait = (offer.start - dt.datetime.now(dt.UTC)).total_seconds()
        if wait > 0:
            await asyncio.sleep(wait)
        self._journal.take(offer.run_id)
        whose = await take(self._plane, offer.run_id)
        if whose == "stopped":
            self._ending.owe(offer.run_id, "it was stopped while it was taken")
            return
        if whose == "not-ours":
            self._journal.settle(offer.run_id)
            return
        self._pulse.count("taken")
        order = Order(
            run_id=offer.run_id,
            name=offer.name,
            flow_id=offer.flow_id,
            flow_name=request.flow_name,
            deployment_id=offer.deployment_id,
            parent=offer.parent,
            parameters=offer.parameters,
            credential=credential_of(self._api, offer.run_id, admitted.runnable),
        )
        taken.name, taken.began = request.flow_name, asyncio.get_running_loop().time()
        taken.child = await self._spares.give(order)
        self._journal.given(offer.run_id, taken.child.pid)

    async def _settle(self, taken: _Taken) -> None:
        child, run_id = taken.child, taken.offer.run_id
        if child is None:
            return
        stopping = asyncio.create_task(self._kill_when_told(taken, child))
        status = await child.ended
        self._pulse.took(taken.name, asyncio.get_running_loop().time() - taken.began)
        stopping.cancel()
        self._pulse.count(
            await self._ending.settle(run_id, how_it_ended(status), cancelled=taken.stop.is_set())
        )

    async def _kill_when_told(self, taken: _Taken, child: Child) -> None:
        await taken.stop.wait()
        self._launcher.kill(child)

    async def _request(self, taken: _Taken) -> Request:
        offer = taken.offer
        if offer.flow_id not in self._names:
            self._names[offer.flow_id] = await self._plane.flow_name(offer.flow_id)
        deployment = None
        if offer.deployment_id is not None:
            if offer.deployment_id not in self._deployments:
                self._deployments[offer.deployment_id] = await self._plane.deployment(offer.deployment_id)
            deployment, flow_id = self._deployments[offer.deployment_id]
            if flow_id != offer.flow_id:
                raise UsageError("refused: the run's flow is not its deployment's")
        return Request(self._names[offer.flow_id], deployment, taken.queue, offer.parameters)

    # Beginning and end.

    def _reconcile(self) -> None:
        for owed in self._journal.owed():
            if owed.pid is not None and alive(owed.pid, owed.started):
                kill_group(owed.pid)
            self._ending.owe(
                owed.run_id,
                "the environment's worker ended while the run went on; nothing is half-written: run it again",
            )

    async def _end_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        ended = []
        for taken in self._taken.values():
            if taken.child is not None:
                with suppress(OSError):
                    self._launcher.kill(taken.child)
                ended.append(self._ending.try_once(taken.offer.run_id, "the environment was stopped"))
        await asyncio.gather(*ended)
        self._pulse.stopped()

    async def _register(self) -> None:
        profile = self._place.profile
        with suppress(UnreachableError):
            await ensure_pool(self._plane, profile.work_pool, profile.description)

    async def _queue(self, offer: Offer) -> Queue | None:
        if offer.queue_id is None:
            return None
        if offer.queue_id not in self._queues:
            self._queues = await self._plane.queues(self._place.profile.work_pool)
        name = self._queues.get(offer.queue_id)
        return next((queue for queue in QUEUES if queue == name), None)

    def _count(self, queue: Queue) -> int:
        return sum(taken.queue == queue for taken in self._taken.values())

    def _counts(self) -> dict[str, int]:
        return {queue: self._count(queue) for queue in QUEUES}

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _pace(quiet: float) -> float:
    """Return the seconds between two polls, given how long nothing has run."""
    return next(pause for limit, pause in _PACES if quiet < limit)
