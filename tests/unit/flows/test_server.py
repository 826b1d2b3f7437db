"""The connection to the control plane: a server that is away is waited for, and then said to be away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from data_contracts.errors import UnreachableError, UsageError
from environments.embedded.api import ApiAddress
from flows.runtime.server import Ask, Server


@pytest.fixture
def server(plane: Any) -> Iterator[Server]:
    with Server(plane.api, patience=5) as made:
        yield made


def test_a_server_that_stumbles_is_asked_again(plane: Any, server: Server) -> None:
    plane.answers = [
        (503, {}),
        (500, {}),
        (200, {"id": "x", "name": "train@cloud", "state": {"type": "RUNNING"}}),
    ]
    assert server.run("x").type == "RUNNING"
    assert len(plane.heard) == 3


def test_a_server_that_stays_away_is_unreachable() -> None:
    away = ApiAddress("http://127.0.0.1:9/api", "")
    with Server(away, patience=0.3) as server, pytest.raises(UnreachableError) as caught:
        server.run("x")
    assert caught.value.exit_code == 5
    assert "isthmus status" in caught.value.remedy


def test_an_error_of_the_servers_own_is_waited_for_less_long_than_a_link(
    plane: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.runtime.server.PATIENCE", 0.3)
    with Server(plane.api, patience=3600) as server:
        plane.answers = [(500, {})] * 50
        with pytest.raises(UnreachableError, match="HTTP 500"):
            server.run("x")
        plane.answers = [(503, {})] * 4 + [(200, {"id": "x", "name": "n", "state": {"type": "RUNNING"}})]
        assert server.run("x").type == "RUNNING"


def test_a_refused_credential_is_said_and_never_shown(plane: Any, server: Server) -> None:
    plane.answers = [(401, {})]
    with pytest.raises(UnreachableError) as caught:
        server.run("x")
    assert "secret" not in str(caught.value)
    assert plane.heard[0][3] == "Basic bWU6c2VjcmV0"


def test_what_was_never_registered_is_the_users_to_register(plane: Any, server: Server) -> None:
    plane.answers = [(404, {})]
    with pytest.raises(UsageError) as caught:
        server.deployment("hospital.train", "moon")
    assert "isthmus deploy" in caught.value.remedy


def test_a_run_is_created_with_its_key_and_nothing_besides(plane: Any, server: Server) -> None:
    plane.answers = [(201, {"id": "run-1"})]
    ask = Ask("dep", "train@cloud", {"tests": {}}, "key-1", ("pool:cloud",), "task-1")
    assert server.create_run(ask) == "run-1"
    body = plane.heard[0][2]
    assert body["idempotency_key"] == "key-1"
    assert set(body) == {"name", "parameters", "idempotency_key", "tags", "parent_task_run_id", "state"}
    plane.answers = [(409, {})]
    with pytest.raises(UsageError, match="do not fit the form"):
        server.create_run(ask)


def test_an_edge_without_an_origin_is_not_sent(plane: Any, server: Server) -> None:
    plane.answers = [(201, {"id": "task-1"})]
    server.create_task("run", "key", "train@cloud", ["pool:cloud"], {"tests": ["run-1"], "because": []})
    assert plane.heard[0][2]["task_inputs"] == {"tests": [{"input_type": "flow_run", "id": "run-1"}]}


def test_a_run_that_must_not_begin_does_not(plane: Any, server: Server) -> None:
    plane.answers = [(200, {"status": "ACCEPT"})]
    assert server.begin("x")
    plane.answers = [
        (200, {"status": "ABORT"}),
        (200, {"id": "x", "name": "n", "state": {"type": "CANCELLED"}}),
    ]
    assert not server.begin("x")
    # An answer that was lost: the state had been taken the first time.
    plane.answers = [
        (200, {"status": "REJECT"}),
        (200, {"id": "x", "name": "n", "state": {"type": "RUNNING"}}),
    ]
    assert server.begin("x")


def test_a_redirect_is_no_answer_since_nothing_was_done(plane: Any, server: Server) -> None:
    plane.answers = [(307, {}), (307, {})]
    with pytest.raises(UnreachableError, match="307"):
        server.ask("POST", "/work_pools/cloud/queues/", {"name": "pipelines"})
    with pytest.raises(UnreachableError, match="307"):
        server.create_run(Ask("d", "train@cloud", {}))
