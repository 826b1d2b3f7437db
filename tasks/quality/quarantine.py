"""Set the rows that break a rule aside, as a version of their own, so that the rest may be used.

Invariants:
1. Every row is in exactly one of the two versions, unchanged, in its order.
2. A row is set aside if and only if it breaks at least one rule that is about single rows.
3. `accepted` satisfies the whole contract or is not committed: a rule about all rows together
   (uniqueness, a row count) cannot be cured by setting single rows aside, and is not pretended to be.
4. `rejected` is kept under the same contract, which it breaks by definition, so it crosses nowhere.

Example, in a pipeline:
    ```python
    clean = quarantine.on("onprem")(tests).accepted
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.steps import AssetRef, StepRun, same_as, step

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Quarantined", "quarantine", "split"]


class Quarantined(NamedTuple):
    """Both versions, and how many rows each has."""

    accepted: AssetRef
    rejected: AssetRef
    rows_accepted: int
    rows_rejected: int


def split(table: pa.Table, plan: Any) -> tuple[pa.Table, pa.Table]:  # noqa: ANN401 - a check plan
    """Return the rows that break no row-level rule of the plan, and those that do."""
    import pyarrow.compute as pc

    breaks = plan.violations(table)
    return table.filter(pc.invert(breaks)), table.filter(breaks)


@step(
    purpose="quality",
    outputs={"accepted": same_as("tests"), "rejected": same_as("tests", checked=False)},
)
def quarantine(run: StepRun, tests: AssetRef) -> Quarantined:
    """Set the rows that break their contract aside as a version of their own."""
    from data_contracts.checks import compile_plan

    data = run.open(tests)
    with run.new("accepted") as good, run.new("rejected") as bad:
        with run.phase("split", rows=data.rows):
            parts = data.write(split, compile_plan(data.contract), into=(good, bad))
        counts = [sum(part.rows[index] for part in parts) for index in (0, 1)]
        return Quarantined(good.commit(), bad.commit(), *counts)
