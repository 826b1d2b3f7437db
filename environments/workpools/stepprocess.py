"""The process of one run: forked before its order comes, gone after it.

Invariants:
1. It runs one order and ends. An order that does not come (the worker is gone) ends it too.
2. Whatever the run prints goes to `logs/runs/<flow run id>.log` of its environment, mode 0600.
3. The flow run that the engine sees is built here from ids: no state, policy, variable or result that
   the server holds for it is part of it.
4. What the process knows of the world is its environment's folder, its profile and the address of its gate,
   with a credential that is good for this run.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DefectError
from environments.private import make_private
from environments.workpools.catalogue import Catalogue, RunContext

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from environments.embedded.api import ApiAddress
    from environments.home import EnvironmentFolder
    from environments.profile import Profile
    from environments.site import Site

__all__ = ["Order", "Place", "rehearse", "run_one"]


@dataclass(frozen=True)
class Place:
    """Where runs of one environment run; handed over by the fork.

    Attributes:
        folder: the environment's folder.
        profile: its declaration.
        api: the control plane.
        site: what is installed.
        catalogue: the flows that can run.
    """

    folder: EnvironmentFolder
    profile: Profile
    api: ApiAddress
    site: Site
    catalogue: Catalogue


@dataclass(frozen=True)
class Order:
    """What a spare is told: which run, which entry, which parameters."""

    run_id: uuid.UUID
    name: str
    flow_id: uuid.UUID
    flow_name: str
    deployment_id: uuid.UUID | None
    parent: uuid.UUID | None
    parameters: Mapping[str, object]
    credential: str = field(default="", repr=False)

    def to_bytes(self) -> bytes:
        """Return the order as it goes over the spare's socket."""
        ids = {key: value and str(value) for key, value in vars(self).items() if key != "parameters"}
        return json.dumps({**ids, "parameters": self.parameters}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Order:
        """Read an order that the worker wrote."""
        raw: dict[str, Any] = json.loads(data)
        ids = {
            key: uuid.UUID(raw[key]) if raw[key] else None for key in ("run_id", "flow_id", "deployment_id")
        }
        parent = uuid.UUID(raw["parent"]) if raw["parent"] else None
        if ids["run_id"] is None or ids["flow_id"] is None:
            raise DefectError("an order without its run")
        return cls(
            run_id=ids["run_id"],
            name=raw["name"],
            flow_id=ids["flow_id"],
            flow_name=raw["flow_name"],
            deployment_id=ids["deployment_id"],
            parent=parent,
            parameters=raw["parameters"],
            credential=raw["credential"],
        )


def rehearse(place: Place) -> None:
    """Do once, before any fork, what each run would else pay for when it does it first."""
    nobody = uuid.UUID(int=0)
    order = Order(nobody, "", nobody, "", None, None, {})
    _flow_run(Order.from_bytes(order.to_bytes()), place)


def run_one(place: Place, file: int) -> int:
    """Wait for one order on a socket, run it; return the exit status."""
    from environments.workpools.granting import demand_grant

    with socket.socket(fileno=file) as orders:
        data = _all(orders)
    if not data:
        return 0
    order = Order.from_bytes(data)
    _into_log(place, order)
    runnable = place.catalogue.find(order.flow_name)
    if runnable is None:
        raise DefectError("an order for something that is not installed")
    parameters = runnable.validate(order.parameters, place.profile.grant(order.flow_name))
    demand_grant(place, runnable, order.parameters, order.run_id)  # again: whoever forked this may be wrong
    run = RunContext(
        flow_run=_flow_run(order, place),
        parameters=parameters,
        folder=place.folder,
        profile=place.profile,
        api=_own_api(order, place),
        site=place.site,
    )
    try:
        runnable.execute(run)
    except Exception:  # noqa: BLE001 - whatever it is, it stays in this run's log, here
        traceback.print_exc()
        return 1
    return 0


def _own_api(order: Order, place: Place) -> ApiAddress:
    """Return how this run reaches the control plane, and tell Prefect's own client the same."""
    if not order.credential:
        return place.api
    from prefect.settings import get_current_settings
    from pydantic import SecretStr

    os.environ["PREFECT_API_AUTH_STRING"] = order.credential
    # The one setting that differs between runs. Reading all of them anew takes 30 ms of every run's start.
    get_current_settings().api.auth_string = SecretStr(order.credential)
    return replace(place.api, auth_string=order.credential)


def _all(orders: socket.socket) -> bytes:
    parts = []
    while part := orders.recv(65536):
        parts.append(part)
    return b"".join(parts)


def _into_log(place: Place, order: Order) -> None:
    folder = make_private(place.folder.logs / "runs")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    log = os.open(folder / f"{order.run_id}.log", flags, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(nothing, 0)
    os.close(nothing)


def _flow_run(order: Order, place: Place) -> FlowRun:
    from prefect.client.schemas.objects import FlowRun
    from prefect.states import Pending

    return FlowRun(
        id=order.run_id,
        name=order.name,
        flow_id=order.flow_id,
        # With its deployment's id the engine would open a web socket and listen there for an order to
        # suspend the run: a fifth of a second for each run, and one more thing that takes orders.
        deployment_id=None,
        parent_task_run_id=order.parent,
        parameters=dict(order.parameters),
        work_pool_name=place.profile.work_pool,
        state=Pending(),
    )
