"""What a model gets that learned nothing: refits on permuted labels, scored on the true held-out ones.

The labels of the training rows are shuffled over all of them, the model is refitted with the same
penalty, and its AUC on the held-out days is taken. A real signal lies above the 99th percentile.

All refits share one approximation of the Hessian (that of the model with an intercept alone), which
turns a round into two matrix products for all of them together. It changes the path, not the end:
each refit is iterated until its own step vanishes, and where that one does not lead there Böhning
and Lindsay's bound (1988), a quarter of the rows' cross products, does, more slowly, always.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import StepFailedError
from tasks.steps.cluster import Held
from tasks.training.blocks import Encoded
from tasks.training.logistic import probabilities
from tasks.training.ranking import area
from tasks.training.selection import scores_of

__all__ = ["REFITS", "null_areas"]

Matrix = NDArray[np.float64]

REFITS = 200
TOLERANCE = 1e-7
MOST_ROUNDS = 40
MOST_BOUND_ROUNDS = 2000


@dataclass(frozen=True)
class _Shuffles:
    """What a worker needs to make the permuted labels of its own block.

    Attributes:
        labels: of all training rows, in order; one byte each.
        starts: where each block's rows begin.
        last: last day of training.
        refits: how many permutations.
        seed: the same seed gives the same permutations for every partitioning.
    """

    labels: bytes
    starts: tuple[int, ...]
    last: int
    refits: int
    seed: int


@lru_cache(maxsize=1)
def _permuted(labels: bytes, refits: int, seed: int) -> NDArray[np.bool_]:
    """Return rows by permutations; kept, since a fit asks for them in every round."""
    whole = np.frombuffer(labels, dtype=np.bool_)
    random = np.random.default_rng(seed)
    return np.column_stack([random.permutation(whole) for _ in range(refits)])


def _labels(block: Encoded, last: int) -> NDArray[np.bool_]:
    return block.rows(0, last)[1] > 0


def _products(block: Encoded, last: int) -> Matrix:
    matrix, _ = block.rows(0, last)
    return matrix.T @ matrix


def _slopes(block: Encoded, shuffles: _Shuffles, coefficients: Matrix) -> Matrix:
    matrix, _ = block.rows(0, shuffles.last)
    start = shuffles.starts[block.place]
    labels = _permuted(shuffles.labels, shuffles.refits, shuffles.seed)[start : start + len(matrix)]
    return matrix.T @ (probabilities(matrix, coefficients) - labels)


def _refit(blocks: Held, shuffles: _Shuffles, penalty: float) -> Matrix:
    """Return every refit's coefficients, one column each."""
    products = sum(blocks.map(_products, shuffles.last))
    rate = float(np.mean(np.frombuffer(shuffles.labels, dtype=np.bool_)))
    if not 0.0 < rate < 1.0:
        raise StepFailedError("training rows of one result only", remedy="choose other days")
    ridge = np.full((len(products), 1), penalty)
    ridge[0] = 0.0
    for weight, rounds in ((rate * (1.0 - rate), MOST_ROUNDS), (0.25, MOST_BOUND_ROUNDS)):
        inverse = np.linalg.inv(products * weight + np.diag(ridge[:, 0]))
        coefficients: Matrix = np.zeros((len(products), shuffles.refits))
        coefficients[0] = np.log(rate / (1.0 - rate))
        for _ in range(rounds):
            step = inverse @ (sum(blocks.map(_slopes, shuffles, coefficients)) + ridge * coefficients)
            coefficients = coefficients - step
            if float(np.max(np.abs(step))) < TOLERANCE:
                return coefficients
    raise StepFailedError("a refit on permuted labels did not converge", remedy="raise the penalty")


def null_areas(
    blocks: Held,
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
        seed: of the shuffles.

    Raises:
        StepFailedError: a refit does not converge.
    """
    labels: list[NDArray[np.bool_]] = blocks.map(_labels, train)
    starts = (0, *np.cumsum([len(part) for part in labels]).tolist())
    shuffles = _Shuffles(np.concatenate(labels).tobytes(), starts, train, refits, seed)
    scores, positive = scores_of(blocks, *held_out, _refit(blocks, shuffles, penalty))
    return np.array([area(scores[:, index], positive) for index in range(refits)])
