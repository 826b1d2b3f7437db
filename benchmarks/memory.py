"""The memory of the embedded system: idle, at the demo's peak, and idle again after one demo and two.

Starts a home of its own, looks at every one of its processes (and at those of the command that runs) three
times a second, and takes everything down. What counts is the sum of proportional set sizes: a page that
several processes share counts once. Parts are told apart by the tree of processes; Dask's workers are those
that listen.

    make bench NAME=memory                about two minutes
    python benchmarks/memory.py --runs 3
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from environments.embedded.processes import identify, pss
from environments.home import Home

ISTHMUS = Path(sys.executable).with_name("isthmus")
MIB = 2**20
BUDGET = {"idle": 1.2e9, "peak": 1.8e9}
EVERY, QUIET = 0.3, 15.0
COMMAND = "command line"
ORDER = (
    "supervisor",
    "postgresql",
    "server",
    "hosts",
    "pollers",
    "schedulers",
    "dask workers",
    "runs and spares",
    COMMAND,
)


@dataclass(frozen=True)
class Sample:
    """All memory at one moment: seconds since the measurement began, and bytes by part."""

    second: float
    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        """Bytes of all parts."""
        return sum(self.parts.values())


def named(parents: Mapping[int, int], known: Mapping[int, str], listening: frozenset[int]) -> dict[int, str]:
    """Return which part each process belongs to; a process of none of them is left out.

    Args:
        parents: pid to its parent's.
        known: pid to the part that it is the root of.
        listening: the pids that wait for TCP connections.
    """

    def part(pid: int) -> str | None:
        if pid in known:
            return known[pid]
        parent = parents.get(pid, 0)
        above = part(parent) if parent in parents else None
        if above == "hosts":
            return "dask workers" if pid in listening else "runs and spares"
        return above

    found = {pid: part(pid) for pid in parents}
    return {pid: name for pid, name in found.items() if name is not None}


def peak(samples: Sequence[Sample]) -> Sample:
    """Return the sample that holds most."""
    return max(samples, key=lambda sample: sample.total)


def quiet(samples: Sequence[Sample]) -> Sample:
    """Return the median sample: a poll or a check that falls into one of them is not idleness."""
    return sorted(samples, key=lambda sample: sample.total)[len(samples) // 2]


def table(columns: Mapping[str, Sample]) -> list[str]:
    """Return the lines for people, in MiB."""
    lines = [f"{'MiB of PSS':18}" + "".join(f"{title:>16}" for title in columns)]
    for part in ORDER:
        cells = [sample.parts.get(part, 0) / MIB for sample in columns.values()]
        if any(cells):
            lines.append(f"{part:18}" + "".join(f"{cell:>16.0f}" for cell in cells))
    totals = (sample.total / MIB for sample in columns.values())
    return [*lines, f"{'total':18}" + "".join(f"{total:>16.0f}" for total in totals)]


def document(columns: Mapping[str, Sample], seconds: Sequence[float]) -> dict[str, Any]:
    """Return every figure, and how much of its budget each column takes."""
    return {
        "benchmark": "memory",
        "unit": "MiB",
        "seconds": [round(value, 1) for value in seconds],
        "budget": {name: round(value / MIB) for name, value in BUDGET.items()},
        "parts": {
            title: {part: round(size / MIB, 1) for part, size in sample.parts.items()}
            for title, sample in columns.items()
        },
        "total": {title: round(sample.total / MIB, 1) for title, sample in columns.items()},
        "of budget": {
            title: round(sample.total / BUDGET["peak" if title.startswith("peak") else "idle"], 2)
            for title, sample in columns.items()
        },
    }


@dataclass
class Meter:
    """Looks at one home's processes, from a thread of its own."""

    home: Home
    samples: list[Sample] = field(default_factory=list)
    inner: dict[int, str] = field(default_factory=dict)
    command: int = 0
    _listening: set[Any] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _began: float = field(default_factory=time.monotonic)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            self.samples.append(self._look())

    def _look(self) -> Sample:
        parents: dict[int, int] = {}
        for process in psutil.process_iter(["ppid"]):
            parents[process.pid] = process.info["ppid"]
        sizes: Counter[str] = Counter()
        for pid, part in named(parents, self._known(), self._listeners(parents)).items():
            process = identify(pid)
            sizes[part] += pss(process) if process is not None else 0
        return Sample(time.monotonic() - self._began, dict(sizes))

    def _known(self) -> dict[int, str]:
        state = self.home.read_state()
        known = dict(self.inner)
        for name, part in (state.get("parts") or {}).items():
            if part["process"]:
                known[part["process"]["pid"]] = "hosts" if name.startswith("host@") else name
        supervisor = state.get("supervisor")
        if supervisor:
            known[supervisor["pid"]] = "supervisor"
        if self.command:
            known.setdefault(self.command, COMMAND)
        return known

    def _listeners(self, parents: Mapping[int, int]) -> frozenset[int]:
        """Return who waits for connections: looked for among the hosts' children, and remembered."""
        hosts = {pid for pid, name in self._known().items() if name == "hosts"}
        for pid in [pid for pid, parent in parents.items() if parent in hosts]:
            process = identify(pid)
            if process is not None and process not in self._listening and _listens(pid):
                self._listening.add(process)
        return frozenset(process.pid for process in self._listening)


def _listens(pid: int) -> bool:
    try:
        return any(one.status == psutil.CONN_LISTEN for one in psutil.Process(pid).net_connections("tcp"))
    except psutil.Error:
        return False


def isthmus(meter: Meter, *arguments: str) -> str:
    """Run one command as a user would, seen by the meter; return what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "ISTHMUS_"))}
    environment["ISTHMUS_HOME"] = str(meter.home.root)
    with subprocess.Popen(
        [str(ISTHMUS), *arguments], stdout=subprocess.PIPE, text=True, env=environment
    ) as one:
        meter.command = one.pid
        told, _ = one.communicate()
    meter.command = 0
    if one.returncode:
        raise SystemExit(f"isthmus {' '.join(arguments)}: exit {one.returncode}\n{told}")
    return told


def measure(home: Home, runs: int) -> tuple[dict[str, Sample], list[float]]:
    """Return a sample for each column of the table, and the seconds of each demo."""
    columns: dict[str, Sample] = {}
    seconds = []
    with Meter(home) as meter:
        isthmus(meter, "up")
        status = json.loads(isthmus(meter, "status", "--json"))
        names = {"dask": "schedulers", "worker": "pollers"}
        for part in status["parts"]:
            kind = names.get(part["name"].partition("@")[0])
            if kind is not None and part["pid"]:
                meter.inner[part["pid"]] = kind
        columns["idle after up"] = _idle(meter)
        for number in range(1, runs + 1):
            before, began = len(meter.samples), time.monotonic()
            isthmus(meter, "demo")
            seconds.append(time.monotonic() - began)
            columns[f"peak, demo {number}"] = peak(meter.samples[before:])
            columns[f"idle, demo {number}"] = _idle(meter)
    return columns, seconds


def _idle(meter: Meter) -> Sample:
    """Return the system as it is `QUIET` seconds later."""
    time.sleep(QUIET)
    before = len(meter.samples)
    time.sleep(10 * EVERY)
    return quiet(meter.samples[before:])


def main() -> int:
    """Print a table and, as the last line, one JSON document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=2, help="how many demos (2)")
    runs = parser.parse_args().runs
    home = Home(tempfile.mkdtemp(prefix="ist-"))
    try:
        columns, seconds = measure(home, runs)
    finally:
        subprocess.run([str(ISTHMUS), "down", "--home", str(home.root)], check=False, capture_output=True)
        shutil.rmtree(home.root, ignore_errors=True)
    print("\n".join(table(columns)))
    print(f"budget: {BUDGET['idle'] / MIB:.0f} idle, {BUDGET['peak'] / MIB:.0f} at the peak")
    print("demos: " + ", ".join(f"{value:.1f} s" for value in seconds))
    print(json.dumps(document(columns, seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
