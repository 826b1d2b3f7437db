"""Ctrl-C and `down` in the middle of each fault: both end soon, say what is, and leave no process behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest
import yaml

from environments.embedded.sweep import recorded
from environments.home import Home
from environments.site import SHIPPED_PROFILES

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("ways-out"),
    pytest.mark.timeout(600),
]

FLOWS = '''
import time

from flows.runtime import AssetRef, latest, pipeline, sync
from tasks.steps import StepRun, step

TESTS = latest("covid_tests", environment="onprem")


def rest(table):
    time.sleep(600)
    return 0


@step(purpose="statistics")
def wait(run: StepRun, tests: AssetRef) -> int:
    """Compute on the cluster for longer than anybody waits."""
    return sum(run.open(tests).map(rest))


@pipeline(home="onprem")
def waiting(tests: AssetRef = TESTS) -> None:
    """One step that goes on and on."""
    wait.on("onprem")(tests)


@pipeline(home="onprem")
def sending(tests: AssetRef = TESTS) -> None:
    """One crossing."""
    sync(tests, to="cloud", purpose="model-training").require()
'''
DATA = Path(__file__).resolve().parents[2] / "flows" / "hospital" / "data" / "clinic_tests.csv"
FROZEN = ("server", "postgresql", "worker@onprem", "gate@onprem", "supervisor")
SOON_S, DOWN_S = 30.0, 120.0
"""Generous: whoever hangs takes minutes, and other tests run beside."""


def write_site(folder: Path) -> Path:
    shutil.copytree(SHIPPED_PROFILES, folder / "environments")
    path = folder / "environments" / "onprem.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["steps"] += ["waiting", "waiting.wait", "sending"]
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "flows").mkdir()
    (folder / "flows" / "slow.py").write_text(FLOWS, encoding="utf-8")
    (folder / "site.toml").write_text("", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def system(make_system: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A home with an asset that may cross; each test starts it, and takes it down in its own trouble."""
    place = tmp_path_factory.mktemp("ways-out")
    made = make_system(site=write_site(place / "site"))
    made.run("up")
    sound = pl.read_csv(DATA).filter(pl.col("age").is_between(0, 110))
    sound.write_csv(place / "sound.csv")
    named = ("--env", "onprem", "--name", "covid_tests", "--contract", "hospital.covid-tests", "--no-check")
    made.run("asset", "add", str(place / "sound.csv"), *named)
    return made


@dataclass
class Typed:
    """A command that somebody typed, and waits for."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def run(self) -> str:
        """The id of the run that it started; empty until it says so."""
        found = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", self.said)
        return found.group() if found else ""

    def interrupt(self) -> str:
        """Press Ctrl-C; return what it said, once it has ended as it must."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(SOON_S) == 130, self.said
        assert "Traceback" not in self.said
        return self.said


@contextmanager
def typed(system: Any, *words: str) -> Iterator[Typed]:
    """Start a command as a shell does for somebody at a terminal, with Ctrl-C as it is there."""
    command = [str(Path(sys.executable).with_name("isthmus")), *words]
    environment = {**os.environ, "ISTHMUS_HOME": str(system.home), "ISTHMUS_SITE": str(system.site)}
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "said"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, env=environment, stdin=subprocess.DEVNULL,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
            )  # fmt: skip
        try:
            yield Typed(process, log)
        finally:
            process.kill()
            process.wait()


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def down(system: Any) -> None:
    """Take it down; nothing of it lives then."""
    system.run("down", timeout=DOWN_S)
    left = system.processes()
    with suppress(psutil.NoSuchProcess):
        assert not [(one.pid, one.cmdline()) for one in left if one.is_running()]
    assert system.json("status", check=False)["phase"] == "down"


def processes_of(home: Path, part: str) -> list[psutil.Process]:
    known = recorded(Home(home).read_state())
    found = psutil.Process(known[part.replace("worker@", "host@")].pid)
    return [found] if part == "supervisor" else [found, *found.children(recursive=True)]


@pytest.mark.parametrize("part", FROZEN)
def test_a_part_that_answers_nothing(system: Any, part: str) -> None:
    """The watcher is sent away, `status` says what it sees, and `down` ends what no longer listens."""
    system.run("up")
    with typed(system, "run", "waiting", "--watch") as watching:
        until(lambda: "▸ wait@onprem" in watching.said)
        for process in processes_of(system.home, part):
            process.suspend()
        time.sleep(2.0)
        assert "the run goes on" in watching.interrupt()
    told = system.run("status", "--json", check=False, timeout=SOON_S)
    assert told.returncode in {0, 5}, told.stdout
    assert '"parts"' in told.stdout
    down(system)


def test_a_transit_that_is_away(system: Any) -> None:
    """A crossing waits for it; the watcher, the run, the pump and the system all end when they are told."""
    system.run("up")
    place = system.home / "transit" / "onprem"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / "cloud").touch(mode=0o600)
    with typed(system, "run", "sending", "--watch") as watching:
        until(lambda: asked_again(system, watching.run))
        assert "the run goes on" in watching.interrupt()
        assert "stopped" in system.run("cancel", watching.run, timeout=SOON_S).stdout.lower()
    with typed(system, "run", "sending", "--watch") as watching:
        until(lambda: asked_again(system, watching.run))
        down(system)
    (place / "cloud").unlink()


def asked_again(system: Any, run: str) -> bool:
    return bool(run) and "is asked again in" in system.run("logs", "--run", run).stdout


def test_a_disk_without_space(make_system: Callable[..., Any], system: Any) -> None:
    """The home's disk is full while a step computes: Ctrl-C, `status` and `down` need none of it."""
    full = make_system(site=system.site)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m,mode=700", "tmpfs", str(full.home)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        full.run("up")
        named = (
            "--env",
            "onprem",
            "--name",
            "covid_tests",
            "--contract",
            "hospital.covid-tests",
            "--no-check",
        )
        full.run("asset", "add", str(DATA), *named)
        with typed(full, "run", "waiting", "--watch") as watching:
            until(lambda: "▸ wait@onprem" in watching.said)
            fill(full.home / "filler")
            time.sleep(5.0)
            watching.interrupt()
        told = full.run("status", "--json", check=False, timeout=SOON_S)
        assert '"parts"' in told.stdout
        down(full)
        (full.home / "filler").unlink()
        full.run("up")
        assert full.json("ledger", "verify", "--env", "onprem")["success"]
        down(full)
    finally:
        full.run("down", check=False)
        subprocess.run(["umount", str(full.home)], check=False)


def fill(path: Path) -> None:
    """Write until the disk takes nothing more."""
    with path.open("wb", buffering=0) as stream, suppress(OSError):
        while stream.write(b"\0" * (1 << 20)):
            pass
    with path.open("ab", buffering=0) as stream, suppress(OSError):
        while stream.write(b"\0" * 512):
            pass


def test_after_all_of_it_the_system_starts_and_its_ledgers_verify(system: Any) -> None:
    system.run("up")
    for name in ("onprem", "cloud", "edge"):
        assert system.json("ledger", "verify", "--env", name)["success"]
    down(system)
