"""A pipeline is planned by tracing: symbols cannot be looked into, both arms are seen, ids stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest

from data_contracts.errors import UsageError
from flows.runtime import AssetRef, Between, PlanError, latest, pipeline, sync, when
from flows.runtime.program import ChoiceNode, RequireNode, StepNode, SyncNode, walk
from flows.runtime.symbols import Link
from tasks.steps import StepRun, same_as, step


class Divided(NamedTuple):
    good: AssetRef
    bad: AssetRef
    rows: int


@step(purpose="quality", outputs={"good": same_as("tests"), "bad": same_as("tests", checked=False)})
def divide(run: StepRun, tests: AssetRef) -> Divided:
    raise AssertionError(run, tests)  # a step's code does not run when a pipeline is traced


@step(purpose="model-training", outputs={"model": "hospital.result-model"})
def train(run: StepRun, tests: AssetRef, rounds: int = 3) -> AssetRef:
    raise AssertionError(run, tests, rounds)


@step(purpose="statistics")
def count(run: StepRun, tests: AssetRef) -> int:
    raise AssertionError(run, tests)


TESTS = latest("covid_tests", environment="onprem")


def traced(body: Callable[..., Any], **given: object) -> Any:
    return pipeline(home="onprem", name="p")(body).trace(given)


def test_calls_are_recorded_in_order_with_their_links() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        parts = divide.on("onprem")(tests)
        train(parts.good, rounds=5)

    first, second = traced(body).nodes
    assert isinstance(first, StepNode)
    assert isinstance(second, StepNode)
    assert (first.id, first.pinned, first.arguments) == ("divide", "onprem", {"tests": Link("tests", "ref")})
    assert (second.id, second.pinned) == ("train", None)
    assert second.arguments == {"tests": Link("divide", "good"), "rounds": 5}


def test_results_may_be_unpacked_as_the_tuple_that_they_are() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        good, _bad, _rows = divide(tests)
        train(good)

    assert traced(body).nodes[1].arguments["tests"] == Link("divide", "good")


def test_both_arms_are_traced_and_a_permission_defaults_to_what_arrived() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        clean = when(
            sync(tests, to="cloud", purpose="model-training"),
            permitted=lambda: tests,
            broken=lambda: divide.on("onprem")(tests).good,
        )
        train(clean)
        when(sync(tests, to="cloud", purpose="marketing"), denied=lambda: None)

    program = traced(body)
    choice = program.nodes[1]
    assert isinstance(choice, ChoiceNode)
    assert list(choice.arms) == ["permitted", "broken"]
    assert [node.id for node in choice.arms["broken"].nodes] == ["divide"]
    assert program.nodes[2].arguments["tests"] == Link("sync-when", "chosen")
    last = program.nodes[4]
    assert isinstance(last, ChoiceNode)
    assert last.arms["permitted"].result == Link("sync-2", "arrived")
    assert last.arms["denied"].result is None


def test_ids_are_the_same_each_time_and_unique() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        for _ in range(3):
            train(divide(tests).good)

    first, second = traced(body), traced(body)
    ids = [node.id for node in walk(first.nodes)]
    assert ids == ["divide", "train", "divide-2", "train-2", "divide-3", "train-3"]
    assert first == second


def test_a_sync_knows_whether_anybody_handles_how_it_ends() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        sync(tests, to="cloud", purpose="a")
        sync(tests, to="cloud", purpose="b").require()
        when(sync(tests, to="cloud", purpose="c"), denied=lambda: None)

    nodes = traced(body).nodes
    assert [node.handled for node in nodes if isinstance(node, SyncNode)] == [False, True, True]
    assert [type(node) for node in nodes].count(RequireNode) == 1


LOOKS: dict[str, Callable[[Any], object]] = {
    "branches": lambda ref: 1 if ref else 2,
    "compares": lambda ref: ref == "x",
    "orders": lambda ref: ref < 3,
    "prints": lambda ref: f"{ref}",
    "texts": str,
    "counts": len,
    "iterates": list,
    "indexes": lambda ref: ref[0],
    "attribute": lambda ref: ref.version,
    "computes": lambda ref: ref + 1,
    "negates": lambda ref: not ref,
    "numbers": int,
    "calls": lambda ref: ref(),
    "contains": lambda ref: "x" in ref,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
@pytest.mark.parametrize("what", ["ref", "value", "outcome", "result"])
def test_looking_inside_raises_with_file_and_line(look: Callable[[Any], object], what: str) -> None:
    def body(tests: AssetRef = TESTS) -> None:
        symbols: dict[str, Any] = {"ref": tests, "value": count(tests), "result": divide(tests).rows}
        symbols["outcome"] = sync(tests, to="cloud", purpose="x")
        look(symbols[what])

    with pytest.raises(PlanError) as caught:
        traced(body)
    file, _, line = caught.value.place.rpartition(":")
    assert Path(file) == Path(__file__)
    assert int(line) > 0
    assert str(caught.value).startswith(caught.value.place)
    assert "when(" in caught.value.remedy


def test_the_line_is_the_one_that_looks() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        train(tests)
        if tests:  # the line that is meant
            train(tests)

    with pytest.raises(PlanError) as caught:
        traced(body)
    number = int(caught.value.place.rpartition(":")[2])
    assert "the line that is meant" in Path(__file__).read_text(encoding="utf-8").splitlines()[number - 1]


def test_a_number_of_a_step_may_be_handed_on_but_not_looked_at() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        train(tests, rounds=count(tests))

    assert traced(body).nodes[1].arguments["rounds"] == Link("count", "value")


@pytest.mark.parametrize(
    "body",
    [
        lambda tests=TESTS: train(divide(tests)),
        lambda tests=TESTS: train(sync(tests, to="cloud", purpose="x")),
        lambda tests=TESTS: (tests, train("covid_tests")),
        lambda tests=TESTS: train(tests, rounds="many"),
        lambda tests=TESTS: (tests, sync("covid_tests", to="cloud", purpose="x")),
        lambda tests=TESTS: (tests, sync([], to="cloud", purpose="x")),
        lambda tests=TESTS: sync([tests, "covid_tests"], to="cloud", purpose="x"),
        lambda tests=TESTS: sync([tests, tests], to="cloud", purpose="x"),
        lambda tests=TESTS: when(tests, denied=lambda: None),
        lambda tests=TESTS: when(sync(tests, to="cloud", purpose="x"), permitted=lambda: tests),
        lambda tests=TESTS: when(sync(tests, to="cloud", purpose="x"), denied=lambda: 3),
    ],
)
def test_what_cannot_be_planned_is_refused_at_its_place(body: Callable[..., Any]) -> None:
    with pytest.raises(PlanError) as caught:
        traced(body)
    assert caught.value.place.startswith(__file__)


def test_what_an_arm_made_cannot_be_used_outside_it() -> None:
    held: list[AssetRef] = []

    def body(tests: AssetRef = TESTS) -> None:
        def arm() -> AssetRef:
            held.append(divide(tests).good)
            return held[0]

        when(sync(tests, to="cloud", purpose="x"), permitted=lambda: tests, broken=arm)
        train(held[0])

    with pytest.raises(PlanError, match="made elsewhere"):
        traced(body)


def test_a_ref_of_another_trace_is_refused() -> None:
    held: list[AssetRef] = []

    def first(tests: AssetRef = TESTS) -> None:
        held.append(divide(tests).good)

    def second(tests: AssetRef = TESTS) -> None:
        divide(tests)  # has the id that the other trace's had
        train(held[0])

    traced(first)
    with pytest.raises(PlanError, match="made elsewhere"):
        traced(second)


def test_a_step_must_be_known_to_the_pipelines_module() -> None:
    @step(purpose="quality")
    def hidden(run: StepRun, tests: AssetRef) -> None:
        raise AssertionError(run, tests)

    with pytest.raises(PlanError, match="does not hold the step hidden"):
        traced(lambda tests=TESTS: hidden(tests))


def test_parameters_that_are_no_assets_are_values_and_may_branch() -> None:
    def body(
        tests: AssetRef = TESTS,
        rhythm: Literal["daily", "weekly"] = "daily",
        share: Annotated[float, Between(0, 1)] = 0.5,
    ) -> None:
        if rhythm == "weekly" and share > 0.4:
            train(tests)

    assert len(traced(body).nodes) == 0
    assert len(traced(body, rhythm="weekly").nodes) == 1
    wrongs: list[dict[str, object]] = [
        {"rhythm": "hourly"},
        {"share": 2.75},
        {"share": "0.25"},
        {"other": "Jane"},
        {"tests": "Not A Name"},
    ]
    for wrong in wrongs:
        with pytest.raises(UsageError) as caught:
            traced(body, **wrong)
        assert str(next(iter(wrong.values()))) not in str(caught.value)


def test_an_asset_parameter_takes_latest_or_one_version() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        train(tests)

    version = "sha256:" + "c" * 64
    assert traced(body, tests=f"other@{version}").sources[0].version == version
    assert traced(body, tests="other@latest").sources[0].name == "other"
    assert traced(body).sources[0].version is None


def test_a_parameter_needs_a_default() -> None:
    def body(tests: AssetRef) -> None:
        train(tests)

    with pytest.raises(UsageError, match="without a default"):
        traced(body)


def test_calls_outside_a_pipeline_say_so() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        train(tests)

    made = pipeline(home="onprem", name="p")(body)
    with pytest.raises(UsageError, match="called like a function"):
        made()
    with pytest.raises(UsageError, match="outside a pipeline"):
        sync(TESTS, to="cloud", purpose="x")
