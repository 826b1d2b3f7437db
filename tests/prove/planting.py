"""What ships, with values that occur nowhere by chance in every restricted column that can hold one.

A restricted column whose contract admits a handful of values (a gender, a part's number of five digits)
cannot hold such a value; what is planted beside it, in the same rows, stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from gate_world import FLOW, PATIENT
from leaking import EDGE, HOME, STEPS, failing_site
from sentinels import Sentinel

ROOT = Path(__file__).resolve().parents[2]

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
    """Write what ships as a site, with the pipelines that fail, and the one that tells, beside it."""
    site = failing_site(root, {**STEPS, "telling": "tell"})
    talk = FLOW.partition('\n\n@step(purpose="quality")\ndef count')[0]
    (site / "flows" / "telling.py").write_text(talk, encoding="utf-8")
    return site
