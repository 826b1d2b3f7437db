"""The step that fits the model, proves its export, and commits both files as one version.

Example, in a pipeline:
    ```python
    model = train(clean).model          # placement chooses where
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.steps import AssetRef, Needs, StepRun, step
from tasks.steps.models import MODEL_FILE, PARITY_FILE
from tasks.training.blocks import Source, labelled
from tasks.training.encoding import Encoder
from tasks.training.export import to_onnx
from tasks.training.features import HOSPITAL
from tasks.training.fit import Fitted, fit
from tasks.training.logistic import probabilities
from tasks.training.parity import DISTINCT, check_parity, probes
from tasks.training.running import run_model
from tasks.training.study import Study

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Trained", "train", "train_model"]

Matrix = NDArray[np.float64]


class Trained(NamedTuple):
    """The model, and the figures that say how far to trust it.

    Attributes:
        model: the ONNX file and its parity rows.
        auc: on held-out days; this one is weak (about 0.7), and no ground for a decision about a patient.
        auc_error: its standard error.
        auc_chance: the 99th percentile of refits on permuted labels.
        better_than_chance: whether `auc` is above `auc_chance`.
        penalty: chosen inside the training days.
        rows: trained on.
        rows_held_out: judged on.
        positives_held_out: of these, how many were positive.
        expected_held_out: how many the model expects.
        rows_invalid: left out because the test gave no result.
        distinct: different probabilities that parity was shown on.
        parity: the largest difference between the fit's and the exported model's probabilities.
        partitions: the parts that the rows were read in.
        workers: the Dask workers that computed.
    """

    model: AssetRef
    auc: float
    auc_error: float
    auc_chance: float
    better_than_chance: bool
    penalty: float
    rows: int
    rows_held_out: int
    positives_held_out: int
    expected_held_out: float
    rows_invalid: int
    distinct: int
    parity: float
    partitions: int
    workers: int


def _notes(rows: AssetRef, fitted: Fitted) -> dict[str, str]:
    """Return what the file says of itself: references and figures, no data and no time."""
    judgement = fitted.judgement
    return {
        "isthmus.trained_on": f"{rows} under {rows.contract}",
        "isthmus.rows": str(fitted.rows),
        "isthmus.penalty": f"{fitted.selection.penalty:g}",
        "isthmus.auc": f"{judgement.auc:.4f} (standard error {judgement.error:.4f}, held out)",
        "isthmus.auc_chance": f"{judgement.chance:.4f} (99th percentile of refits on permuted labels)",
        "isthmus.use": fitted.encoder.study.use,
    }


def heldout_scores(
    _place: int,
    frame: pl.DataFrame,
    days: tuple[int, int],
    encoder: Encoder,
    coefficients: Matrix,
    model: bytes,
) -> tuple[Matrix, Matrix]:
    """Return the held-out rows' probabilities by the fit and by the exported model."""
    import polars as pl

    study = encoder.study
    features = study.features(labelled(frame, study).filter(pl.col(study.order).is_between(*days)))
    return probabilities(encoder.matrix(features), coefficients), run_model(model, features, study)


def _prove(source: Source, fitted: Fitted, model: bytes) -> tuple[float, int]:
    """Compare fit and export on every held-out row; return the largest difference and distinct values."""
    parts: list[tuple[Matrix, Matrix]] = source.map(
        heldout_scores, source.study.held_out, fitted.encoder, fitted.coefficients, model
    )
    expected, got = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    # Fewer held-out rows than DISTINCT cannot show that many; then a quarter as many must do.
    needed = min(DISTINCT, len(expected) // 4)
    return check_parity(expected, got, distinct=needed), len(np.unique(expected))


@step(
    purpose="model-training",
    outputs={"model": "hospital.result-model"},
    needs=Needs(hours=0.05, output_share=0.01),
)
def train(run: StepRun, tests: AssetRef) -> Trained:
    """Fit a classifier of positive results where its data lies, and export it."""
    return train_model(run, tests, HOSPITAL)


def train_model(run: StepRun, rows: AssetRef, study: Study) -> Trained:
    """Fit, prove and commit the model of one study, as the output `model` of the step that calls."""
    data = run.open(rows)
    source = Source.of_dataset(data, study)
    with run.phase("fit", rows=data.rows):
        fitted = fit(source)
    model = to_onnx(fitted.encoder, fitted.coefficients, _notes(rows, fitted)).SerializeToString()
    with run.phase("parity", rows=fitted.judgement.rows):
        worst, distinct = _prove(source, fitted, model)
        asked = probes(fitted.encoder, fitted.coefficients)
    with run.new("model") as out:
        out.file(MODEL_FILE).write_bytes(model)
        asked.write_parquet(out.file(PARITY_FILE), compression="zstd")
        committed = out.commit()
    judgement = fitted.judgement
    return Trained(
        model=committed,
        auc=judgement.auc,
        auc_error=judgement.error,
        auc_chance=judgement.chance,
        better_than_chance=judgement.better_than_chance,
        penalty=fitted.selection.penalty,
        rows=fitted.rows,
        rows_held_out=judgement.rows,
        positives_held_out=judgement.positives,
        expected_held_out=judgement.expected,
        rows_invalid=fitted.invalid,
        distinct=distinct,
        parity=worst,
        partitions=len(source.parts),
        workers=run.workers_used,
    )
