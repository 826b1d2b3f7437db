"""Ridge logistic regression by Newton's method, from sums that partitions contribute.

The loss is the sum over rows of the negative log-likelihood plus ``penalty / 2`` times the squared
coefficients, intercept excepted. Its gradient and Hessian are sums over rows, so each partition
returns its own and the sums are the same for every partitioning, up to rounding. For ``penalty > 0``
the loss is strictly convex: one optimum, which Newton with halved steps reaches from zero
(Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd ed., §4.4.1 and §4.4.4).

Several problems (penalties, folds) are solved side by side, so that one pass over the partitions
serves them all. Weights say which rows belong to which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import StepFailedError

__all__ = ["Partial", "Problem", "curvature", "newton", "probabilities"]

Matrix = NDArray[np.float64]
TOLERANCE = 1e-10
MOST_STEPS = 60
MOST_HALVINGS = 30


@dataclass(frozen=True)
class Problem:
    """One fit.

    Attributes:
        penalty: of the squared coefficients, above zero.
        first: the first day whose rows take part.
        last: the last day whose rows take part.
    """

    penalty: float
    first: int
    last: int


@dataclass(frozen=True)
class Partial:
    """One partition's share of one problem: loss, gradient (p) and Hessian (p, p), without penalty."""

    loss: float
    gradient: Matrix
    hessian: Matrix

    def __add__(self, other: Partial) -> Partial:
        """Add two shares."""
        return Partial(self.loss + other.loss, self.gradient + other.gradient, self.hessian + other.hessian)


Gather = Callable[[Sequence[tuple[Problem, Matrix]]], list[Partial]]
"""Sums of all partitions' shares, one for each (problem, coefficients)."""


def probabilities(matrix: Matrix, coefficients: Matrix) -> Matrix:
    """Return 1 / (1 + exp(-score)) without overflow."""
    score = matrix @ coefficients
    tail = np.exp(-np.abs(score))
    return np.asarray(np.where(score >= 0, 1.0, tail) / (1.0 + tail), dtype=np.float64)


def curvature(matrix: Matrix, positive: Matrix, coefficients: Matrix) -> Partial:
    """Return these rows' loss, gradient and Hessian at `coefficients`.

    Args:
        matrix: rows by columns.
        positive: 1.0 or 0.0 for each row.
        coefficients: one for each column.
    """
    score = matrix @ coefficients
    expected = probabilities(matrix, coefficients)
    loss = float(np.sum(np.logaddexp(0.0, score) - positive * score))
    weight = expected * (1.0 - expected)
    return Partial(loss, matrix.T @ (expected - positive), (matrix * weight[:, None]).T @ matrix)


def _penalised(problem: Problem, coefficients: Matrix, partial: Partial) -> Partial:
    ridge = np.full(len(coefficients), problem.penalty)
    ridge[0] = 0.0
    return Partial(
        partial.loss + 0.5 * float(ridge @ coefficients**2),
        partial.gradient + ridge * coefficients,
        partial.hessian + np.diag(ridge),
    )


def newton(problems: Sequence[Problem], width: int, gather: Gather) -> list[Matrix]:
    """Solve all problems together.

    Args:
        problems: what to solve.
        width: number of coefficients, the intercept first.
        gather: the sums over all partitions.

    Returns:
        Each problem's coefficients, converged to steps below 1e-10.

    Raises:
        StepFailedError: a problem did not converge: a penalty of zero, or rows of one class only.
    """
    solved: dict[int, Matrix] = {}
    at = dict.fromkeys(range(len(problems)), np.zeros(width))
    now = _sums(problems, at, gather)
    for _ in range(MOST_STEPS):
        steps = {index: _step(now[index]) for index in at}
        done = {index for index, step in steps.items() if float(np.max(np.abs(step))) < TOLERANCE}
        solved.update({index: at[index] - steps[index] for index in done})
        at = {index: place for index, place in at.items() if index not in done}
        if not at:
            return [solved[index] for index in range(len(problems))]
        at, now = _descend(problems, at, now, steps, gather)
    raise StepFailedError("the fit did not converge", remedy="raise the penalty, or look at the labels")


def _sums(problems: Sequence[Problem], at: dict[int, Matrix], gather: Gather) -> dict[int, Partial]:
    sums = gather([(problems[index], place) for index, place in at.items()])
    return {
        index: _penalised(problems[index], place, total)
        for (index, place), total in zip(at.items(), sums, strict=True)
    }


def _step(total: Partial) -> Matrix:
    try:
        return np.asarray(np.linalg.solve(total.hessian, total.gradient), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise StepFailedError(
            "the fit has no single optimum", remedy="use a penalty above zero, and rows of both classes"
        ) from None


def _descend(
    problems: Sequence[Problem],
    at: dict[int, Matrix],
    now: dict[int, Partial],
    steps: dict[int, Matrix],
    gather: Gather,
) -> tuple[dict[int, Matrix], dict[int, Partial]]:
    """Take each step, halved until the loss does not grow (it always stops growing: the step descends)."""
    reached: dict[int, Matrix] = {}
    found: dict[int, Partial] = {}
    scale = 1.0
    for _ in range(MOST_HALVINGS):
        trial = {index: at[index] - scale * steps[index] for index in at if index not in reached}
        if not trial:
            return reached, found
        for index, total in _sums(problems, trial, gather).items():
            slack = 1e-12 * (1.0 + abs(now[index].loss))
            if total.loss <= now[index].loss + slack:
                reached[index], found[index] = trial[index], total
        scale /= 2.0
    if len(reached) < len(at):
        raise StepFailedError("the fit did not converge", remedy="raise the penalty, or look at the labels")
    return reached, found
