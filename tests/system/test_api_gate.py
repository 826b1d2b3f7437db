"""What a step's own client tells the server is withheld by its environment's gate; without one it is not."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from gate_world import PATIENT, Talk, talking
from prefect_view import api_of
from sentinels import in_files, in_texts

from environments.apigate.address import read_gate
from environments.apigate.speaker import Speaker, key_in, run_credential
from environments.embedded.api import read_api

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.attack,
    pytest.mark.xdist_group("api-gate"),
    pytest.mark.timeout(600),
]
MARK = re.compile(r"\[withheld: incident ([0-9a-f]{12})\]")
NOBODYS = "00000000-0000-4000-8000-000000000000"


def everything(talk: Talk) -> list[str]:
    return in_texts(PATIENT, iter(talk.texts))


def test_what_a_step_tells_by_prefects_own_client_reaches_neither_api_nor_database(talk: Talk) -> None:
    refused = {name for name, end in talk.told.items() if end != "told"}
    assert refused == {"run of a deployment", "variable", "block"}
    assert talk.run["state"] == "Completed"
    assert everything(talk) == []


def test_each_line_that_is_withheld_shows_the_incident_that_holds_its_truth(talk: Talk) -> None:
    marks = [found[1] for line in talk.logs if (found := MARK.fullmatch(line))]
    assert len(marks) == 3, talk.logs
    for incident in marks:
        told = json.loads(talk.isthmus("incident", "show", incident, "--env", "onprem", "--json"))
        assert f"log line: patient {PATIENT.word} is 47" in told["traceback"]
        assert told["context"]["speaker"] == "step"
    assert in_files(PATIENT, talk.home.environment("onprem").incidents)


@pytest.mark.parametrize("what", ["logs", "events", "artifacts", "flow_runs", "flow run states"])
def test_the_server_shows_that_something_was_withheld(talk: Talk, what: str) -> None:
    told = "".join(text for name, text in talk.texts if name == what)
    assert MARK.search(told), told[:2000]


def holds(process: psutil.Process, secret: bytes) -> bool:
    """Whether a process's environment or writable memory holds a secret."""
    if secret in Path(f"/proc/{process.pid}/environ").read_bytes():
        return True
    with Path(f"/proc/{process.pid}/mem").open("rb") as memory:
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
            bounds, rights = line.split()[:2]
            low, high = (int(bound, 16) for bound in bounds.split("-"))
            if not rights.startswith("rw"):
                continue
            try:
                memory.seek(low)
                if secret in memory.read(high - low):
                    return True
            except (OSError, ValueError):  # a mapping of the kernel's own
                continue
    return False


def test_no_process_of_the_environment_holds_the_servers_credential(talk: Talk) -> None:
    secret = read_api(talk.home).auth_string.partition(":")[2].encode()
    parts = talk.home.read_state()["parts"]
    host = psutil.Process(parts["host@onprem"]["process"]["pid"])
    environment = [host, *host.children(recursive=True)]
    assert len(environment) >= 5
    assert [process.pid for process in environment if holds(process, secret)] == []
    # What it looks with finds it where it is: in the gate.
    assert holds(psutil.Process(parts["gate@onprem"]["process"]["pid"]), secret)
    folder = talk.home.environment("onprem").root
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if secret in path.read_bytes()] == []
    assert secret.decode() not in json.dumps(talk.environment)
    assert talk.environment["PREFECT_API_URL"] == read_gate(talk.home.environment("onprem")).url


def gate(talk: Talk, credential: str) -> httpx.Client:
    user, _, password = credential.partition(":")
    url = read_gate(talk.home.environment("onprem")).url
    return httpx.Client(base_url=url, auth=(user, password), timeout=30, trust_env=False)


def as_step(talk: Talk, run: str) -> httpx.Client:
    key = key_in(read_gate(talk.home.environment("onprem")).auth_string)
    return gate(talk, run_credential(key or "", Speaker("step", run)))


def a_run(talk: Talk) -> str:
    with api_of(talk.home.root) as client:
        found = client.post("/flow_runs/filter", json={"limit": 1}).raise_for_status().json()
        return str(found[0]["id"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/admin/storage", None),
        ("PUT", "/admin/storage", {"default_result_storage_block_id": NOBODYS}),
        ("GET", f"/block_documents/{NOBODYS}", None),
        ("POST", "/block_documents/filter", {}),
        ("GET", "/block_types/slug/local-file-system", None),
        ("POST", "/variables/", {"name": "a", "value": "b"}),
        ("GET", "/variables/name/a", None),
        ("POST", f"/deployments/{NOBODYS}/create_flow_run", {}),
        ("POST", "/deployments/", {"name": "a", "flow_id": NOBODYS}),
        ("PATCH", "/work_pools/onprem", {"base_job_template": {}}),
        ("POST", "/work_pools/cloud/get_scheduled_flow_runs", {}),
        ("GET", "/admin/settings", None),
        ("DELETE", f"/flow_runs/{NOBODYS}", None),
        ("GET", "/flow_runs/../admin/settings", None),
    ],
)
def test_what_is_not_needed_is_refused_storage_that_the_server_would_push_above_all(
    talk: Talk, method: str, path: str, body: Any
) -> None:
    with as_step(talk, a_run(talk)) as client:
        answer = client.request(method, path, json=body)
    assert answer.status_code == 403, answer.text
    assert "refused by the API gate of onprem" in answer.json()["detail"]


def test_a_step_speaks_for_no_other_run(talk: Talk) -> None:
    run = a_run(talk)
    state = {"state": {"type": "COMPLETED", "name": "Completed"}}
    line = {"name": "isthmus", "level": 20, "message": "", "timestamp": "2026-01-01T00:00:00Z"}
    with api_of(talk.home.root) as server, as_step(talk, NOBODYS) as client:
        before = server.get(f"/flow_runs/{run}").json()
        assert client.get(f"/flow_runs/{run}").status_code == 403
        assert client.post(f"/flow_runs/{run}/set_state", json=state).status_code == 403
        assert client.post("/logs/", json=[line | {"flow_run_id": run}]).status_code == 403
        assert client.patch(f"/flow_runs/{run}/labels", json={"out.n": 1}).status_code == 403
        assert server.get(f"/flow_runs/{run}").json()["updated"] == before["updated"]


@pytest.mark.parametrize("credential", ["isthmus:guessed", "worker:guessed", "run:e30.00", "run:", ":"])
def test_a_stranger_gets_no_answer(talk: Talk, credential: str) -> None:
    with gate(talk, credential) as client:
        assert client.get(f"/flow_runs/{NOBODYS}").status_code == 401


def test_the_servers_own_credential_opens_no_gate(talk: Talk) -> None:
    with gate(talk, read_api(talk.home).auth_string) as client:
        assert client.get(f"/flow_runs/{NOBODYS}").status_code == 401


def test_a_killed_gate_comes_back_and_runs_go_on(talk: Talk) -> None:
    def pid() -> int | None:
        process = talk.home.read_state()["parts"]["gate@onprem"]["process"]
        return process and int(process["pid"])

    killed = pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while pid() in (killed, None):
        assert time.monotonic() < deadline, "the gate was not started again"
        time.sleep(0.1)
    again = json.loads(talk.isthmus("run", "telling", "--watch", "--json"))
    assert again["state"] == "Completed"
    assert "gate@onprem" in talk.isthmus("status")


def test_without_the_gate_the_same_search_finds_them() -> None:
    with talking(gated=False) as talk:
        found = set(everything(talk))
        secret = read_api(talk.home).auth_string.partition(":")[2]
        assert {"logs", "events", "artifacts", "flow_runs", "variables", "flow run states"} <= found, found
        assert secret in talk.environment["PREFECT_API_AUTH_STRING"]
