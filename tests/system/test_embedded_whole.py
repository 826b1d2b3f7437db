"""`isthmus up --foreground`, as systemd starts it: every environment's real cluster and worker."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from environments.embedded.sweep import leftovers, recorded
from environments.embedded.takedown import take_down
from environments.home import Home

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("embedded"),
    pytest.mark.timeout(600),
]

COMMAND = [sys.executable, "-P", "-c", "from flows.cli.main import main; main()"]
TESTS = Path(__file__).parents[2] / "flows/hospital/data/onprem_tests.csv"
ENVIRONMENTS = ("cloud", "edge", "onprem")


def isthmus(home: Home, *arguments: str) -> Any:
    done = subprocess.run(
        [*COMMAND, *arguments, "--home", str(home.root), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The whole system, started and stopped as systemd does it."""
    folder = tmp_path_factory.mktemp("whole")
    home = Home(folder / "home")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, (folder / "out").open("wb") as out:
        systemd.bind(str(folder / "notify"))
        systemd.settimeout(240)
        supervisor = subprocess.Popen(
            [*COMMAND, "up", "--foreground", "--home", str(home.root)],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
            stdout=out,
            stderr=out,
        )
        try:
            told = systemd.recv(1000).decode()
            assert told.startswith("READY=1\n"), told
            assert home.read_state()["environments"] == list(ENVIRONMENTS)
            yield home
            supervisor.terminate()
            assert supervisor.wait(timeout=60) == 0
            assert not any(leftovers(home).values())
        finally:
            supervisor.kill()
            supervisor.wait()
            take_down(home)


def test_every_part_is_well_and_all_of_it_fits(home: Home) -> None:
    status = isthmus(home, "status")
    health = {part["name"]: part["health"] for part in status["parts"]}
    wanted = {f"{part}@{name}" for part in ("gate", "dask", "worker", "pump") for name in ENVIRONMENTS}
    assert set(health) == {"supervisor", "postgresql", "server"} | wanted
    assert set(health.values()) == {"ok"}
    assert {(queue["environment"], queue["name"]) for queue in status["queues"]} >= {
        (name, queue) for name in ENVIRONMENTS for queue in ("pipelines", "steps")
    }
    assert status["memory"] < 1200 * 2**20


def test_what_is_queued_crosses_by_itself(home: Home, tmp_path: Path) -> None:
    """No run and no worker: the two pumps alone. The separation is looked at after it, so with them."""
    lawful = (pl.col("age").cast(pl.Float64) <= 110) & (pl.col("rec_ver_tat").cast(pl.Float64) >= 0)
    pl.read_csv(TESTS, infer_schema=False).filter(lawful).write_csv(tmp_path / "lawful.csv")
    named = ("--env", "onprem", "--name", "covid_tests", "--contract", "hospital.covid-tests")
    isthmus(home, "asset", "add", str(tmp_path / "lawful.csv"), *named)
    way = ("--from", "onprem", "--to", "cloud", "--purpose", "model-training", "--queue")
    request = isthmus(home, "sync", "covid_tests", *way)["request"]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        told = isthmus(home, "outbox", "list", "--env", "onprem", "--all")
        [one] = told["environments"]["onprem"]["crossings"]
        if one["state"] == "arrived":
            break
        time.sleep(0.5)
    assert (one["request"], one["state"]) == (request, "arrived"), one
    [there] = isthmus(home, "asset", "list", "--env", "cloud")["assets"]
    assert there["name"] == "covid_tests"
    assert isthmus(home, "status")["outboxes"] == []


def opened(pid: int) -> set[str]:
    paths = {os.path.realpath(f"/proc/{pid}/cwd")}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        paths.add(os.path.realpath(entry))
    return paths


def test_no_process_holds_files_of_two_environments_and_the_supervisor_of_none(home: Home) -> None:
    folders = {name: str(home.environment(name).root) + "/" for name in ENVIRONMENTS}
    supervisor = recorded(home.read_state())["supervisor"]
    seen: set[str] = set()
    for process in [supervisor, *(process for group in leftovers(home).values() for process in group)]:
        try:
            paths = opened(process.pid)
        except OSError:  # ended while we looked
            continue
        touched = {
            name for name, root in folders.items() if any((path + "/").startswith(root) for path in paths)
        }
        assert len(touched) <= (0 if process == supervisor else 1), (process, touched)
        seen |= touched
    assert seen == set(ENVIRONMENTS)  # so the search can find them


def test_each_environment_knows_the_others_public_keys_and_nothing_more(home: Home) -> None:
    for name in ENVIRONMENTS:
        peers = {path.name.partition(".")[0] for path in home.environment(name).peers.iterdir()}
        assert peers == set(ENVIRONMENTS) - {name}


def test_watching_it_shows_every_environments_numbers_on_one_line_each_time(home: Home) -> None:
    command = [*COMMAND, "status", "--watch", "--every", "0.2", "--json", "--home", str(home.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as watcher:
        assert watcher.stdout is not None
        looks = [json.loads(watcher.stdout.readline()) for _ in range(2)]
        watcher.send_signal(signal.SIGINT)
        *_, last = watcher.communicate(timeout=60)[0].splitlines()
    assert (watcher.returncode, json.loads(last)["exit_code"]) == (130, 130)
    for told in looks:
        assert told["healthy"]
        assert set(told["environments"]) == set(ENVIRONMENTS)
        for one in told["environments"].values():
            readable = {each["source"]: each["value"] for each in one["metrics"]["isthmus_source_readable"]}
            assert set(readable.values()) == {1.0}, readable
            assert one["metrics"]["isthmus_worker_reaches_server"] == [{"value": 1.0}]
