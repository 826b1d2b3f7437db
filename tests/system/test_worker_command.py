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

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("worker-command")]
ISTHMUS = str(Path(sys.executable).with_name("isthmus"))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with control_plane() as world:
        world.folder("edge").create()
        yield world


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


@pytest.mark.parametrize(("env", "status"), [("nowhere", 2), ("cloud", 5)])
def test_an_environment_that_is_unknown_or_was_never_made(world: World, env: str, status: int) -> None:
    done = subprocess.run(command(world, env), capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "what to do" in done.stderr
