"""`isthmus worker start`, as systemd runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from worker_world import World, control_plane, until

from environments.apigate.address import read_gate

pytestmark = [pytest.mark.long, pytest.mark.system, pytest.mark.xdist_group("worker-command")]
ISTHMUS = str(Path(sys.executable).with_name("isthmus"))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with control_plane() as world:
        world.folder("edge").create()
        gate = subprocess.Popen(gate_command(world), stderr=subprocess.PIPE, text=True)
        try:
            assert gate.stderr is not None
            assert "answers at http://127.0.0.1:" in gate.stderr.readline()
            yield world
        finally:
            gate.send_signal(signal.SIGTERM)
            status = gate.wait(30)
        assert status == 0


def gate_command(world: World) -> list[str]:
    return [ISTHMUS, "gate", "start", "--env", "edge", "--home", str(world.home.root)]


def command(world: World, env: str) -> list[str]:
    return [ISTHMUS, "worker", "start", "--env", env, "--home", str(world.home.root)]


def test_it_comes_online_runs_one_worker_and_stops_when_told(world: World) -> None:
    environment = {**os.environ, "ISTHMUS_PLANTED": "planted"}
    with (world.home.root / "worker.log").open("ab") as log:
        worker = subprocess.Popen(command(world, "edge"), stdout=log, stderr=log, env=environment)
    try:
        found = until(
            lambda: (
                world.http.post("work_pools/edge/workers/filter", json={}).json()
                if world.http.get("work_pools/edge").is_success
                else None
            ),
            90,
        )
        assert [one["status"] for one in found] == ["ONLINE"]
        second = subprocess.run(
            command(world, "edge"), capture_output=True, text=True, check=False, timeout=90
        )
        assert second.returncode == 7
        assert "runs already in this home" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0


def test_a_second_gate_is_refused(world: World) -> None:
    done = subprocess.run(gate_command(world), capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 7
    assert "runs already in this home" in done.stderr


def test_without_its_gate_a_worker_does_not_start(world: World) -> None:
    world.folder("onprem").create()
    done = subprocess.run(command(world, "onprem"), capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 5
    assert "isthmus gate start --env onprem" in done.stderr


def test_a_gate_that_stands_alone_keeps_address_and_key(world: World) -> None:
    folder = world.folder("onprem").create()
    command = [*gate_command(world)[:4], "onprem", *gate_command(world)[5:]]
    before = None
    for _ in range(2):
        gate = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert gate.stderr is not None
            gate.stderr.readline()
            told = read_gate(folder)
        finally:
            gate.send_signal(signal.SIGTERM)
            assert gate.wait(30) == 0
        assert before in (None, told)
        before = told


@pytest.mark.parametrize(("env", "status"), [("nowhere", 2), ("cloud", 5)])
def test_an_environment_that_is_unknown_or_was_never_made(world: World, env: str, status: int) -> None:
    done = subprocess.run(command(world, env), capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "what to do" in done.stderr
