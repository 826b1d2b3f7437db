"""Killed at any point and run again: exactly one version, one receipt, and both ledgers verify."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from boundary_world import World, rows

from environments.boundary import egress, ingress, settle
from environments.ledger import verify_ledger

HERE = Path(__file__).parents[3] / "contract_suites"
EGRESS = "request decide check obligations output seal sign record publish done"
INGRESS = "verify decide open check commit record witness receipt send done"
STEPS = {"egress": EGRESS, "ingress": INGRESS, "settle": "verify record witness clear done"}
POINTS = [f"{step}.{point}" for step, points in STEPS.items() for point in points.split()]


class PowerCutError(BaseException):
    """Stands for the end of the process: nothing of ours may catch it."""


def finish(world: World) -> None:
    """Run the crossing again from its beginning, and look at everything."""
    record = world.env("onprem").store.record("visits")
    sent = egress(world.env("onprem"), world.request(record))
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    settled = settle(world.env("onprem"), "cloud", sent.crossing)
    assert (arrived.outcome, settled.outcome) == ("permitted", "permitted")
    [there] = world.env("cloud").store.versions("visits")
    assert there.version == arrived.version == settled.version
    world.env("cloud").store.verify(there)
    for name in ("onprem", "cloud"):
        report = verify_ledger(world.folder(name).ledger, world.env(name).identity.public)
        assert report.success, report.problems
    entries = [*world.env("onprem").ledger.entries(), *world.env("cloud").ledger.entries()]
    spoken = [entry.kind for entry in entries if entry.kind in STEPS]
    assert sorted(spoken) == ["egress", "ingress", "settle"]
    assert not [path for path in world.transit().rglob("*") if path.is_file()]
    assert not list(world.folder("cloud").store.glob("staging/*/data"))
    assert not (world.folder("onprem").outbox / sent.crossing[7:] / "work").exists()


def run(world: World, *, stop: str | None = None, cut: BaseException | None = None) -> None:
    """Run the three steps; at the point `stop`, the power is cut."""

    def progress(point: str) -> None:
        if point == stop:
            if cut is not None:
                raise cut
            os.kill(os.getpid(), signal.SIGKILL)

    record = world.env("onprem").store.record("visits")
    sent = egress(world.env("onprem", progress=progress), world.request(record))
    ingress(world.env("cloud", progress=progress), "onprem", sent.crossing)
    settle(world.env("onprem", progress=progress), "cloud", sent.crossing)


def _python(command: list[str], world: World) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=pickle.dumps(world), capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize("point", POINTS)
def test_stopped_at_any_point(tmp_path: Path, point: str) -> None:
    world = World(tmp_path)
    world.add(rows())
    with pytest.raises(PowerCutError):
        run(world, stop=point, cut=PowerCutError())
    finish(world)


@pytest.mark.parametrize(
    "point", ["egress.seal", "egress.publish", "ingress.commit", "ingress.record", "settle.witness"]
)
def test_kill_9(tmp_path: Path, point: str) -> None:
    world = World(tmp_path)
    world.add(rows())
    code = (
        "import json, pickle, sys; sys.path[:0] = json.loads(sys.argv[1])\n"
        "import test_crash; test_crash.run(pickle.loads(sys.stdin.buffer.read()), stop=sys.argv[2])\n"
    )
    paths = json.dumps([str(HERE), str(Path(__file__).parent)])
    command = [sys.executable, "-c", code, paths, point]
    done = _python(command, world)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    finish(world)


def test_every_point_is_passed_in_order(tmp_path: Path) -> None:
    world = World(tmp_path)
    passed: list[str] = []
    record = world.add(rows())
    sent = egress(world.env("onprem", progress=passed.append), world.request(record))
    ingress(world.env("cloud", progress=passed.append), "onprem", sent.crossing)
    settle(world.env("onprem", progress=passed.append), "cloud", sent.crossing)
    assert passed == POINTS


def test_two_processes_at_once_are_one_crossing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.add(rows())
    code = (
        "import json, pickle, sys; sys.path[:0] = json.loads(sys.argv[1])\n"
        "import test_crash; test_crash.run(pickle.loads(sys.stdin.buffer.read()))\n"
    )
    paths = json.dumps([str(HERE), str(Path(__file__).parent)])
    command = [sys.executable, "-c", code, paths]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: _python(command, world), range(2)))
    assert [(process.returncode, process.stderr) for process in done] == [(0, b"")] * 2
    finish(world)
