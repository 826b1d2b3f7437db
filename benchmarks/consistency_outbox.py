"""The outbox arms of `benchmarks/consistency.py`: 100,000 waiting crossings, and what a queue costs.

outbox, start   a pump's process from its first instruction to its first crossing, with so many waiting
outbox, drain   versions through outbox and pumps of both sides, over a link of a given rate
gate alone      the same versions, each through egress, ingress and settle, over the same link
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests/contract_suites")]

import numpy as np  # noqa: E402 - after the path
import pyarrow as pa  # noqa: E402 - after the path
from boundary_world import TO_CLOUD, World, visits  # noqa: E402 - after the path

from data_contracts.digest import digest_bytes  # noqa: E402 - after the path
from environments.boundaries import BoundaryLimits  # noqa: E402 - after the path
from environments.boundary import CrossingRequest, egress, ingress, settle  # noqa: E402 - after the path
from environments.boundary.pump import Pump  # noqa: E402 - after the path
from environments.boundary.queueing import enqueue  # noqa: E402 - after the path
from environments.folder import EnvironmentFolder  # noqa: E402 - after the path
from environments.outbox import OutboxLimits, Queued, open_outbox  # noqa: E402 - after the path
from environments.outbox.queue import Outbox  # noqa: E402 - after the path

START_LIMIT, DRAIN_LIMIT = 2.0, 0.8
_FIRST = """
import os, sys, time
from pathlib import Path
from environments.boundary import open_environment
from environments.boundary.pump import Pump, anything_due, pumping
from environments.home import Home
from environments.site import Site
import datetime as dt
from dataclasses import replace
site, folder = Site.load(sys.argv[2]), Home(sys.argv[1]).environment(sys.argv[3])
peers = site.profiles.keys() - {folder.name}
class Begun(BaseException): pass
def progress(phase):
    if phase == "pump.send": raise Begun
with pumping(folder):
    assert anything_due(folder, site.profile(folder.name), peers, dt.datetime.now(dt.UTC))
    try:
        Pump(lambda: replace(open_environment(folder, site), progress=progress)).round()
    except Begun:
        sys.exit(0)
sys.exit(9)
"""


def fill(folder: EnvironmentFolder, pairs: Iterator[tuple[str, str, str]], count: int) -> None:
    """Put wishes in line as `add` does, one transaction for all."""
    import datetime as dt

    now = dt.datetime.now(dt.UTC)
    with open_outbox(folder, durable=False) as outbox:
        base = outbox._base  # noqa: SLF001 - faster than a system fills it
        whole = _OneTransaction(base)
        base.execute("BEGIN")
        for number, (name, version, destination) in zip(range(count), pairs, strict=False):
            crossing = digest_bytes(b"%d" % number)
            entry = Queued(
                crossing, f"queue-{number}", ((name, version),), name, version, destination, "model-training",
                5, 1000, None, now, now + dt.timedelta(days=14),
            )  # fmt: skip
            whole.add(entry, OutboxLimits(entries=10**9))
        base.execute("COMMIT")


class _OneTransaction(Outbox):
    """An outbox whose caller commits, and whose quotas nobody counts."""

    def _changing(self):  # type: ignore[no-untyped-def,override] # noqa: ANN202
        from contextlib import nullcontext

        return nullcontext()

    def _refuse_more(self, entry: Queued, limits: OutboxLimits) -> None:
        pass


def measure_start(home: Path, site: Path, environment: str, rounds: int) -> dict[str, float]:
    """Wall and CPU seconds from the process to its first crossing."""
    import resource

    walls, cpus = [], []
    for _ in range(rounds):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-P", "-c", _FIRST, str(home), str(site), environment]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(time.perf_counter() - begun)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"wall": round(statistics.median(walls), 3), "cpu": round(statistics.median(cpus), 3)}


def _world(place: Path, versions: int, rows: int, rate: int | None) -> tuple[World, list[CrossingRequest]]:
    world = World(place)
    world.documents = {name: [visits({**TO_CLOUD})] for name in world.documents}
    if rate:
        limits = (BoundaryLimits("cloud", limit=rate),)
        world.profiles["onprem"] = replace(world.profiles["onprem"], boundaries=limits)
    chance = np.random.default_rng(6)
    requests = []
    for number in range(versions):
        table = pa.table(
            {
                "patient": pa.array([f"P{n:09d}" for n in chance.integers(0, 10**9, rows)]),
                "name": pa.array([None] * rows, pa.string()),
                "age": pa.array(chance.integers(0, 90, rows)),
                "score": pa.array(chance.random(rows)),
            }
        )
        record = world.add(table, name=f"visits_{number:03d}", groups=1)
        requests.append(
            CrossingRequest(record.name, record.version, "cloud", "model-training", f"r-{number}")
        )
    return world, requests


def measure_drain(place: Path, rate: int | None, rounds: int) -> dict[str, dict[str, float]]:
    """Medians of both ways, in turn, with versions of the same bytes."""
    found = [_drain(place / str(number), 20, 50_000, rate) for number in range(rounds)]
    return {
        arm: {unit: statistics.median(one[arm][unit] for one in found) for unit in ("wall", "cpu")}
        for arm in found[0]
    }


def _drain(place: Path, versions: int, rows: int, rate: int | None) -> dict[str, dict[str, float]]:
    import datetime as dt

    def timed(work: Callable[[], object]) -> dict[str, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return {
            "wall": round(time.perf_counter() - wall, 3),
            "cpu": round(time.process_time() - cpu, 3),
        }

    def alone(world: World, requests: list[CrossingRequest]) -> None:
        source, target = world.env("onprem"), world.env("cloud")
        for request in requests:
            sent = egress(source, request)
            assert ingress(target, "onprem", sent.crossing).outcome == "permitted"
            assert settle(source, "cloud", sent.crossing).outcome == "permitted"

    def pumped(world: World) -> None:
        def now() -> dt.datetime:
            return dt.datetime.now(dt.UTC)

        envs = {name: replace(world.env(name), clock=now) for name in ("onprem", "cloud")}
        pumps = {name: Pump(lambda env=env: env, lanes=1) for name, env in envs.items()}  # type: ignore[misc]
        while True:
            for pump in pumps.values():
                pump.round(every_line=True)
            with open_outbox(world.folder("onprem")) as outbox:
                if not outbox.waits():
                    break
        assert len(world.env("cloud").store.names()) == versions

    first, requests = _world(place / "alone", versions, rows, rate)
    first.now = dt.datetime.now(dt.UTC)
    found = {"gate alone": timed(lambda: alone(first, requests))}
    second, requests = _world(place / "queued", versions, rows, rate)
    second.now = dt.datetime.now(dt.UTC)
    for request in requests:
        enqueue(second.env("onprem"), request)
    found["outbox, drain"] = timed(lambda: pumped(second))
    return found
