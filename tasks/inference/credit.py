"""Score the bank's anonymous rows where they are, with a model that came to them.

Example, in a pipeline:
    ```python
    score.on("cloud")(at_cloud, rows)
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tasks.steps import AssetRef, StepRun, made_under, step
from tasks.training.credit import CREDIT
from tasks.training.running import OUTPUT, run_model

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KEPT", "Scored", "score", "score_clients"]

KEPT = ("LIMIT_BAL", "AGE")
"""What a scored row keeps of its row: by what the bank groups its provisions."""


class Scored(NamedTuple):
    """The scored rows, how many there are, and how many missed payments the model expects among them."""

    scores: AssetRef
    rows: int
    expected: float


def score_clients(frame: pl.DataFrame, model: bytes) -> tuple[pl.DataFrame, float]:
    """Return each row's `KEPT` columns and its probability, in order, and the sum of the probabilities."""
    import polars as pl

    found = pl.Series(OUTPUT, run_model(model, CREDIT.features(frame), CREDIT), dtype=pl.Float64)
    return frame.select(KEPT).with_columns(found), float(found.sum())


@step(purpose="batch-inference", outputs={"scores": made_under("bank.default-scores", name="default_scores")})
def score(run: StepRun, model: AssetRef, clients: AssetRef) -> Scored:
    """Score rows with ONNX Runtime, checked against the contracts of both sides."""
    network = run.open_model(model)
    with run.phase("check"):
        data = run.open(clients).require()
    with run.new("scores") as out:
        with run.phase("score", rows=data.rows):
            parts = data.write(score_clients, network.onnx, into=out, as_="polars")
        return Scored(out.commit(), data.rows, round(sum(part.value for part in parts), 6))
