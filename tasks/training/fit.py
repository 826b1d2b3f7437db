"""The whole fit, over blocks wherever they are: encode, choose the penalty, fit, judge.

Fitted on the rows up to the study's `train_last`, judged on its `held_out`, which nothing before the
judgement looks at. (Places in a study's order are days for the hospital; here all of them are called so.)
The result is rounded to nine decimals: what is exported is exactly what is reported, and another
partitioning, whose sums differ in their last bits, gives the same model.

What the judgement does not say: patients come more than once, and some stand on both sides of the
split, so the standard error (which takes rows as independent) is a little too small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.steps.cluster import Held
from tasks.training.blocks import Source, encode, tally_days
from tasks.training.encoding import Encoder
from tasks.training.features import HOSPITAL
from tasks.training.logistic import Problem, newton
from tasks.training.permutation import null_areas
from tasks.training.ranking import area, standard_error
from tasks.training.selection import Selection, gather_over, scores_of, select
from tasks.training.study import Study

__all__ = ["HELD_OUT", "TRAIN_LAST", "Fitted", "Judgement", "fit"]

Matrix = NDArray[np.float64]

TRAIN_LAST, HELD_OUT = HOSPITAL.train_last, HOSPITAL.held_out
"""The hospital's."""
DECIMALS = 9


@dataclass(frozen=True)
class Judgement:
    """How the model does on days it never saw.

    Attributes:
        auc: held out.
        error: Hanley and McNeil's standard error of it.
        chance: the 99th percentile of the AUC of refits on permuted labels.
        rows: held-out rows.
        positives: how many of them were positive.
        expected: how many the probabilities sum to (calibration in the large).
    """

    auc: float
    error: float
    chance: float
    rows: int
    positives: int
    expected: float

    @property
    def better_than_chance(self) -> bool:
        """Whether the AUC lies above what models that learned nothing reach."""
        return self.auc > self.chance


@dataclass(frozen=True)
class Fitted:
    """A model and its story.

    Attributes:
        encoder: columns to numbers.
        coefficients: one for each of `encoder.names`.
        selection: how the penalty was chosen.
        judgement: on held-out days.
        rows: training rows.
        invalid: rows left out, on all days, because the test gave no result.
    """

    encoder: Encoder
    coefficients: Matrix
    selection: Selection
    judgement: Judgement
    rows: int
    invalid: int


def fit(source: Source) -> Fitted:
    """Fit and judge the model.

    Args:
        source: the rows, in a fixed order.

    Raises:
        StepFailedError: rows of one result only, or no convergence.
    """
    study = source.study
    tallies = source.map(tally_days, study.train_last, study)
    encoder = Encoder.learn((found for found, _, _ in tallies), study)
    numbers = source.hold(encode, encoder)
    width = len(encoder.names)
    selection = select(numbers, width, study.folds)
    (exact,) = newton([Problem(selection.penalty, 0, study.train_last)], width, gather_over(numbers))
    coefficients = np.round(exact, DECIMALS)
    return Fitted(
        encoder,
        coefficients,
        selection,
        _judge(numbers, selection.penalty, coefficients, study),
        sum(rows for _, rows, _ in tallies),
        sum(invalid for _, _, invalid in tallies),
    )


def _judge(blocks: Held, penalty: float, coefficients: Matrix, study: Study) -> Judgement:
    scores, positive = scores_of(blocks, *study.held_out, coefficients[:, None])
    auc, positives = area(scores[:, 0], positive), int(positive.sum())
    chance = null_areas(blocks, penalty, study.train_last, study.held_out)
    return Judgement(
        auc,
        standard_error(auc, positives, len(positive) - positives),
        float(np.quantile(chance, 0.99)),
        len(positive),
        positives,
        float(scores.sum()),
    )
