"""The fit against what it must be: an optimum, the same however the rows are grouped."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import StepFailedError
from tasks.training.blocks import Source, encode, tally_days
from tasks.training.encoding import POOL, RARE, Encoder, Moments
from tasks.training.fit import TRAIN_LAST, Fitted, fit
from tasks.training.logistic import Problem, curvature, newton, probabilities
from tasks.training.permutation import null_areas
from tasks.training.ranking import area, standard_error
from tasks.training.selection import PENALTIES, gather_over, one_standard_error


def pieces(frame: pl.DataFrame, count: int) -> Source:
    size = -(-frame.height // count)
    return Source.of_frames([frame[index * size : (index + 1) * size] for index in range(count)])


def learn(source: Source) -> Encoder:
    return Encoder.learn(found for found, _, _ in source.map(tally_days, TRAIN_LAST))


def raw_coefficients(frame: pl.DataFrame, count: int) -> np.ndarray:
    """The coefficients before they are rounded, so that rounding cannot hide a difference."""
    source = pieces(frame, count)
    encoder = learn(source)
    numbers = source.hold(encode, encoder)
    (found,) = newton([Problem(100.0, 0, TRAIN_LAST)], len(encoder.names), gather_over(numbers))
    return found


def test_the_same_coefficients_on_1_2_and_7_partitions(arrived: pl.DataFrame) -> None:
    one = raw_coefficients(arrived, 1)
    assert np.max(np.abs(one)) > 0.1
    for count in (2, 7):
        assert np.max(np.abs(raw_coefficients(arrived, count) - one)) < 1e-6


def test_the_whole_model_is_the_same_on_7_partitions(arrived: pl.DataFrame, fitted: Fitted) -> None:
    again = fit(pieces(arrived, 7))
    assert again.encoder == fitted.encoder
    assert np.array_equal(again.coefficients, fitted.coefficients)
    assert again.selection == fitted.selection
    assert again.judgement.auc == fitted.judgement.auc
    assert again.judgement.chance == pytest.approx(fitted.judgement.chance, abs=1e-6)


def test_it_ranks_better_than_chance_and_is_weak(fitted: Fitted) -> None:
    judgement = fitted.judgement
    assert judgement.auc >= 0.57
    assert judgement.auc > judgement.chance
    assert judgement.better_than_chance
    assert judgement.auc < 0.8
    assert (fitted.rows, judgement.rows, judgement.positives, fitted.invalid) == (10275, 3727, 193, 274)
    assert judgement.expected == pytest.approx(judgement.positives, rel=0.15)


def test_nothing_about_held_out_days_reaches_the_model(arrived: pl.DataFrame, fitted: Fitted) -> None:
    flipped = arrived.with_columns(
        result=pl.when(pl.col("pan_day") <= TRAIN_LAST)
        .then("result")
        .otherwise(
            pl.when(pl.col("result") == "positive").then(pl.lit("negative")).otherwise(pl.lit("positive"))
        ),
        clinic_name=pl.when(pl.col("pan_day") <= TRAIN_LAST)
        .then("clinic_name")
        .otherwise(pl.lit("elsewhere")),
    )
    again = fit(pieces(flipped, 1))
    assert np.array_equal(again.coefficients, fitted.coefficients)
    assert again.selection.penalty == fitted.selection.penalty


def test_the_optimum_is_one_no_direction_leads_down() -> None:
    random = np.random.default_rng(1)
    matrix = np.column_stack([np.ones(300), random.normal(size=(300, 3))])
    positive = (random.uniform(size=300) < probabilities(matrix, np.array([-1.0, 1.0, 0.0, -2.0]))).astype(
        float
    )

    def loss(point: np.ndarray) -> float:
        return curvature(matrix, positive, point).loss + 0.5 * 2.0 * float(point[1:] @ point[1:])

    (found,) = newton(
        [Problem(2.0, 0, 0)], 4, lambda points: [curvature(matrix, positive, at) for _, at in points]
    )
    for direction in np.vstack([np.eye(4), random.normal(size=(20, 4))]):
        for step in (1e-3, -1e-3):
            assert loss(found + step * direction) > loss(found)


def test_gradient_and_hessian_are_the_derivatives_of_the_loss() -> None:
    random = np.random.default_rng(2)
    matrix, point = random.normal(size=(50, 3)), random.normal(size=3)
    positive = (random.uniform(size=50) < 0.4).astype(float)
    here = curvature(matrix, positive, point)
    for index, unit in enumerate(np.eye(3) * 1e-5):
        above, below = (curvature(matrix, positive, point + sign * unit) for sign in (1, -1))
        assert (above.loss - below.loss) / 2e-5 == pytest.approx(here.gradient[index], rel=1e-5)
        assert (above.gradient - below.gradient) / 2e-5 == pytest.approx(here.hessian[index], rel=1e-4)


def test_separable_rows_without_a_penalty_are_an_error_and_no_endless_loop() -> None:
    matrix = np.column_stack([np.ones(6), np.arange(6.0)])
    positive = np.array([0.0, 0, 0, 1, 1, 1])
    with pytest.raises(StepFailedError):
        newton([Problem(0.0, 0, 0)], 2, lambda points: [curvature(matrix, positive, at) for _, at in points])


def test_extreme_scores_do_not_overflow() -> None:
    with np.errstate(over="raise", invalid="raise"):
        assert probabilities(np.array([[1e4], [-1e4]]), np.array([1.0])).tolist() == [1.0, 0.0]


def test_rare_levels_are_pooled_and_their_names_do_not_enter(arrived: pl.DataFrame, fitted: Fitted) -> None:
    valid = arrived.filter((pl.col("pan_day") <= TRAIN_LAST) & (pl.col("result") != "invalid"))
    counts = dict(valid["clinic_name"].value_counts().iter_rows())
    kept = set(fitted.encoder.levels["clinic_name"])
    assert kept == {name for name, count in counts.items() if count >= RARE}
    assert len(kept) < len(counts)
    assert f"clinic_name={POOL}" in fitted.encoder.names


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(0, 30))
def test_moments_merge_to_those_of_the_whole(values: list[float], cut: int) -> None:
    array = np.array(values)
    merged = Moments.of(array[:cut]) + Moments.of(array[cut:])
    assert merged.count == len(values)
    assert merged.mean == pytest.approx(array.mean(), abs=1e-6)
    assert merged.squares == pytest.approx(((array - array.mean()) ** 2).sum(), rel=1e-6, abs=1e-3)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=25).filter(
        lambda rows: len({label for _, label in rows}) == 2
    )
)
def test_the_area_is_the_share_of_pairs_ranked_right_with_ties_half(rows: list[tuple[int, bool]]) -> None:
    ups = [score for score, label in rows if label]
    downs = [score for score, label in rows if not label]
    wins = sum((up > down) + 0.5 * (up == down) for up in ups for down in downs)
    scores = np.array([float(score) for score, _ in rows])
    labels = np.array([float(label) for _, label in rows])
    assert area(scores, labels) == pytest.approx(wins / (len(ups) * len(downs)))


def test_one_class_has_no_area_and_says_so() -> None:
    with pytest.raises(StepFailedError):
        area(np.array([0.1, 0.2]), np.array([1.0, 1.0]))


def test_the_standard_error_is_that_of_hanley_and_mcneil() -> None:
    # Their example (Radiology 143:29, 1982): 51 abnormal, 58 normal, area 0.893.
    assert standard_error(0.893, 51, 58) == pytest.approx(0.032, abs=1e-3)


def test_among_penalties_that_the_folds_cannot_tell_apart_the_largest_is_chosen() -> None:
    assert one_standard_error({1.0: (0.6, 0.7), 10.0: (0.6, 0.69), 100.0: (0.5, 0.55)}) == 10.0
    assert one_standard_error({1.0: (0.6, 0.6), 10.0: (0.59, 0.59)}) == 1.0


def test_the_chosen_penalty_is_one_of_the_declared_and_not_at_the_edge(fitted: Fitted) -> None:
    assert fitted.selection.penalty in PENALTIES[1:-1]


def test_refits_on_permuted_labels_centre_on_chance_and_depend_only_on_the_seed(
    arrived: pl.DataFrame,
) -> None:
    encoder = learn(pieces(arrived, 1))
    one, seven = (pieces(arrived, count).hold(encode, encoder) for count in (1, 7))
    few = null_areas(one, 100.0, TRAIN_LAST, (81, 100), refits=40, seed=3)
    assert abs(float(few.mean()) - 0.5) < 0.04
    assert np.allclose(few, null_areas(seven, 100.0, TRAIN_LAST, (81, 100), refits=40, seed=3), atol=1e-6)
    assert not np.array_equal(few, null_areas(one, 100.0, TRAIN_LAST, (81, 100), refits=40, seed=4))


def test_the_shortcut_of_the_refits_ends_where_newton_does(arrived: pl.DataFrame) -> None:
    encoder = learn(pieces(arrived, 1))
    blocks = pieces(arrived, 1).hold(encode, encoder)
    whole = encode(0, arrived, encoder)
    found = null_areas(blocks, 30.0, TRAIN_LAST, (81, 100), refits=1, seed=5)[0]
    matrix, labels = whole.rows(0, TRAIN_LAST)
    shuffled = np.random.default_rng(5).permutation(labels > 0).astype(float)
    (exact,) = newton(
        [Problem(30.0, 0, 0)],
        len(encoder.names),
        lambda points: [curvature(matrix, shuffled, at) for _, at in points],
    )
    held, positive = whole.rows(81, 100)
    assert found == pytest.approx(area(probabilities(held, exact), positive), abs=1e-5)
    assert math.isfinite(found)
