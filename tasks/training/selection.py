"""The penalty, chosen by looking only at training days.

Forward chaining, because the model will be used on later days than it was fitted on: fit up to a
day, score the ten days after it, and move on. Among the penalties the largest is taken whose mean
AUC is within one standard error of the best (Breiman, Friedman, Olshen and Stone, 1984, §3.4.3):
the signal is weak, so what the folds cannot tell apart is decided for the simpler model.

The encoder's levels and moments come from all training days; no label enters them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.steps.cluster import Held
from tasks.training.blocks import Encoded, share
from tasks.training.logistic import Partial, Problem, newton, probabilities
from tasks.training.ranking import area

__all__ = ["PENALTIES", "Selection", "gather_over", "one_standard_error", "scores_of", "select"]

Matrix = NDArray[np.float64]

PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


@dataclass(frozen=True)
class Selection:
    """What the folds said.

    Attributes:
        penalty: the one chosen.
        areas: penalty to the AUC in each fold.
    """

    penalty: float
    areas: dict[float, tuple[float, ...]]


def gather_over(blocks: Held) -> Callable[[Sequence[tuple[Problem, Matrix]]], list[Partial]]:
    """Return the sums over all blocks, as `newton` asks for them."""

    def gather(points: Sequence[tuple[Problem, Matrix]]) -> list[Partial]:
        totals: list[Partial] | None = None
        for shares in blocks.map(share, list(points)):
            totals = shares if totals is None else [a + b for a, b in zip(totals, shares, strict=True)]
        return totals or []

    return gather


def scores_of(blocks: Held, first: int, last: int, coefficients: Matrix) -> tuple[Matrix, Matrix]:
    """Return probabilities (rows, models) and labels (rows) of some days.

    Args:
        blocks: encoded blocks.
        first: first day.
        last: last day.
        coefficients: one column for each model.
    """
    parts = blocks.map(_score, first, last, coefficients)
    return np.vstack([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _score(block: Encoded, first: int, last: int, coefficients: Matrix) -> tuple[Matrix, Matrix]:
    matrix, positive = block.rows(first, last)
    return probabilities(matrix, coefficients), positive


def one_standard_error(areas: dict[float, tuple[float, ...]]) -> float:
    """Return the largest penalty within one standard error of the best mean AUC."""
    means = {penalty: float(np.mean(found)) for penalty, found in areas.items()}
    best = max(means, key=lambda penalty: (means[penalty], penalty))
    folds = areas[best]
    error = float(np.std(folds, ddof=1)) / math.sqrt(len(folds))
    return max(penalty for penalty, mean in means.items() if mean >= means[best] - error)


def select(blocks: Held, width: int, folds: Sequence[tuple[int, int]]) -> Selection:
    """Choose the penalty; all penalties and folds are fitted side by side.

    Args:
        blocks: encoded blocks.
        width: number of coefficients.
        folds: (last day fitted on, last day scored).
    """
    grid = [(penalty, fold) for fold in folds for penalty in PENALTIES]
    problems = [Problem(penalty, 0, fitted) for penalty, (fitted, _) in grid]
    solved = newton(problems, width, gather_over(blocks))
    areas: dict[float, list[float]] = {penalty: [] for penalty in PENALTIES}
    for fold in folds:
        mine = [index for index, (_, other) in enumerate(grid) if other == fold]
        columns = np.column_stack([solved[index] for index in mine])
        scores, positive = scores_of(blocks, fold[0] + 1, fold[1], columns)
        for column, index in enumerate(mine):
            areas[grid[index][0]].append(round(area(scores[:, column], positive), 9))
    found = {penalty: tuple(values) for penalty, values in areas.items()}
    return Selection(one_standard_error(found), found)
