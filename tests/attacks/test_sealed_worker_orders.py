"""What whoever holds the one Prefect credential can make a worker do: a stock one, and ours.

Each attack is a request that the server accepts. It is first made to a stock process worker, where its
effect (a file that the attacker wanted) appears; then to ours, where the run is refused, or runs as the
installed code says, and the file does not appear. One not applicable to the stock process worker says so.
"""

from __future__ import annotations

import datetime as dt
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "system"))

sys.path.insert(0, str(Path(__file__).parent))

from sealed_worker_stage import EVIL, OURS, STOCK, Stage, appears, local_block, ran_as_installed, was_refused
from worker_world import control_plane, stock_worker, until

pytestmark = [
    pytest.mark.long,
    pytest.mark.attack,
    pytest.mark.system,
    pytest.mark.xdist_group("sealed-worker-orders"),
]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with control_plane() as world:
        world.start(OURS)
        with stock_worker(world, STOCK):
            yield Stage(world)


def test_a_command_in_a_runs_job_variables(stage: Stage) -> None:
    marker = stage.marker()
    order = {"command": f"touch {marker}"}
    stage.world.run(stage.deploy_stock(), job_variables=order)
    assert appears(marker)
    marker.unlink()
    run = stage.world.run(stage.deploy_ours(), {"mark": "command"}, job_variables=order)
    ran_as_installed(stage, run, "command", marker)


def test_a_command_in_a_deployments_job_variables(stage: Stage) -> None:
    marker = stage.marker()
    order = {"command": f"touch {marker}"}
    stage.world.run(stage.deploy_stock(job_variables=order))
    assert appears(marker)
    marker.unlink()
    run = stage.world.run(stage.deploy_ours(job_variables=order), {"mark": "deployed-command"})
    ran_as_installed(stage, run, "deployed-command", marker)


def test_environment_variables_in_job_variables(stage: Stage) -> None:
    order = {"env": {"ATTACK": "env", "PYTHONPATH": str(stage.folder)}}
    stage.world.run(stage.deploy_stock(), job_variables=order)
    assert "ATTACK" in stage.seen("env")["env"]
    run = stage.world.run(stage.deploy_ours(), {"mark": "env"}, job_variables=order)
    assert stage.world.wait(run)["type"] == "COMPLETED"
    mark = stage.world.mark(OURS, "env")
    assert mark is not None
    assert not {"ATTACK", "PYTHONPATH"} & set(mark["env"])


def test_a_working_directory_in_job_variables(stage: Stage) -> None:
    evil = stage.folder / "evil-directory"
    evil.mkdir()
    order = {"working_dir": str(evil), "env": {"ATTACK": "cwd"}}
    stage.world.run(
        stage.deploy_stock(path=None, entrypoint=f"{stage.folder}/honest.py:honest"), job_variables=order
    )
    assert stage.seen("cwd")["cwd"] == str(evil)
    run = stage.world.run(stage.deploy_ours(), {"mark": "cwd"}, job_variables=order)
    assert stage.world.wait(run)["type"] == "COMPLETED"
    mark = stage.world.mark(OURS, "cwd")
    assert mark is not None
    assert mark["cwd"] != str(evil)


def test_an_image_in_job_variables(stage: Stage) -> None:
    """Not applicable to the stock process worker: only workers of containers read it. Ours ignores it."""
    run = stage.world.run(
        stage.deploy_ours(), {"mark": "image"}, job_variables={"image": "evil/image:latest"}
    )
    ran_as_installed(stage, run, "image", stage.marker())


def test_a_command_in_the_base_job_template(stage: Stage) -> None:
    marker = stage.marker()
    stock = stage.world.ask("GET", f"work_pools/{STOCK}")["base_job_template"]
    evil = {**stock, "job_configuration": {**stock["job_configuration"], "command": f"touch {marker}"}}
    stage.world.ask("PATCH", f"work_pools/{STOCK}", {"base_job_template": evil})
    stage.world.run(stage.deploy_stock())
    assert appears(marker)
    marker.unlink()
    stage.world.ask("PATCH", f"work_pools/{STOCK}", {"base_job_template": stock})
    stage.world.ask("PATCH", f"work_pools/{OURS}", {"base_job_template": evil})
    run = stage.world.run(stage.deploy_ours(), {"mark": "template"})
    ran_as_installed(stage, run, "template", marker)


def test_an_entrypoint_and_a_path_of_the_attackers(stage: Stage) -> None:
    marker = stage.marker()
    (stage.folder / "evil.py").write_text(EVIL.format(marker=str(marker)))
    order = {"path": str(stage.folder), "entrypoint": "evil.py:honest"}
    stage.world.run(stage.deploy_stock(**order))
    assert appears(marker)
    marker.unlink()
    run = stage.world.run(stage.deploy_ours(**order), {"mark": "entrypoint"})
    ran_as_installed(stage, run, "entrypoint", marker)
    stage.reset_ours()


def test_pull_steps(stage: Stage) -> None:
    marker = stage.marker()
    steps = [{"prefect.deployments.steps.run_shell_script": {"script": f"touch {marker}"}}]
    stage.world.run(stage.deploy_stock(pull_steps=steps))
    assert appears(marker)
    marker.unlink()
    run = stage.world.run(stage.deploy_ours(pull_steps=steps), {"mark": "pull"})
    ran_as_installed(stage, run, "pull", marker)
    stage.reset_ours()


def test_a_storage_block_that_code_is_loaded_from(stage: Stage) -> None:
    marker = stage.marker()
    elsewhere = stage.folder / "storage"
    elsewhere.mkdir()
    (elsewhere / "evil.py").write_text(EVIL.format(marker=str(marker)))
    block = local_block(stage, "storage", elsewhere)
    order = {"storage_document_id": block, "path": ".", "entrypoint": "evil.py:honest"}
    stage.world.run(stage.deploy_stock(**order))
    assert appears(marker)
    marker.unlink()
    run = stage.world.run(stage.deploy_ours(**order), {"mark": "storage"})
    ran_as_installed(stage, run, "storage", marker)
    stage.world.deploy("demo.step", OURS, storage_document_id=None)
    stage.reset_ours()


def test_parameters_that_the_server_fills_in(stage: Stage) -> None:
    """`__prefect_kind` has the server render templates and read variables into a parameter."""
    stage.world.ask("POST", "variables/", {"name": "attack", "value": "../../evil"})
    order = {"__prefect_kind": "workspace_variable", "variable_name": "attack"}
    stage.world.run(stage.deploy_stock(), {"mark": order}, job_variables={"env": {"ATTACK": "kind"}})
    assert stage.seen("kind")["mark"] == "../../evil"
    run = stage.world.run(stage.deploy_ours(), {"mark": order})
    was_refused(stage, run, "mark is no mark")


def test_an_automation_that_runs_a_deployment_with_a_command(stage: Stage) -> None:
    """An automation may start a known deployment: on ours that is all that it starts."""
    stock, ours = stage.marker(), stage.marker()
    for deployment, marker in ((stage.deploy_stock(), stock), (stage.deploy_ours(), ours)):
        action = {
            "type": "run-deployment",
            "source": "selected",
            "deployment_id": deployment,
            "parameters": {"mark": "automation"},
            "job_variables": {"command": f"touch {marker}"},
        }
        trigger = {
            "type": "event",
            "expect": ["attack.now"],
            "posture": "Reactive",
            "threshold": 1,
            "within": 0,
        }
        name = f"attack-{deployment}"
        stage.world.ask("POST", "automations/", {"name": name, "trigger": trigger, "actions": [action]})
    event = {
        "event": "attack.now",
        "resource": {"prefect.resource.id": "attack"},
    }
    until(lambda: fire(stage, event, stock), 60, 2.0)
    until(lambda: stage.world.mark(OURS, "automation"), 30)
    assert not ours.exists()


def fire(stage: Stage, event: dict[str, Any], marker: Path) -> bool:
    stage.world.ask("POST", "events", [{**event, "id": str(uuid.uuid4()), "occurred": now()}])
    return marker.exists()


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


def test_a_result_storage_pushed_by_the_server(stage: Stage) -> None:
    """`PUT /api/admin/storage`: flows anywhere then write pickled results where the server says."""
    stolen = stage.folder / "stolen"
    stolen.mkdir()
    block = local_block(stage, "stolen", stolen)
    stage.world.ask("PUT", "admin/storage", {"default_result_storage_block_id": block})
    try:
        stage.world.run(stage.deploy_stock(), job_variables={"env": {"ATTACK": "result"}})
        until(lambda: any(stolen.iterdir()), 60)
        for path in stolen.iterdir():
            path.unlink()
        run = stage.world.run(
            stage.deploy_ours("demo.result"),
            {"mark": "result"},
            job_variables={"env": {"ATTACK": "result"}},
        )
        assert stage.world.wait(run)["type"] == "COMPLETED"
        assert list(stolen.iterdir()) == []
        assert not stage.world.state(run)["data"]
    finally:
        stage.world.ask("DELETE", "admin/storage")
