"""A stage for attacks on workers: one control plane, a stock process worker, and ours."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "system"))

from worker_world import World, until

STOCK, OURS = "stock", "sealed"
# The stock worker needs code to run: this is the honest flow that its deployments name.
HONEST = """
import json, os
from pathlib import Path
from prefect import flow

@flow
def honest(mark: str = "none", extra: object = None):
    seen = dict(env=sorted(os.environ), cwd=os.getcwd(), mark=mark, extra=extra)
    (Path({folder!r}) / ("seen-" + os.environ.get("ATTACK", "none"))).write_text(json.dumps(seen))
    return "a secret result"
"""
EVIL = """
from pathlib import Path
from prefect import flow
Path({marker!r}).write_text("imported")

@flow
def honest(mark: str = "none"):
    pass
"""


class Stage:
    """Both workers, and the folder where attackers' marks would appear."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.folder = world.home.root / "stage"
        self.folder.mkdir()
        (self.folder / "honest.py").write_text(HONEST.format(folder=str(self.folder)))
        self._count = 0

    def marker(self) -> Path:
        self._count += 1
        return self.folder / f"evil-{self._count}"

    def marker_beside(self, marker: Path) -> Path:
        return marker.with_name(f"{marker.name}-ours")

    def deploy_stock(self, **extra: Any) -> str:
        self._count += 1
        body = {"path": str(self.folder), "entrypoint": "honest.py:honest", **extra}
        return self.world.deploy("honest", f"stock-{self._count}", "default", pool=STOCK, **body)

    def deploy_ours(self, flow: str = "demo.step", **extra: Any) -> str:
        return self.world.deploy(flow, OURS, **extra)

    def seen(self, name: str) -> dict[str, Any]:
        path = self.folder / f"seen-{name}"
        return dict(json.loads(until(lambda: path.exists() and path.read_text(), 60)))

    def reset_ours(self) -> None:
        """Put the honest deployment back: it is registered by name, and attacks replace it."""
        self.world.deploy("demo.step", OURS, path=None, entrypoint=None, pull_steps=None, job_variables={})


def appears(marker: Path) -> bool:
    """Wait for a mark of an attack on the stock worker, which takes seconds to start a run."""
    until(marker.exists, 60)
    return True


def ran_as_installed(stage: Stage, run: str, mark: str, marker: Path) -> None:
    """Assert that ours ran its own code and nothing of the attacker's."""
    assert stage.world.wait(run)["type"] == "COMPLETED"
    assert stage.world.mark(OURS, mark) is not None
    assert not marker.exists()


def was_refused(stage: Stage, run: str, why: str, marker: Path | None = None) -> None:
    """Assert that ours refused, said why in the run's state, and nothing ran."""
    state = stage.world.wait(run)
    assert (state["type"], state["name"]) == ("FAILED", "Refused")
    assert why in state["message"]
    assert not (stage.world.folder(OURS).logs / "runs" / f"{run}.log").exists()
    assert marker is None or not marker.exists()


def local_block(stage: Stage, name: str, folder: Path) -> str:
    """Register a block of Prefect's local file system, as anyone with the credential may."""
    kind = stage.world.ask("GET", "block_types/slug/local-file-system")["id"]
    schemas = stage.world.ask(
        "POST", "block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    )
    body = {
        "name": name,
        "block_type_id": kind,
        "block_schema_id": schemas[0]["id"],
        "data": {"basepath": str(folder)},
    }
    return str(stage.world.ask("POST", "block_documents/", body)["id"])
