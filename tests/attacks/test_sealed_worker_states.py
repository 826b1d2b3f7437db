"""Runs, states and messages of the server's that would have a worker load, kill or run something.

Like `test_sealed_worker_orders`: first on a stock process worker where that is applicable, then on ours.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "system"))
sys.path.insert(0, str(Path(__file__).parent))

from sealed_worker_stage import OURS, STOCK, Stage, appears, local_block, was_refused
from worker_world import control_plane, stock_worker, until

pytestmark = [
    pytest.mark.long,
    pytest.mark.attack,
    pytest.mark.system,
    pytest.mark.xdist_group("sealed-worker-states"),
]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with control_plane() as world:
        world.start(OURS)
        with stock_worker(world, STOCK):
            yield Stage(world)


class _Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def poisoned_state(stage: Stage, marker: Path) -> dict[str, Any]:
    """Return a completed state whose data names a result that runs code when it is unpickled."""
    from prefect.results import ResultRecord, ResultRecordMetadata
    from prefect.serializers import PickleSerializer

    folder = stage.folder / f"results-{marker.name}"
    folder.mkdir()
    block = local_block(stage, f"results-{marker.name}", folder)
    metadata = ResultRecordMetadata(
        storage_key="poison", serializer=PickleSerializer(), storage_block_id=uuid.UUID(block)
    )
    (folder / "poison").write_bytes(ResultRecord(result=_Evil(marker), metadata=metadata).serialize())
    return {"type": "COMPLETED", "name": "Completed", "data": metadata.model_dump(mode="json")}


def poison(stage: Stage, run: str, marker: Path) -> None:
    """Put the state in place after the run was taken and before its process asks to begin."""
    state = poisoned_state(stage, marker)
    until(lambda: stage.world.state(run)["type"] == "PENDING", 60, 0.02)
    stage.world.ask("POST", f"flow_runs/{run}/set_state", {"state": state, "force": True})


def test_a_state_whose_data_names_a_pickled_result(stage: Stage) -> None:
    marker = stage.marker()
    poison(stage, stage.world.run(stage.deploy_stock()), marker)
    assert appears(marker)
    marker.unlink()

    stage.deploy_ours()
    host = psutil.Process(stage.world.hosts[0].pid)
    worker = stage.world.worker(OURS)["pid"]
    until(lambda: stage.world.worker(OURS)["spares"] == 2)
    spares = [child for child in host.children() if child.pid != worker]
    for spare in spares:
        spare.suspend()  # between being taken and beginning there are milliseconds: hold them open
    try:
        run = stage.world.run(stage.deploy_ours(), {"mark": "poison"})
        poison(stage, run, stage.marker_beside(marker))
    finally:
        for spare in spares:
            spare.resume()
    until(lambda: not (stage.world.folder(OURS).run / "taken" / f"{run}.json").exists())
    assert not stage.marker_beside(marker).exists()
    assert stage.world.mark(OURS, "poison") is None


def test_an_infrastructure_pid_of_a_bystander(stage: Stage) -> None:
    """Not applicable to the stock process worker of this version, which ends only its own children.

    Workers whose class has `kill_infrastructure` end what the run's `infrastructure_pid` names.
    """
    from prefect.workers.process import ProcessWorker

    assert "kill_infrastructure" not in vars(ProcessWorker)
    with subprocess.Popen(["sleep", "600"]) as bystander:
        try:
            name = f"{os.uname().nodename}:{bystander.pid}"
            run = stage.world.run(stage.world.deploy("demo.spin", OURS))
            stage.world.wait(run, "RUNNING")
            stage.world.ask("PATCH", f"flow_runs/{run}", {"infrastructure_pid": name})
            stage.world.ask("POST", f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
            assert stage.world.wait(run)["type"] == "CANCELLED"
            assert bystander.poll() is None
        finally:
            bystander.send_signal(signal.SIGKILL)


def test_cleanup_messages_are_never_heard(stage: Stage) -> None:
    """Not applicable to the stock process worker: its class cannot be told to clean up (see above).

    They come over a web socket that the worker opens. Ours speaks to one place, in plain requests.
    """
    places = set()
    for _ in range(40):
        for connection in psutil.Process(stage.world.worker(OURS)["pid"]).net_connections():
            assert connection.status != psutil.CONN_LISTEN
            places.add(connection.raddr)
    port = int(stage.world.api.ui_url.rpartition(":")[2])
    assert {place.port for place in places if place} == {port}


def refused_on_its_own(stage: Stage, body: dict[str, Any]) -> str:
    defaults = {"work_pool_name": OURS, "work_queue_name": "steps", "state": {"type": "SCHEDULED"}}
    return str(stage.world.ask("POST", "flow_runs/", {**defaults, **body})["id"])


def test_a_run_of_no_deployment(stage: Stage) -> None:
    flow = stage.world.ask("POST", "flows/", {"name": "demo.step"})["id"]
    was_refused(stage, refused_on_its_own(stage, {"flow_id": flow}), "belongs to no deployment")


def test_a_run_whose_flow_is_not_its_deployments(stage: Stage) -> None:
    flow = stage.world.ask("POST", "flows/", {"name": "demo.spin"})["id"]
    run = refused_on_its_own(stage, {"flow_id": flow, "deployment_id": stage.deploy_ours()})
    was_refused(stage, run, "flow is not its deployment's")


def test_parameters_that_name_a_block_to_be_fetched(stage: Stage) -> None:
    """A run that is made without its deployment's help keeps such parameters as they are."""
    flow = stage.world.ask("POST", "flows/", {"name": "demo.step"})["id"]
    for parameters in (
        {"mark": {"$ref": {"block_document_id": str(uuid.uuid4())}}},
        {"mark": {"deeper": [{"__prefect_kind": "jinja", "template": "{{ 1 }}"}]}},
    ):
        body = {"flow_id": flow, "deployment_id": stage.deploy_ours(), "parameters": parameters}
        was_refused(stage, refused_on_its_own(stage, body), "ask for something to be fetched")


def test_a_flow_that_is_installed_and_not_listed(stage: Stage) -> None:
    run = stage.world.run(stage.deploy_ours("demo.hidden"), {"mark": "hidden"})
    was_refused(stage, run, "the environment's file does not list demo.hidden")
    assert stage.world.mark(OURS, "hidden") is None


def test_a_flow_that_is_not_installed(stage: Stage) -> None:
    order = {"path": str(stage.folder), "entrypoint": "honest.py:honest"}
    was_refused(stage, stage.world.run(stage.deploy_ours("honest", **order)), "is not installed here")


def test_a_deployment_of_another_environment_sent_to_this_pool(stage: Stage) -> None:
    run = stage.world.run(stage.world.deploy("demo.step", "elsewhere", pool=OURS), {"mark": "elsewhere"})
    was_refused(stage, run, "for another environment")


def test_a_step_in_the_queue_of_pipelines(stage: Stage) -> None:
    run = stage.world.run(stage.world.deploy("demo.step", OURS, "pipelines"), {"mark": "queue"})
    was_refused(stage, run, "belongs in the queue steps")


def test_parameters_that_the_step_does_not_have_and_their_values(stage: Stage) -> None:
    secret = "Erika Mustermann"
    run = stage.world.run(stage.deploy_ours(), {"mark": "fine", "command": secret})
    was_refused(stage, run, "a parameter that it does not have")
    assert secret not in stage.world.state(run)["message"]


def test_the_refused_do_not_take_the_slots_of_the_others(stage: Stage) -> None:
    hidden = stage.deploy_ours("demo.hidden")
    refused = [stage.world.run(hidden) for _ in range(20)]
    run = stage.world.run(stage.deploy_ours(), {"mark": "behind"})
    assert stage.world.wait(run)["type"] == "COMPLETED"
    assert {stage.world.wait(one)["name"] for one in refused} == {"Refused"}
