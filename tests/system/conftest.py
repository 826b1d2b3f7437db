"""One real embedded system for all tests that only use it, and a way to make others that a test may break.

Invariants:
1. Every home is a short path of its own, and is taken down even when its test fails.
2. After `down`, no process that was started for the home is alive: the fixture looks and fails otherwise.
3. Tests that share a running system carry its `xdist_group` ("hospital", "api-gate"), so that one worker runs
   them all.
4. Every test here carries a group: without one, each worker would start the system of its file again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from gate_world import Talk, talking
from leaking import EDGE, HOME, copying, failing_site

ISTHMUS = Path(sys.executable).with_name("isthmus")
HOSPITAL_DATA = Path(__file__).resolve().parents[2] / "flows" / "hospital" / "data"
_GRACE = 10.0


@dataclass(frozen=True)
class System:
    """One home and the command line on it."""

    home: Path
    site: Path | None = None
    data: Path = HOSPITAL_DATA
    """Where the hospital's lab results lie that `add_hospital_data` adds."""

    def run(
        self,
        *arguments: str,
        check: bool = True,
        timeout: float = 180,
        env: Mapping[str, str] | None = None,
        under: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run `isthmus ARGUMENTS` as a user would: a process of its own, no terminal.

        `under` is what runs it (a tracer, a limiter), with its own arguments.
        """
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "ISTHMUS_"))}
        environment |= {"ISTHMUS_HOME": str(self.home), **(env or {})}
        if self.site is not None:
            environment["ISTHMUS_SITE"] = str(self.site)
        # Into files, not pipes: a tracer keeps what it inherited open for as long as the system lives.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            ended = subprocess.run(
                [*under, str(ISTHMUS), *arguments],
                stdout=out,
                stderr=err,
                check=False,
                timeout=timeout,
                env=environment,
                stdin=subprocess.DEVNULL,
            )
            told = [stream.seek(0) or stream.read() for stream in (out, err)]
        done = subprocess.CompletedProcess(list(arguments), ended.returncode, *told)
        if check and done.returncode != 0:
            raise AssertionError(
                f"isthmus {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def json(self, *arguments: str, check: bool = True, timeout: float = 180) -> Any:
        """Run a command with --json and return its one document."""
        return json.loads(self.run(*arguments, "--json", check=check, timeout=timeout).stdout)

    def processes(self) -> list[psutil.Process]:
        """Return every process whose environment or command line names this home."""
        found = []
        for process in psutil.process_iter():
            if process.pid == os.getpid():
                continue
            try:
                named = process.environ().get("ISTHMUS_HOME") == str(self.home)
                # A parent path of another home must not match: whole arguments only.
                named = named or str(self.home) in process.cmdline()
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if named:
                found.append(process)
        return found

    def add_hospital_data(self) -> None:
        """Add the shipped lab results where the demo has them."""
        for file, environment, name, contract in (
            ("onprem_tests.csv", "onprem", "covid_tests", "hospital.covid-tests"),
            ("clinic_tests.csv", "edge", "clinic_tests", "hospital.clinic-tests"),
        ):
            self.run(
                "asset",
                "add",
                str(self.data / file),
                "--env",
                environment,
                "--name",
                name,
                "--contract",
                contract,
            )


@contextmanager
def homes() -> Iterator[Callable[..., System]]:
    """Give a maker of homes; each is taken down at the end and looked over for leftovers."""
    made: list[System] = []

    def make(*, site: Path | None = None, data: Path = HOSPITAL_DATA) -> System:
        # Short: a PostgreSQL socket's path must fit into 107 bytes.
        system = System(Path(tempfile.mkdtemp(prefix="ist-")), site, data)
        made.append(system)
        return system

    yield make
    leftovers: list[str] = []
    for system in made:
        system.run("down", check=False)
        deadline = time.monotonic() + _GRACE
        while (alive := system.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in alive:
            leftovers.append(f"{system.home}: {process.pid} {' '.join(process.cmdline())[:120]}")
            process.kill()
        shutil.rmtree(system.home, ignore_errors=True)
    assert not leftovers, leftovers


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test of a system that names no group; what searches the shared system's files comes last."""
    items.sort(key=lambda item: item.path == Path(__file__).with_name("test_leaks.py"))
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("xdist_group") is None:
            raise pytest.UsageError(f"{item.nodeid}: say which group it is of (xdist_group)")


@pytest.fixture(scope="module")
def make_system() -> Iterator[Callable[..., System]]:
    """Return a maker of homes that are taken down with the file that wanted them."""
    with homes() as make:
        yield make


_SHARED = {"hospital": ExitStack(), "api-gate": ExitStack()}
"""What is running for a group's tests, whichever file they stand in."""


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> System:
    """Return a running system with the hospital's data in place, each patient's names and number marked."""
    folder = tmp_path_factory.mktemp("hospital")
    for sentinel, file in ((HOME, "onprem_tests.csv"), (EDGE, "clinic_tests.csv")):
        sentinel.plant(HOSPITAL_DATA / file, folder / file)
    # The README's pictures show what ships, and no pipelines that fail.
    site = None if os.environ.get("ISTHMUS_SCREENSHOTS") else failing_site(folder / "site")
    system = _SHARED["hospital"].enter_context(homes())(site=site, data=folder)
    system.run("up", timeout=120)
    system.add_hospital_data()
    return system


@pytest.fixture(scope="session")
def talk() -> Talk:
    """Return a running system in which a step told the server all that it could."""
    return _SHARED["api-gate"].enter_context(talking(gated=True))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Take a shared system down after the last test of its group: an idle one slows all that come later."""
    group = _group(item)
    if group in _SHARED and (nextitem is None or _group(nextitem) != group):
        _SHARED[group].close()


def _group(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return "" if mark is None else str(mark.args[0])


@pytest.fixture(scope="session")
def hospital_run(hospital: System) -> dict[str, Any]:
    """Plan, then run, the hospital's pipeline once for all tests that look at what it did."""
    plan = hospital.json("plan", "hospital")
    with copying(hospital.home / "transit", hospital.data / "transit"):
        run = hospital.json("run", "hospital", "--watch", timeout=500)
    return {"plan": plan, "run": run}
