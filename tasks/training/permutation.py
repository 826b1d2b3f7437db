"""What a model gets that learned nothing: refits on permuted labels, scored on the true held-out ones.

The labels of the training rows are shuffled over all of them, the model is refitted with the same
penalty, and its AUC on the held-out days is taken. A real signal lies above the 99th percentile.

All refits share one approximation of the Hessian (that of the model with an intercept alone), which
turns a round into two matrix products for all of them together. It changes the path, not the end:
each refit is iterated until its own step vanishes, and where that one does not lead there Böhning
and Lindsay's bound (1988), a quarter of the rows' cross products, does, more slowly, always.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import StepFailedError
from tasks.training.blocks import Blocks, Encoded
from tasks.training.logistic import probabilities
from tasks.training.ranking import area
from tasks.training.selection import scores_of

__all__ = ["REFITS", "null_areas"]

Matrix = NDArray[np.float64]

REFITS = 200
TOLERANCE = 1e-7
MOST_ROUNDS = {"null": 40, "bound": 2000}


def _labels(block: Encoded, last: int) -> Matrix:
    return block.rows(0, last)[1]


def _products(block: Encoded, last: int) -> Matrix:
    matrix, _ = block.rows(0, last)
    return matrix.T @ matrix


def _slopes(block: Encoded, argument: tuple[int, NDArray[np.bool_], Matrix]) -> Matrix:
    last, permuted, coefficients = argument
    matrix, _ = block.rows(0, last)
    return matrix.T @ (probabilities(matrix, coefficients) - permuted)


def _shuffled(labels: Sequence[Matrix], refits: int, seed: int) -> list[NDArray[np.bool_]]:
    """Return for each block its rows of every permutation: rows by refits."""
    whole = np.concatenate(labels) > 0
    random = np.random.default_rng(seed)
    columns = np.column_stack([random.permutation(whole) for _ in range(refits)])
    ends = np.cumsum([len(part) for part in labels])[:-1]
    return np.split(columns, ends)


def null_areas(
    blocks: Blocks,
    penalty: float,
    train: int,
    held_out: tuple[int, int],
    *,
    refits: int = REFITS,
    seed: int = 0,
) -> Matrix:
    """Return the held-out AUC of each refit on permuted labels.

    Args:
        blocks: encoded blocks.
        penalty: the chosen one.
        train: last day of training.
        held_out: first and last day held out.
        refits: how many.
        seed: of the shuffles; the same seed gives the same shuffles for every partitioning.

    Raises:
        StepFailedError: a refit does not converge.
    """
    labels = blocks.map(_labels, train)
    shuffled = _shuffled(labels, refits, seed)
    products = sum(blocks.map(_products, train))
    rate = float(np.mean(np.concatenate(labels)))
    width = products.shape[0]
    ridge = np.full((width, 1), penalty)
    ridge[0] = 0.0
    for kind, weight in (("null", rate * (1.0 - rate)), ("bound", 0.25)):
        inverse = np.linalg.inv(products * weight + np.diag(ridge[:, 0]))
        coefficients = np.zeros((width, refits))
        coefficients[0] = np.log(rate / (1.0 - rate))
        for _ in range(MOST_ROUNDS[kind]):
            arguments = [(train, part, coefficients) for part in shuffled]
            slope = sum(blocks.map_each(_slopes, arguments)) + ridge * coefficients
            step = inverse @ slope
            coefficients = coefficients - step
            if float(np.max(np.abs(step))) < TOLERANCE:
                scores, positive = scores_of(blocks, *held_out, coefficients)
                return np.array([area(scores[:, index], positive) for index in range(refits)])
    raise StepFailedError("a refit on permuted labels did not converge", remedy="raise the penalty")
