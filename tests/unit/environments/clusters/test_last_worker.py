"""When the last worker of a cluster ends, what it had to do goes to the one that replaces it."""

from __future__ import annotations

import asyncio

from distributed import Client, Worker

from environments.clusters.nodes import QuietScheduler

_WAIT = 30.0


def answer() -> int:
    return 6 * 7


async def _after_the_last_worker(*, others: bool) -> object:
    async with (
        QuietScheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler,
        Client(scheduler.address, asynchronous=True) as client,
    ):
        async with Worker(scheduler.address, dashboard=False) as worker:
            gone = worker.address
        future = client.submit(answer, workers=[gone], allow_other_workers=others)
        async with asyncio.timeout(_WAIT):
            while not scheduler.unrunnable:  # noqa: ASYNC110 - Dask tells of it by no event
                await asyncio.sleep(0.01)
        async with Worker(scheduler.address, dashboard=False):
            done, _ = await asyncio.wait(
                [asyncio.ensure_future(future.result())], timeout=_WAIT if others else 1.0
            )
            return {task.result() for task in done}


def test_a_preferred_worker_that_is_gone_keeps_nobody_waiting() -> None:
    assert asyncio.run(_after_the_last_worker(others=True)) == {42}


def test_a_worker_that_is_required_is_waited_for() -> None:
    assert asyncio.run(_after_the_last_worker(others=False)) == set()
