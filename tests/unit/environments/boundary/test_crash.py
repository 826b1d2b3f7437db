"""Stopped at any point and run again: exactly one version, one receipt, and both ledgers verify.

`tests/faults/test_kill9.py` does it by `kill -9`.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from boundary_world import World, rows
from killed_crossing import POINTS, PowerCutError, finish, run

from environments.boundary import egress, ingress, settle

HERE = Path(__file__).parents[3] / "contract_suites"


def _python(command: list[str], world: World) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=pickle.dumps(world), capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize("point", POINTS)
def test_stopped_at_any_point(tmp_path: Path, point: str) -> None:
    world = World(tmp_path)
    world.add(rows())
    with pytest.raises(PowerCutError):
        run(world, stop=point, cut=PowerCutError())
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
        "import killed_crossing; killed_crossing.run(pickle.loads(sys.stdin.buffer.read()))\n"
    )
    paths = json.dumps([str(HERE)])
    command = [sys.executable, "-c", code, paths]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: _python(command, world), range(2)))
    assert [(process.returncode, process.stderr) for process in done] == [(0, b"")] * 2
    finish(world)
