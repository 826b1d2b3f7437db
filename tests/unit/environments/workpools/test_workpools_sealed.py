from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import UsageError
from data_contracts.labels import Classification
from environments.profile import Profile, StepGrant
from environments.workpools.catalogue import RunContext
from environments.workpools.sealed import Request, admit, find_marker

PROFILE = Profile("cloud", "cloud", "DE", Classification.CONFIDENTIAL, steps=(StepGrant("demo.step"),))


@dataclass(frozen=True)
class Step:
    flow_name: str = "demo.step"
    queue: Literal["pipelines", "steps"] = "steps"
    seen: list[tuple[object, object]] = field(default_factory=list)

    def validate(self, parameters: Mapping[str, object], grant: StepGrant | None) -> Mapping[str, object]:
        self.seen.append((dict(parameters), grant))
        if "bad" in parameters:
            raise UsageError("bad is no parameter of it")
        return parameters

    def execute(self, run: RunContext) -> None:
        raise AssertionError(run)


class Catalogue:
    def __init__(self, *steps: Step) -> None:
        self._steps = {step.flow_name: step for step in steps}

    def find(self, flow_name: str) -> Step | None:
        return self._steps.get(flow_name)


def request(**changes: Any) -> Request:
    values: dict[str, Any] = {
        "flow_name": "demo.step",
        "deployment_name": "cloud",
        "queue": "steps",
        "parameters": {"ref": 1},
    }
    return Request(**(values | changes))


def test_a_listed_step_with_good_parameters_is_admitted_with_its_grant() -> None:
    step = Step()
    admitted = admit(request(), PROFILE, Catalogue(step))
    assert (admitted.runnable, admitted.queue) == (step, "steps")
    assert step.seen == [({"ref": 1}, PROFILE.grant("demo.step"))]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"deployment_name": None}, "no deployment"),
        ({"deployment_name": "edge"}, "for another environment"),
        ({"flow_name": "demo.other"}, "not installed here"),
        ({"queue": "pipelines"}, "belongs in the queue steps"),
        ({"parameters": {"bad": "a value that is secret"}}, "bad is no parameter of it"),
        ({"parameters": {"a": {"__prefect_kind": "jinja"}}}, "ask for something to be fetched"),
        ({"parameters": {"a": [{"$ref": {"block_document_id": "x"}}]}}, "ask for something to be fetched"),
    ],
)
def test_anything_else_is_refused_with_a_reason(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match="refused by cloud") as refused:
        admit(request(**changes), PROFILE, Catalogue(Step()))
    assert why in str(refused.value)
    assert "secret" not in str(refused.value)


def test_what_is_installed_but_not_listed_is_refused_before_it_is_asked() -> None:
    hidden = Step("demo.hidden")
    with pytest.raises(UsageError, match=r"the environment's file does not list demo\.hidden"):
        admit(request(flow_name="demo.hidden"), PROFILE, Catalogue(hidden))
    assert hidden.seen == []


def test_a_catalogue_that_answers_to_another_name_is_not_believed() -> None:
    class Loose(Catalogue):
        def find(self, flow_name: str) -> Step | None:  # noqa: ARG002 - it answers to everything
            return Step()

    with pytest.raises(UsageError, match="not installed"):
        admit(request(flow_name="Demo.Step"), PROFILE, Loose())


def test_a_name_of_the_servers_cannot_break_a_line_of_the_log() -> None:
    with pytest.raises(UsageError) as refused:
        admit(request(flow_name="evil\nWARNING forged" + "x" * 500), PROFILE, Catalogue())
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


@given(
    JSON,
    st.sampled_from(["__prefect_kind", "__prefect_new_thing", "$ref"]),
    st.lists(st.booleans(), max_size=6),
)
def test_a_marker_is_found_wherever_it_is(value: object, marker: str, path: list[bool]) -> None:
    hidden: object = {"x": value, marker: value}
    for step in path:
        hidden = [value, hidden] if step else {"y": value, "z": hidden}
    assert find_marker(hidden) == marker


@given(JSON)
def test_honest_values_hold_no_marker(value: object) -> None:
    assert find_marker(value) is None


def test_a_value_too_deep_to_look_through_counts_as_one() -> None:
    value: object = 1
    for _ in range(5000):
        value = [value]
    assert find_marker(value) is not None
