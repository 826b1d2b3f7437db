"""The forms of text that may reach the control plane, and the fields that hold them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.apigate.answers import FLOW_RUN
from environments.apigate.checks import Passing, RefusedError
from environments.apigate.fields import CREATE, LABELS, LOGS, NEW_RUN, POOL, PROPOSAL, event
from environments.apigate.forms import is_ending, is_progress, is_tag, said_by_step
from environments.apigate.routes import ROUTES, find
from environments.apigate.speaker import Kind, Speaker
from tasks.steps.errors import BrokenRule, ContractBroken, CrossingDenied

RUN = "0f0e0d0c-0000-4000-8000-000000000000"
OTHER = "0f0e0d0c-0000-4000-8000-000000000001"
MARK = "[withheld: incident 1a2b3c4d5e6f]"
PHASES = frozenset({"fit", "set aside"})
DIGEST = "sha256:" + "0" * 64
REF = {"name": "tests", "environment": "cloud", "version": DIGEST, "contract": "a.b@1.0.0", "labels": {}}


def passing(kind: Kind = "step") -> Passing:
    speaker = Speaker(kind, None if kind == "worker" else RUN, PHASES)
    return Passing(speaker, "cloud", "1a2b3c4d5e6f", owns=lambda run: run == speaker.run)


@pytest.mark.parametrize("text", ["fit", "fit: 14,276 rows", "fit: 1.23 s", "set aside: 3 rows, 0.01 s"])
def test_progress_about_a_phase_of_the_code(text: str) -> None:
    assert is_progress(text, PHASES)


@pytest.mark.parametrize(
    "text",
    [
        "Jane Doe",
        "fit: Jane Doe",
        "fit: 3 rows of Jane",
        "fit: 3 rows\nJane",
        "fit\n",
        "Fit",
        "",
        "fit: 47",
        ": 3 rows",
    ],
)
def test_anything_else_is_no_progress(text: str) -> None:
    assert not is_progress(text, PHASES)


@given(st.text())
def test_no_text_that_the_code_does_not_name_is_progress(text: str) -> None:
    assert is_progress(text, frozenset()) is False


RULES = [BrokenRule("age.maximum", "unexpected_values", 3), BrokenRule("k", "not_evaluated")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "StepFailed: incident 4f1c2d3e4a5b",
        "StepFailed: incident unrecorded",
        f"{ContractBroken('tests', RULES)}",
        f"{CrossingDenied('an asset', RULES)}; incident 4f1c2d3e4a5b",
    ],
)
def test_the_endings_of_our_own_wrapper(text: str) -> None:
    assert is_ending(text)
    assert said_by_step(f"Failed: {text}", frozenset())


@pytest.mark.parametrize(
    "text",
    [
        "StepFailed: Jane Doe",
        "StepFailed: incident 4f1c2d3e4a5b Jane",
        f"{ContractBroken('tests', [BrokenRule('age', 'Jane is 47', 3)])}",
        f"{ContractBroken('Jane Doe', RULES)}",
        "denied",
    ],
)
def test_an_ending_with_anything_in_it_is_none(text: str) -> None:
    assert not is_ending(text)


def test_tags_are_those_of_environments() -> None:
    assert all(map(is_tag, ["pool:cloud", "kind:edge", "jurisdiction:US-PA", "jurisdiction:DE"]))
    assert not any(map(is_tag, ["jane", "pool:Jane", "kind:jane", "jurisdiction:Jane", "pool:cloud\n"]))


def test_a_state_keeps_its_type_and_no_data() -> None:
    state = {"type": "FAILED", "name": "Jane", "message": "Jane", "data": {"type": "result"}, "id": RUN}
    at = passing()
    assert PROPOSAL({"state": state, "force": True}, at) == {
        "state": {"type": "FAILED", "name": MARK, "message": MARK},
        "force": False,
    }
    assert at.withheld == [("state's name", "Jane"), ("state's message", "Jane")]


def line(name: str, message: Any, run: str | None = RUN) -> dict[str, Any]:
    return {
        "name": name, "message": message, "level": 20, "timestamp": "2026-01-01T00:00:00+00:00",
        "flow_run_id": run, "worker_id": OTHER,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "message", "shown"),
    [
        ("step", "isthmus", "fit: 3 rows", "fit: 3 rows"),
        ("step", "isthmus", "Jane", MARK),
        ("step", "prefect.jane", "Jane", MARK),
        ("step", "isthmus", 47, MARK),
        ("pipeline", "isthmus", "plan sha256:00", "plan sha256:00"),
        ("pipeline", "prefect", "Jane", MARK),
        ("builtin", "isthmus", "x" * 9000, MARK),
        ("builtin", "isthmus", "a \x1b[31mred", MARK),
    ],
)
def test_a_log_line_is_shown_or_marked_and_never_missing(
    kind: Kind, name: str, message: Any, shown: str
) -> None:
    (told,) = LOGS([line(name, message)], passing(kind))
    assert told["message"] == shown
    assert set(told) == {"name", "message", "level", "timestamp", "flow_run_id"}
    assert told["name"] in ("isthmus", kind)


def test_a_line_of_another_run_is_refused() -> None:
    with pytest.raises(RefusedError):
        LOGS([line("isthmus", "fit", OTHER)], passing())


def test_labels_hold_references_counts_and_digests_only() -> None:
    labels = {
        "out.rows": 3, "out.digest": DIGEST, "out.model": "ref:" + json.dumps(REF), "out.name": "Jane",
        "isthmus.incident": "4f1c2d3e4a5b", "isthmus.plan": DIGEST, "isthmus.rules": "[]", "jane": "Jane",
        "in.a": "ref:" + json.dumps({**REF, "name": "Jane Doe"}),
    }  # fmt: skip
    told = LABELS(labels, passing())
    kept = {key: value for key, value in told.items() if value != MARK}
    assert set(kept) == {
        "out.rows",
        "out.digest",
        "out.model",
        "isthmus.incident",
        "isthmus.plan",
        "isthmus.rules",
    }
    assert {key for key, value in told.items() if value == MARK} == {"out.name", "in.a", "isthmus.withheld"}


def test_rules_with_words_of_a_steps_own_are_withheld() -> None:
    rules = json.dumps([{"id": "age", "reason": "Jane is 47", "unexpected_count": 1}])
    assert LABELS({"isthmus.rules": rules}, passing())["isthmus.rules"] == MARK
    assert LABELS({"isthmus.rules": rules}, passing("builtin"))["isthmus.rules"] == rules


def test_parameters_of_a_pipeline_are_references_and_tokens() -> None:
    given_ = {"tests": REF, "to": "cloud", "n": 3, "on": True, "note": "Jane Doe", "deep": {"a": "Jane"}}
    signed = {"isthmus_request": "a" * 4096}
    assert CREATE({"parameters": signed}, passing("pipeline")) == {"parameters": signed}
    assert CREATE({"parameters": {"isthmus_request": "Jane Doe"}}, passing("pipeline"))["parameters"] == {
        "isthmus_request": MARK
    }
    told = CREATE(
        {"name": "train@cloud", "parameters": given_, "job_variables": {"command": "sh"}}, passing("pipeline")
    )
    assert told["parameters"] == {"tests": REF, "to": "cloud", "n": 3, "on": True, "note": MARK, "deep": MARK}
    assert set(told) == {"name", "parameters"}


def test_a_set_is_named_by_our_own_code_and_in_one_form() -> None:
    members = [f"model@sha256:{'d' * 64}", "reference", "reference@latest"]
    given_ = {"members": members, "people": ["Jane Doe"], "deep": [["model"]], "many": ["model"] * 101}
    told = CREATE({"parameters": given_}, passing("pipeline"))["parameters"]
    assert told == {"members": members, "people": MARK, "deep": MARK, "many": MARK}
    assert CREATE({"parameters": {"members": members}}, passing())["parameters"] == {MARK: MARK}
    label = {"out.ref.model": "ref:" + json.dumps(REF)}
    assert LABELS(label, passing("builtin")) == label
    assert LABELS({"out.ref.Jane Doe": "Jane"}, passing("builtin")) == {"isthmus.withheld": MARK}
    assert LABELS(label, passing()) == {"isthmus.withheld": MARK}


def test_a_step_s_own_flow_has_neither_name_nor_values() -> None:
    told = NEW_RUN({"flow_id": RUN, "name": "jane@doe", "parameters": {"who": "jane", "n": 47}}, passing())
    assert told == {"flow_id": RUN, "name": MARK, "parameters": {MARK: MARK}}


def test_an_event_says_only_that_there_was_one() -> None:
    given_ = {
        "id": OTHER, "occurred": "2026-01-01T00:00:00+00:00", "event": "jane", "payload": {"a": 47},
        "resource": {"prefect.resource.id": "jane"}, "related": [{"prefect.resource.id": "jane"}],
    }  # fmt: skip
    at = passing()
    told = event(given_, at)
    assert "jane" not in json.dumps(told)
    assert told["payload"] == {"withheld": MARK}
    assert '"prefect.resource.id": "jane"' in at.withheld[0][1]


def test_a_pool_is_ours_and_its_template_is_written_here() -> None:
    told = POOL({"name": "cloud", "type": "isthmus-sealed", "base_job_template": {"x": 1}}, passing("worker"))
    assert told["base_job_template"]["job_configuration"] == {"sealed": True}
    for name, kind in (("edge", "isthmus-sealed"), ("cloud", "process")):
        with pytest.raises(RefusedError):
            POOL({"name": name, "type": kind}, passing("worker"))


def test_of_a_run_that_the_server_tells_only_named_fields_come_in() -> None:
    run = {
        "id": RUN, "name": "a", "flow_id": OTHER, "job_variables": {"command": "sh"}, "empirical_policy": {},
        "state": {"type": "RUNNING", "data": {"storage_block_id": OTHER}, "state_details": {"x": "y"}},
    }  # fmt: skip
    assert FLOW_RUN(run, passing()) == {
        "id": RUN, "name": "a", "flow_id": OTHER, "state": {"type": "RUNNING"}
    }  # fmt: skip


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_line_of_the_table_finds_itself_and_nothing_climbs(route: Any) -> None:
    holes = {"id": RUN, "own": RUN, "here": "cloud", "flow": "a.b", "env": "cloud"}
    path = route.path.format(**holes)
    kind = min(route.kinds)
    found = find(route.method, path, kind)
    assert found is not None
    assert found.path.rstrip("/") == path.rstrip("/")
    assert find(route.method, path + "/../admin/settings", kind) is None
    assert find(route.method, path + "\n", kind) is None
    assert find("DELETE", path, kind) is None


@pytest.mark.parametrize("word", ["admin", "block", "variables", "automations", "concurrency", "ui", "saved"])
def test_the_table_knows_nothing_of_what_is_not_needed(word: str) -> None:
    assert [route.path for route in ROUTES if word in route.path] == []
