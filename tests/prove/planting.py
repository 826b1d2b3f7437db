"""What ships, with values that occur nowhere by chance in every restricted column that can hold one.

A restricted column whose contract admits a handful of values (a gender, a part's number of five digits)
cannot hold such a value; what is planted beside it, in the same rows, stands for it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from gate_world import FLOW, PATIENT
from sentinels import Sentinel
from site_variants import change, shipped_site

ROOT = Path(__file__).resolve().parents[2]

HOME = Sentinel("zqxhome", 0x427C_0536_0000)
EDGE = Sentinel("vkjclinic", 0x7B1D_9E47_0000)
SHIFT = Sentinel("wjpshift", 0x5D3A_71C8_0000)
MARKS: dict[Sentinel, frozenset[str]] = {
    HOME: frozenset({"onprem"}),
    PATIENT: frozenset({"onprem"}),
    EDGE: frozenset({"edge"}),
    SHIFT: frozenset({"edge", "onprem"}),
}
"""Where each may be: in no other environment, and nowhere between. Alarms name their parts at home."""
_MARKED_ROWS = 20
"""One row in so many has an amount that is a mark: the others keep what a model can learn from."""

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
    "telling": "tell",
}


@dataclass(frozen=True)
class Planted:
    """One file that is brought into an environment.

    Attributes:
        file: below `flows`.
        environment: where it is brought.
        name: the asset's.
        contract: the contract's id, behind its pipeline's name.
        mark: what is planted.
        numbers: columns whose every number becomes a mark.
        words: columns whose every text becomes one.
        amounts: columns in which one number of so many becomes one.
    """

    file: str
    environment: str
    name: str
    contract: str
    mark: Sentinel
    numbers: tuple[str, ...]
    words: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()

    def write(self, target: Path, *, sound: bool = False) -> None:
        """Write the planted copy; `sound`: without the rows that break the hospital's contract."""
        mark = self.mark
        rows = pl.read_csv(ROOT / "flows" / self.file, infer_schema=False)
        if sound:
            rows = rows.filter(
                pl.col("age").cast(pl.Float64).fill_null(0) <= 110,
                pl.col("rec_ver_tat").cast(pl.Float64).fill_null(1) >= 0,
            )
        number, nth = pl.int_range(pl.len()), pl.int_range(pl.len()) % _MARKED_ROWS == 0
        made = {name: (pl.col(name).cast(pl.Int64) + mark.base).cast(pl.String) for name in self.numbers}
        made |= {name: pl.format(mark.word + name.replace("_", "") + "{}", number) for name in self.words}
        made |= {
            name: pl.when(nth).then((number + mark.base).cast(pl.String)).otherwise(pl.col(name))
            for name in self.amounts
        }
        rows.with_columns(value.alias(name) for name, value in made.items()).write_csv(target)


NAMES = ("fake_first_name", "fake_last_name")
HOSPITAL = (
    Planted(
        "hospital/data/onprem_tests.csv", "onprem", "covid_tests", "covid-tests", HOME, ("subject_id",), NAMES
    ),
    Planted(
        "hospital/data/clinic_tests.csv", "edge", "clinic_tests", "clinic-tests", EDGE, ("subject_id",), NAMES
    ),
)
BANK = (
    Planted(
        "bank/data/clients.csv",
        "onprem",
        "credit_clients",
        "credit-clients",
        HOME,
        ("ID",),
        (),
        ("BILL_AMT1",),
    ),
    Planted(
        "bank/data/new_clients.csv", "onprem", "new_clients", "new-clients", HOME, ("ID",), (), ("BILL_AMT1",)
    ),
)
FACTORY = (
    Planted("factory/data/history.csv", "onprem", "machine_history", "machine-history", HOME, ("uid",)),
    Planted("factory/data/shift.csv", "edge", "shift_readings", "shift-readings", SHIFT, ("uid",)),
)


def leaky_site(root: Path) -> Path:
    """Write what ships as a site, with the pipelines that fail beside it."""
    site = shipped_site(root)
    (site / "flows" / "failing.py").write_text(FAILING, encoding="utf-8")
    talk = FLOW.partition('\n\n@step(purpose="quality")\ndef count')[0]
    (site / "flows" / "telling.py").write_text(talk, encoding="utf-8")
    names = [name for pipeline, step in STEPS.items() for name in (pipeline, f"{pipeline}.{step}")]
    listed = "".join(f"  - {name}\n" for name in names)
    change(site / "environments" / "onprem.yaml", "  - hospital.train\n", f"  - hospital.train\n{listed}")
    return site


def forget(path: Path) -> None:
    """Remove a folder, if it is there."""
    shutil.rmtree(path, ignore_errors=True)
