"""A worker that grew gives its memory back when its environment rests, and not before."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data_contracts.labels import Classification
from environments.clusters.binding import connect
from environments.clusters.embedded import EmbeddedCluster
from environments.clusters.wear import GROWTH, REST, Wear
from environments.home import EnvironmentFolder, Home
from environments.identity.dask_certificates import write_dask_certificates
from environments.profile import Capacity, Profile

pytestmark = pytest.mark.long

MIB = 2**20
PROFILE = Profile("edge", "edge", "DE", Classification.RESTRICTED, capacity=Capacity(workers=(1, 1)))
WORKER = """
import json, sys
from pathlib import Path
from environments.clusters.nodes import run_worker
from environments.home import EnvironmentFolder
sys.exit(run_worker(EnvironmentFolder(Path(sys.argv[1])), json.loads(sys.argv[2])))
"""


def settled(wear: Wear, sizes: Mapping[str, int], now: float = 0.0) -> Wear:
    """Have it see workers as they are when they come up, in a cluster that just came to rest."""
    assert wear.due(now, busy=False, sizes=sizes) is None
    return wear


def test_what_grew_is_due_after_the_rest() -> None:
    wear = settled(Wear(), {"a": MIB, "b": MIB})
    sizes = {"a": MIB + GROWTH, "b": MIB + GROWTH + 1}
    assert wear.due(REST - 0.1, busy=False, sizes=sizes) is None
    assert wear.due(REST, busy=False, sizes=sizes) == "b"


def test_the_largest_growth_goes_first_whatever_the_size() -> None:
    wear = settled(Wear(rest=1, growth=10), {"a": 1000, "b": 10})
    assert wear.due(2, busy=False, sizes={"a": 1020, "b": 50}) == "b"


def test_whoever_connects_begins_the_rest_anew() -> None:
    wear = settled(Wear(rest=10, growth=10), {"a": 100})
    assert wear.due(11, busy=True, sizes={"a": 200}) is None
    assert wear.due(12, busy=False, sizes={"a": 200}) is None
    assert wear.due(21, busy=False, sizes={"a": 200}) is None
    assert wear.due(22, busy=False, sizes={"a": 200}) == "a"


def test_a_worker_that_is_always_needed_is_never_due() -> None:
    wear = Wear(rest=1, growth=10)
    assert {wear.due(second, busy=True, sizes={"a": second * 100}) for second in range(100)} == {None}


def test_the_fresh_one_is_measured_by_itself_and_silence_is_no_size() -> None:
    wear = settled(Wear(rest=1, growth=10), {"a": 100})
    assert wear.due(5, busy=False, sizes={"fresh": 300}) is None, "another worker's least is not its own"
    assert wear.due(6, busy=False, sizes={"fresh": 0}) is None
    assert wear.due(7, busy=False, sizes={"fresh": 300}) is None, "0 was no measurement"
    assert wear.due(8, busy=False, sizes={}) is None


@dataclass(eq=False)
class Spawned:
    """A worker in a process of its own: stands in for what the environment's host forks."""

    process: asyncio.subprocess.Process
    ended: asyncio.Future[int]


@dataclass
class Running:
    folder: EnvironmentFolder
    killed: list[int]

    async def ask(self, amount: int = 0, *, wait: float = 0.0) -> int:
        """Grow the worker by some bytes, stay connected for a while, and return its process."""

        def go() -> int:
            with connect(self.folder, PROFILE) as client:
                pid: int = client.submit(grow, amount, pure=False).result(timeout=30)
                asyncio.run(asyncio.sleep(wait))
                return pid

        return await asyncio.to_thread(go)


def grow(amount: int) -> int:
    """Do what an import does: leave something in the process that nobody can take out again."""
    module = sys.modules.setdefault("_held_by_the_worker", type(sys)("held"))
    module.__dict__.setdefault("all", []).append(bytearray(os.urandom(amount)))
    return os.getpid()


@asynccontextmanager
async def running(root: Path) -> AsyncIterator[Running]:
    folder = Home(root / "h").create().environment("edge").create()
    write_dask_certificates(folder, "edge")
    found = Running(folder, [])
    started: list[Spawned] = []

    async def launch(argument: Mapping[str, Any]) -> Spawned:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", WORKER, str(folder.root), json.dumps(argument)
        )
        started.append(Spawned(process, asyncio.ensure_future(process.wait())))
        return started[-1]

    def kill(one: Spawned) -> None:
        found.killed.append(one.process.pid)
        with suppress(ProcessLookupError):
            one.process.kill()

    stop = asyncio.Event()
    wear = Wear(rest=2.0)
    async with EmbeddedCluster(folder, PROFILE.capacity, launch=launch, kill=kill, wear=wear) as cluster:
        serving = asyncio.create_task(cluster.serve(stop))
        async with asyncio.timeout(60):
            while not (folder.run / "cluster.json").exists():  # noqa: ASYNC110 - a file tells by no event
                await asyncio.sleep(0.05)
        try:
            yield found
        finally:
            stop.set()
            await serving
    await asyncio.gather(*(one.ended for one in started))


@pytest.mark.xdist_group("cluster-binding")
def test_a_worker_is_replaced_when_nobody_needs_what_it_holds(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as cluster:
            first = await cluster.ask()
            await asyncio.sleep(4)
            assert await cluster.ask(2 * GROWTH, wait=4) == first, "a light step costs no new process"
            assert await cluster.ask() == first, "nobody's worker is taken away while they are connected"
            await asyncio.sleep(8)
            fresh = await cluster.ask()
            assert fresh != first
            with pytest.raises(ProcessLookupError):
                os.kill(first, 0)
            assert not cluster.killed, "it ended by itself, as it was asked to"

    asyncio.run(story())


@pytest.mark.xdist_group("cluster-binding")
def test_a_worker_that_does_not_end_is_ended(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as cluster:
            first = await cluster.ask(2 * GROWTH, wait=3)
            os.kill(first, signal.SIGSTOP)
            async with asyncio.timeout(40):
                while first not in cluster.killed:  # noqa: ASYNC110 - set by a callback
                    await asyncio.sleep(0.1)
            assert await cluster.ask() != first

    asyncio.run(story())
