"""The pump as a part: light while nothing is due, a child for what is, and stopped in the middle of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from environments.boundary import open_environment
from environments.boundary.crossing import CrossingRequest
from environments.boundary.queueing import enqueue
from environments.home import Home
from environments.identity import create_identity, load_identity, pin_peer
from environments.outbox import open_outbox
from environments.site import Site
from flows.cli.init import write_site

pytestmark = pytest.mark.long

PART = """
import sys
from pathlib import Path
from environments.embedded.pumping import run_pump
from environments.folder import EnvironmentFolder
from environments.site import Site
sys.exit(run_pump(EnvironmentFolder(Path(sys.argv[1])), Site.load(sys.argv[2])))
"""
CSV = "reading_id,patient_id,patient_name,age,ward,systolic\n" + "".join(
    f"{number},P{1000 + number},Ann Amber,{20 + number},north,120\n" for number in range(30)
)


class System:
    """Two environments of a site, and their pumps as processes."""

    def __init__(self, root: Path) -> None:

        self.site, self.home = root / "site", Home(root / "home").create()
        write_site(self.site)
        self.folders = {name: self.home.environment(name).create() for name in ("onprem", "cloud")}
        for name, folder in self.folders.items():
            create_identity(folder, name)
        for name, folder in self.folders.items():
            for peer in self.folders.keys() - {name}:
                pin_peer(folder, load_identity(self.folders[peer]).public)
        (root / "readings.csv").write_text(CSV)
        where = ("--home", str(self.home.root), "--site", str(self.site))
        subprocess.run(
            [sys.executable, "-P", "-c", "from flows.cli.main import main; main()", "asset", "add",
             str(root / "readings.csv"), "--env", "onprem", "--name", "readings",
             "--contract", "clinic.readings", *where],
            check=True, capture_output=True,
        )  # fmt: skip
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> psutil.Process:
        command = [sys.executable, "-P", "-c", PART, str(self.folders[name].root), str(self.site)]
        self.running[name] = subprocess.Popen(command, stderr=subprocess.PIPE)
        return psutil.Process(self.running[name].pid)

    def stop(self, name: str) -> tuple[int, str]:
        os.kill(self.running[name].pid, signal.SIGTERM)
        _, said = self.running[name].communicate(timeout=30)
        return self.running[name].returncode, said.decode()

    def queue(self, request: str) -> str:
        env = open_environment(self.folders["onprem"], Site.load(self.site))
        record = env.store.record("readings")
        asked = CrossingRequest("readings", record.version, "cloud", "statistics", request)
        return enqueue(env, asked).crossing

    def state(self, crossing: str) -> str:
        with open_outbox(self.folders["onprem"]) as outbox:
            found = outbox.get(crossing)
        return "" if found is None else found.state


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    made = System(tmp_path)
    yield made
    for process in made.running.values():
        if process.poll() is None:
            process.kill()
            process.wait(30)
        if process.stderr is not None:
            process.stderr.close()


def until(ready: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.1)


def test_what_is_queued_crosses_by_itself_and_what_stays_is_light(system: System) -> None:
    parts = {name: system.start(name) for name in ("onprem", "cloud")}
    time.sleep(4.0)
    crossing = system.queue("request-1")
    until(lambda: system.state(crossing) == "arrived")
    until(lambda: not any(part.children() for part in parts.values()))
    heavy = ("polars", "pyarrow", "duckdb", "numpy")
    for part in parts.values():
        loaded = {Path(one.path).as_posix() for one in part.memory_maps(grouped=True)}
        assert not [path for path in loaded if any(f"/{name}/" in path for name in heavy)]
    for name in parts:
        code, said = system.stop(name)
        assert code == 0
        assert ("sent 1" if name == "onprem" else "received_permitted 1") in said
        assert "Traceback" not in said


def test_a_child_that_is_killed_is_followed_by_another(system: System) -> None:
    part = system.start("onprem")
    crossing = system.queue("request-1")
    until(lambda: bool(part.children()))
    for child in part.children():
        child.kill()
    until(lambda: system.state(crossing) == "sent")
    assert system.stop("onprem")[0] == 0
    assert not part.is_running()
