"""What a step may be, said when it is written and not when it runs."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from data_contracts.errors import UsageError
from environments.ref import AssetRef
from tasks.steps import StepRun, made_under, same_as, step

REF = AssetRef("tests", "here", "sha256:" + "b" * 64, "hospital.covid-tests@1.0.0")


class Pair(NamedTuple):
    good: AssetRef
    bad: AssetRef
    rows: int


class Texts(NamedTuple):
    text: str


@step(purpose="quality", outputs={"good": same_as("tests"), "bad": same_as("tests", checked=False)})
def divide(run: StepRun, tests: AssetRef, strict: bool = True) -> Pair:
    """Divide the tests.

    At length.
    """
    raise NotImplementedError


def test_a_step_knows_its_shape() -> None:
    assert (divide.name, divide.purpose, divide.description) == ("divide", "quality", "Divide the tests.")
    assert list(divide.inputs) == ["tests", "strict"]
    assert divide.defaults == {"strict": True}
    assert list(divide.results) == ["good", "bad", "rows"]


def test_arguments_are_bound_by_place_and_name_with_defaults() -> None:
    assert divide.bind((REF,), {}) == {"tests": REF, "strict": True}
    assert divide.bind((), {"strict": False, "tests": REF}) == {"tests": REF, "strict": False}
    for args, kwargs in (((), {}), ((REF, True, 3), {}), ((REF,), {"tests": REF}), ((REF,), {"other": 1})):
        with pytest.raises(UsageError):
            divide.bind(args, kwargs)


def test_results_must_be_what_was_declared() -> None:
    assert divide.unpack(Pair(REF, REF, 3)) == {"good": REF, "bad": REF, "rows": 3}
    for wrong in ((REF, REF, 3), None, Pair(REF, "text", 3), Pair(REF, REF, "Jane")):  # type: ignore[arg-type]
        with pytest.raises(UsageError) as caught:
            divide.unpack(wrong)
        assert "Jane" not in str(caught.value)


def test_a_call_outside_a_pipeline_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="outside a pipeline") as caught:
        divide(REF)
    assert "divide.fn(run, …)" in caught.value.remedy


def test_the_first_parameter_must_be_the_run() -> None:
    with pytest.raises(UsageError, match="run: StepRun"):

        @step(purpose="quality")  # type: ignore[arg-type]
        def wrong(tests: AssetRef) -> None: ...


def test_a_free_string_is_no_parameter() -> None:
    with pytest.raises(UsageError, match="step wrong, note"):

        @step(purpose="quality")
        def wrong(run: StepRun, note: str) -> None: ...


def test_star_parameters_are_refused() -> None:
    with pytest.raises(UsageError, match="name each parameter"):

        @step(purpose="quality")
        def wrong(run: StepRun, *tests: AssetRef) -> None: ...


def test_every_asset_that_comes_out_is_declared() -> None:
    with pytest.raises(UsageError, match="results and outputs differ: bad"):

        @step(purpose="quality", outputs={"good": same_as("tests")})
        def wrong(run: StepRun, tests: AssetRef) -> Pair: ...


def test_one_asset_needs_one_output() -> None:
    with pytest.raises(UsageError, match="exactly one entry"):

        @step(purpose="quality", outputs={"a": made_under("x"), "b": made_under("x")})
        def wrong(run: StepRun, tests: AssetRef) -> AssetRef: ...


def test_a_text_is_no_result() -> None:
    with pytest.raises(UsageError, match="must be an AssetRef, int, float or bool"):

        @step(purpose="quality")
        def wrong(run: StepRun, tests: AssetRef) -> Texts: ...


def test_same_as_must_name_an_input() -> None:
    with pytest.raises(UsageError, match="which is no input"):

        @step(purpose="quality", outputs={"good": same_as("test")})
        def wrong(run: StepRun, tests: AssetRef) -> AssetRef: ...


def test_an_output_may_be_named_by_its_contract_alone() -> None:
    @step(purpose="reporting", outputs={"summary": "hospital.positivity-summary"})
    def aggregate(run: StepRun, tests: AssetRef) -> AssetRef:
        raise NotImplementedError

    assert aggregate.outputs["summary"].contract == "hospital.positivity-summary"
