"""Score the newest tests where they are, with a model that came to them.

Example, in a pipeline:
    ```python
    scores = batch_infer.on("edge")(at_edge, fresh)
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.steps import AssetRef, StepRun, step
from tasks.training.features import HOSPITAL
from tasks.training.running import OUTPUT, run_model

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KEPT", "batch_infer", "score_rows"]

KEPT = ("subject_id", "pan_day", "clinic_name")
"""What a scored row keeps of its test: whose it is, when and where; nothing of what it was scored on."""


def score_rows(frame: pl.DataFrame, model: bytes) -> pl.DataFrame:
    """Return each row's `KEPT` columns and its probability of a positive result, in order."""
    import polars as pl

    found = pl.Series(OUTPUT, run_model(model, HOSPITAL.features(frame)), dtype=pl.Float64)
    return frame.select(KEPT).with_columns(found)


@step(purpose="batch-inference", outputs={"scores": "hospital.test-scores"})
def batch_infer(run: StepRun, model: AssetRef, tests: AssetRef) -> AssetRef:
    """Score tests with ONNX Runtime, checked against the contracts of both sides."""
    network = run.open_model(model)
    with run.phase("check"):
        data = run.open(tests).require()
    with run.new("scores") as out:
        with run.phase("score", rows=data.rows):
            data.write(score_rows, network.onnx, into=out, as_="polars")
        return out.commit()
