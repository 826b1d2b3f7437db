"""A site whose steps fail with a patient in hand, what is planted there, and a watch of its transits."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from sentinels import Sentinel
from site_variants import change, shipped_site

HOME = Sentinel("zqxhome", 0x427C_0536_0000)
EDGE = Sentinel("vkjclinic", 0x7B1D_9E47_0000)
_EVERY_S = 0.02

FAILING = '''
"""Ways in which a step's own code fails with a patient in its hands."""

import logging
import os
import signal
import sys
import tempfile
import warnings
from pathlib import Path

from flows.runtime import AssetRef, latest, pipeline
from tasks.steps import StepRun, step

TESTS = latest("covid_tests", environment="onprem")


def a_patient(table):
    return table["subject_id"][0].as_py(), table["fake_last_name"][0].as_py()


def say(patient):
    print("patient", patient)
    print("patient", patient, file=sys.stderr)
    for name in (None, "prefect", "prefect.flow_runs", "prefect.task_runs", "distributed.worker"):
        logging.getLogger(name).error("patient %s", patient)
    warnings.warn(f"patient {patient}", stacklevel=1)
    (Path(tempfile.gettempdir()) / f"left-{os.getpid()}").write_text(str(patient))


def raises_with(table):
    patient = a_patient(table)
    say(patient)
    raise ValueError(f"no result for {patient}", patient)


def dies_with(table):
    say(a_patient(table))
    os.kill(os.getpid(), signal.SIGKILL)


@step(purpose="quality")
def shout(run: StepRun, tests: AssetRef) -> int:
    """Fail in the step itself."""
    patient = run.open(tests).map(a_patient)[0]
    say(patient)
    try:
        raise KeyError(patient)
    except KeyError as error:
        error.add_note(f"while looking for {patient}")
        raise RuntimeError(f"no result for {patient}") from error


@step(purpose="quality")
def crash(run: StepRun, tests: AssetRef) -> int:
    """End the step's own process."""
    say(run.open(tests).map(a_patient)[0])
    os.kill(os.getpid(), signal.SIGKILL)


@step(purpose="quality")
def raise_there(run: StepRun, tests: AssetRef) -> int:
    """Fail in a task on the cluster."""
    return len(run.open(tests).map(raises_with))


@step(purpose="quality")
def die_there(run: StepRun, tests: AssetRef) -> int:
    """Kill the worker that has the task."""
    return len(run.open(tests).map(dies_with))


@step(purpose="quality")
def bring(run: StepRun, tests: AssetRef) -> int:
    """Have a patient come over the wire, and fail at nothing."""
    return len(run.open(tests).map(a_patient)[0])


@pipeline(home="onprem")
def shouting(tests: AssetRef = TESTS) -> None:
    shout.on("onprem")(tests)


@pipeline(home="onprem")
def crashing(tests: AssetRef = TESTS) -> None:
    crash.on("onprem")(tests)


@pipeline(home="onprem")
def raising(tests: AssetRef = TESTS) -> None:
    raise_there.on("onprem")(tests)


@pipeline(home="onprem")
def dying(tests: AssetRef = TESTS) -> None:
    die_there.on("onprem")(tests)


@pipeline(home="onprem")
def bringing(tests: AssetRef = TESTS) -> None:
    bring.on("onprem")(tests)
'''
STEPS = {
    "shouting": "shout",
    "crashing": "crash",
    "raising": "raise_there",
    "dying": "die_there",
    "bringing": "bring",
}
"""Every pipeline of these, and its one step."""


def failing_site(root: Path, steps: Mapping[str, str] = STEPS) -> Path:
    """Write what ships as a site, with the pipelines that fail beside it; onprem's file lists `steps`."""
    site = shipped_site(root)
    (site / "flows" / "failing.py").write_text(FAILING, encoding="utf-8")
    names = [name for pipeline, step in steps.items() for name in (pipeline, f"{pipeline}.{step}")]
    listed = "".join(f"  - {name}\n" for name in names)
    change(site / "environments" / "onprem.yaml", "  - hospital.train\n", f"  - hospital.train\n{listed}")
    return site


@contextmanager
def copying(transit: Path, target: Path) -> Iterator[None]:
    """Copy whatever comes into the transits, which are empty again once a crossing is settled."""
    target.mkdir(exist_ok=True)
    over = threading.Event()

    def copy() -> None:
        # `os.walk` goes on where a folder is gone by now; pathlib's own walk ends with an error.
        for path in (Path(folder) / name for folder, _, names in os.walk(transit) for name in names):
            named = target / f"{sha256(str(path).encode()).hexdigest()}-{path.name}"
            with suppress(FileNotFoundError):  # it is gone again: the next look finds the others
                if path.is_file() and (not named.exists() or named.stat().st_size < path.stat().st_size):
                    shutil.copyfile(path, named)

    def watch() -> None:
        while not over.wait(_EVERY_S):
            copy()

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            yield
        finally:
            over.set()
            watching.result()
