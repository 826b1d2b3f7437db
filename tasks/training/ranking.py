"""How well scores rank positives above negatives.

The AUC is the probability that a random positive scores above a random negative, ties counting
half (Mann and Whitney); its standard error is Hanley and McNeil's (Radiology 143, 1982).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import StepFailedError

__all__ = ["area", "standard_error"]

Vector = NDArray[np.float64]


def area(scores: Vector, positive: Vector) -> float:
    """Return the area under the ROC curve.

    Args:
        scores: one for each row; only their order matters.
        positive: 1.0 or 0.0 for each row.

    Raises:
        StepFailedError: the rows are of one class only.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        raise StepFailedError("rows of one result only: nothing to rank", remedy="choose other days")
    # Twelve decimals: the last bits differ with how rows are grouped, and would break ties.
    _, place, count = np.unique(np.round(scores, 12), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2.0)[place]
    above = float(ranks[positive > 0].sum()) - positives * (positives + 1) / 2.0
    return above / (positives * negatives)


def standard_error(auc: float, positives: int, negatives: int) -> float:
    """Return Hanley and McNeil's standard error of an AUC; rows are taken as independent."""
    q1, q2 = auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc)
    variance = auc * (1.0 - auc) + (positives - 1) * (q1 - auc * auc) + (negatives - 1) * (q2 - auc * auc)
    return math.sqrt(max(variance, 0.0) / (positives * negatives))
