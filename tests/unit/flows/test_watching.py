"""Watching costs the server little: it is asked for what changed, and now and then for the run itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from environments.site import Site
from flows.runtime import watching
from flows.runtime.calls import Call, Caller
from flows.runtime.server import Server
from flows.runtime.watching import watch


@pytest.fixture
def server(plane: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(watching, "LOOK", 0.0)
    monkeypatch.setattr("flows.runtime.calls.POLL", 0.0)
    with Server(plane.api, patience=0.0) as made:
        yield made


def a_run(name: str, state: str) -> dict[str, Any]:
    return {"id": name, "name": name, "state": {"type": state.upper(), "name": state}, "start_time": "now"}


def call() -> Call:
    return Call("key", "flow", "cloud", {}, {})


def changed(run: str, state: str) -> dict[str, Any]:
    where = {"id": {"any_": [run]}, "state": {"name": {"not_any_": [state]}}}
    return {"flow_runs": where, "limit": 1, "sort": "START_TIME_ASC"}


def test_steps_that_ended_and_states_that_stay_are_not_asked_for_again(plane: Any, server: Server) -> None:
    plane.answers = [
        (200, a_run("run", "Running")),
        (200, [a_run("one", "Completed"), a_run("two", "Running")]),
        (200, []),
        (200, [a_run("two", "Failed")]),
        (200, [a_run("run", "Completed")]),
        (200, []),
    ]
    changes = [(change.view.id, change.view.state) for change in watch(server, "run")]
    assert changes == [
        ("one", "Completed"),
        ("two", "Running"),
        ("run", "Running"),
        ("two", "Failed"),
        ("run", "Completed"),
    ]
    asked = [body for _, _, body, _ in plane.heard]
    assert (asked[0], asked[2], asked[4]) == (None, changed("run", "Running"), changed("run", "Running"))
    parts = [body["flow_runs"] for body in (asked[1], asked[3], asked[5])]
    assert [part["parent_flow_run_id"] for part in parts] == [{"any_": ["run"]}] * 3
    assert [part.get("id") for part in parts] == [
        None,
        {"not_any_": ["one"]},
        {"not_any_": ["one", "two"]},
    ]


def test_a_run_that_was_deleted_ends_the_wait(plane: Any, server: Server) -> None:
    plane.answers = [(200, a_run("run", "Running")), *[(200, [])] * (watching._WHOLE - 1), (404, {})]
    seen: list[str] = []
    caller = Caller(server, Site(), parent=None, prefix="p", watch=lambda view: seen.append(view.state))
    with pytest.raises(Exception, match="404"):
        caller.finish(call(), "run")
    assert seen == ["Running"]
    assert plane.answers == []


def test_a_state_of_several_words_is_asked_for_whole(plane: Any, server: Server) -> None:
    plane.answers = [(200, a_run("run", "Awaiting it")), (200, a_run("run", "Completed"))]
    done = Caller(server, Site(), parent=None, prefix="p").finish(call(), "run")
    assert done is not None
    assert [method for method, *_ in plane.heard] == ["GET", "GET"]
