"""The bank's study: missed payments, from rows of which ten at least are alike.

Every feature is text: bands and codes at the levels of the anonymous version, and the codes of repayment,
whose meaning the publisher explains only in part, so no order is read into them. The rows have no time of
their own; their place in the table splits them into training and held-out ones.

Example, in a pipeline:
    ```python
    model = train_default.on("onprem")(anonymous).model
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_contracts.errors import DataBreaksContractError
from tasks.steps import AssetRef, Needs, StepRun, made_under, step
from tasks.training.study import SLOT, Study
from tasks.training.train import Trained, train_model

if TYPE_CHECKING:
    import polars as pl

__all__ = ["CREDIT", "FEATURES", "credit_features", "train_default"]

FEATURES = ("LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE", "PAY_0", "PAY_2", "PAY_3")


def credit_features(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the feature columns as text without nulls.

    Raises:
        DataBreaksContractError: a feature is absent.
    """
    import polars as pl

    absent = [name for name in FEATURES if name not in frame.columns]
    if absent:
        raise DataBreaksContractError(f"columns {', '.join(absent)}: absent, and the model needs them")
    return frame.select(pl.col(name).cast(pl.String).fill_null("") for name in FEATURES)


CREDIT = Study(
    name="missed_payment",
    categorical=FEATURES,
    indicators=(),
    elapsed=None,
    result="default_payment_next_month",
    positive=1,
    negative=0,
    order=SLOT,
    train_last=79,
    held_out=(80, 99),
    folds=((39, 49), (49, 59), (59, 69), (69, 79)),
    features=credit_features,
    use="expected misses over many clients, for provisions; no ground for a decision about one client",
)


@step(
    purpose="model-training",
    outputs={"model": made_under("bank.default-model", name="default_model")},
    needs=Needs(hours=0.05, output_share=0.01),
)
def train_default(run: StepRun, clients: AssetRef) -> Trained:
    """Fit a classifier of missed payments on anonymous rows, and export it."""
    return train_model(run, clients, CREDIT)
