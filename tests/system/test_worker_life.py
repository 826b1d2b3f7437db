"""The sealed worker against a real server: what it runs, what it ends, and what it survives."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from worker_world import World, control_plane, until

pytestmark = [pytest.mark.long, pytest.mark.system, pytest.mark.xdist_group("worker-life")]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with control_plane() as world:
        yield world


@pytest.fixture(scope="module")
def cloud(world: World) -> str:
    world.start("cloud")
    return "cloud"


def spin_pids(world: World, env: str, run: str) -> list[int]:
    path = world.folder(env).tmp / f"spin-{run}"
    until(lambda: path.exists() and path.read_text(), 20)
    return list(json.loads(path.read_text()))


def gone(pids: list[int]) -> bool:
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return False
    return True


def worker_pid(world: World, env: str) -> int:
    return int(world.worker(env)["pid"])


def test_a_step_runs_in_a_process_of_its_own_and_logs_to_its_environment(world: World, cloud: str) -> None:
    deployment = world.deploy("demo.step", cloud)
    runs = [world.run(deployment, {"mark": f"own-{number}"}) for number in range(3)]
    assert {world.wait(run)["type"] for run in runs} == {"COMPLETED"}
    marks = [world.mark(cloud, f"own-{number}") for number in range(3)]
    pids = {mark["pid"] for mark in marks if mark}
    assert len(pids) == 3
    assert worker_pid(world, cloud) not in pids
    for run in runs:
        log = world.folder(cloud).logs / "runs" / f"{run}.log"
        assert "a line for the log" in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert world.ask("POST", "logs/filter", {"limit": 10}) == []


def test_the_process_sees_nothing_of_the_environment_that_started_the_host(world: World) -> None:
    os.environ["ISTHMUS_PLANTED"] = "planted"
    try:
        with world.running("clean"):
            run = world.run(world.deploy("demo.step", "clean"), {"mark": "env"})
            assert world.wait(run)["type"] == "COMPLETED"
    finally:
        del os.environ["ISTHMUS_PLANTED"]
    mark = world.mark("clean", "env")
    assert mark is not None
    assert "ISTHMUS_PLANTED" not in mark["env"]
    assert "PATH" in mark["env"]


def test_the_worker_shows_as_online_with_its_own_type(world: World, cloud: str) -> None:
    pool = world.ask("GET", f"work_pools/{cloud}")
    assert pool["type"] == "isthmus-sealed"
    workers = until(lambda: world.ask("POST", f"work_pools/{cloud}/workers/filter", {}), 15)
    assert [worker["status"] for worker in workers] == ["ONLINE"]


def test_a_run_that_is_due_later_starts_when_it_is_due(world: World, cloud: str) -> None:
    due = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2.5)
    details = {"scheduled_time": due.isoformat()}
    run = world.run(
        world.deploy("demo.step", cloud),
        {"mark": "due"},
        state={"type": "SCHEDULED", "state_details": details},
    )
    assert world.wait(run)["type"] == "COMPLETED"
    mark = world.mark(cloud, "due")
    assert mark is not None
    assert 0 <= mark["time"] - due.timestamp() < 1.5


def test_no_parent_starves_its_child_with_every_limit_at_its_least(world: World) -> None:
    with world.running("least", pipelines=1, steps=1):
        for queue in ("pipelines", "steps"):
            world.ask("PATCH", f"work_pools/least/queues/{queue}", {"concurrency_limit": 1})
        world.ask("PATCH", "work_pools/least", {"concurrency_limit": 2})
        world.deploy("demo.step", "least")
        parent = world.deploy("demo", "least", "pipelines")
        runs = [world.run(parent) for _ in range(3)]
        assert {world.wait(run)["type"] for run in runs} == {"COMPLETED"}


def test_cancelling_stops_the_process_and_all_it_started(world: World, cloud: str) -> None:
    run = world.run(world.deploy("demo.spin", cloud))
    pids = spin_pids(world, cloud, run)
    world.ask("POST", f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    assert world.wait(run, seconds=10)["type"] == "CANCELLED"
    until(lambda: gone(pids), 5)


def test_a_killed_process_is_a_crashed_run(world: World, cloud: str) -> None:
    run = world.run(world.deploy("demo.spin", cloud))
    pids = spin_pids(world, cloud, run)
    os.kill(pids[0], signal.SIGKILL)
    state = world.wait(run, seconds=10)
    assert (state["type"], "signal 9" in state["message"]) == ("CRASHED", True)
    until(lambda: gone(pids), 5)


def test_a_process_that_kills_itself_is_a_crashed_run(world: World, cloud: str) -> None:
    assert world.wait(world.run(world.deploy("demo.dies", cloud)), seconds=10)["type"] == "CRASHED"


def test_a_killed_worker_comes_back_and_settles_what_it_had_taken(world: World) -> None:
    with world.running("killed"):
        run = world.run(world.deploy("demo.spin", "killed"))
        pids = spin_pids(world, "killed", run)
        before = worker_pid(world, "killed")
        os.kill(before, signal.SIGKILL)
        until(lambda: gone(pids), 10)
        assert world.wait(run, seconds=30)["type"] == "CRASHED"
        assert until(lambda: worker_pid(world, "killed") != before, 30)
        run = world.run(world.deploy("demo.step", "killed"), {"mark": "again"})
        assert world.wait(run)["type"] == "COMPLETED"


def test_when_the_host_is_killed_everything_is_and_the_next_one_settles(world: World) -> None:
    host = world.start("host")
    run = world.run(world.deploy("demo.spin", "host"))
    pids = spin_pids(world, "host", run)
    everyone = [child.pid for child in psutil.Process(host.pid).children(recursive=True)]
    world.stop(host, signal.SIGKILL)
    until(lambda: gone([pid for pid in everyone if pid != pids[1]]), 10)
    os.kill(pids[1], signal.SIGKILL)  # a step's own child outlives a killed host; `isthmus down` ends it
    assert world.state(run)["type"] == "RUNNING"
    with world.running("host"):
        assert world.wait(run, seconds=30)["type"] == "CRASHED"


def test_stopping_the_host_ends_its_runs(world: World) -> None:
    host = world.start("stopped")
    run = world.run(world.deploy("demo.spin", "stopped"))
    pids = spin_pids(world, "stopped", run)
    world.stop(host)
    assert host.returncode == 0
    assert gone(pids)
    assert world.state(run)["type"] == "CRASHED"
    assert not (world.folder("stopped").run / "worker.json").exists()


def test_a_second_worker_of_one_environment_is_refused(world: World, cloud: str) -> None:
    command = [
        sys.executable,
        "-P",
        str(Path(__file__).with_name("worker_host.py")),
        str(world.home.root),
        cloud,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f"the worker of {cloud} runs already in this home" in done.stderr


def server_pid(world: World) -> int:
    """Return the server's pid; 0 while there is none."""
    process = world.home.read_state()["parts"]["server"]["process"]
    return process["pid"] if process else 0


def test_the_server_going_away_in_the_middle_leaves_the_step_and_the_worker_alone(world: World) -> None:
    with world.running("steady"):
        before = worker_pid(world, "steady")
        run = world.run(world.deploy("demo.spin", "steady"))
        pids = spin_pids(world, "steady", run)
        killed = server_pid(world)
        os.kill(killed, signal.SIGKILL)
        # The supervisor keeps the listening socket: a call may fail, or wait for the next server.
        until(lambda: server_pid(world) not in {0, killed}, 120)
        again = time.time()
        until(lambda: world.worker("steady")["last_poll"] > again, 120)
        assert world.worker("steady")["reachable"]
        assert not gone(pids)
        assert worker_pid(world, "steady") == before
        os.kill(pids[0], signal.SIGKILL)
        assert world.wait(run, seconds=30)["type"] == "CRASHED"


def scraped(world: World, env: str) -> dict[str, float]:
    """Return every sample of an environment's endpoint, by name and labels; none while it is away."""
    with suppress(OSError, ValueError, httpx.HTTPError):
        address = json.loads((world.folder(env).run / "metrics.json").read_text())["address"]
        lines = httpx.get(address, timeout=10).raise_for_status().text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}
    return {}


def test_its_runs_are_in_the_metrics_and_a_killed_endpoint_comes_back(world: World) -> None:
    with world.running("edge", parts=["worker", "metrics"]):
        assert world.wait(world.run(world.deploy("demo.step", "edge")))["type"] == "COMPLETED"
        dies = world.deploy("demo.dies", "edge")
        assert world.wait(world.run(dies))["type"] == "CRASHED"
        ran = 'isthmus_step_seconds_count{environment="edge",step="demo.step"}'
        crashed = 'isthmus_worker_runs_total{end="crashed",environment="edge"}'
        samples = until(lambda: one if (one := scraped(world, "edge")).get(crashed) else None, 30, 0.5)
        assert samples[ran] == 1
        assert samples['isthmus_step_seconds_bucket{environment="edge",le="+Inf",step="demo.step"}'] == 1
        assert 0 < samples['isthmus_step_seconds_sum{environment="edge",step="demo.step"}'] < 90
        assert samples['isthmus_worker_reaches_server{environment="edge"}'] == 1
        assert samples['isthmus_certificate_remaining_seconds{certificate="ca",environment="edge"}'] > 86400
        file = world.folder("edge").run / "metrics.json"
        before = json.loads(file.read_text())["pid"]
        os.kill(before, signal.SIGKILL)
        after = until(lambda: pid if (pid := json.loads(file.read_text())["pid"]) != before else None, 30)
        assert until(lambda: scraped(world, "edge"), 30)[ran] == 1
        assert world.worker("edge")["reachable"]
    assert gone([after])
    assert not file.exists()
