"""Telling the server what is installed: pools, queues, flows, deployments and schedules, many at a time.

Invariants:
1. Doing it again changes nothing that is as it should be, and costs one request.
2. What somebody edited in the UI (a schedule) is kept and reported, unless a reset was asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from data_contracts.errors import UnreachableError, UsageError
from environments.embedded.api import read_api
from environments.embedded.requesters import deploy_token, has_key
from environments.home import Home
from environments.profile import Profile
from environments.site import Site
from environments.workpools.pool import pool_document
from flows.deployment.documents import Registration, Signs, nobody_signs, registrations
from flows.deployment.openings import remember_first
from flows.deployment.schedules import Schedule, digest_of, read_schedules
from flows.runtime.catalogue import InstalledCatalogue, build_catalogue
from flows.runtime.server import Server

__all__ = ["Registered", "Report", "register", "register_with"]

_AT_ONCE = 8
_CONFLICT, _UNPROCESSABLE = 409, 422
Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Registered:
    """What happened to one deployment.

    Attributes:
        name: `FLOW/ENVIRONMENT`.
        change: `created`, `updated` or `unchanged`.
        schedules: in words, as the server has them now.
        edited: whether the schedules differ from what was registered, because somebody edited them.
        queue: `pipelines` or `steps`.
        tags: of the deployment.
    """

    name: str
    change: str
    schedules: tuple[str, ...]
    edited: bool
    queue: str
    tags: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "deployment": self.name,
            "change": self.change,
            "schedules": list(self.schedules),
            "schedules_edited": self.edited,
            "queue": self.queue,
            "tags": list(self.tags),
        }


@dataclass(frozen=True)
class Report:
    """Everything that was registered, by name.

    Attributes:
        deployments: one for each flow and environment.
        absent: pipelines that no environment lists.
        keyless: requesters that the site names for runs, and whose keys do not lie here: nobody signed.
    """

    deployments: tuple[Registered, ...]
    absent: tuple[str, ...] = ()
    keyless: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "deployments": [item.to_json() for item in self.deployments],
            "not_registered": list(self.absent),
            "not_signed": list(self.keyless),
        }


def register(home: Home, site: Site, *, reset_schedules: bool = False) -> Report:
    """Register everything that is installed with the home's server.

    Raises:
        UnreachableError: no server runs, or it does not answer.
        UsageError: `site.toml` names a pipeline that is not there, or a schedule that is none.
        DeclarationError: a flow file cannot be loaded.
    """
    with Server(read_api(home)) as server:
        signs = partial(_signed, home, site.requesters)
        report = register_with(
            server, site, build_catalogue(site), signs=signs, reset_schedules=reset_schedules
        )
    remember_first(home, site)
    keyless = {name for name in site.requesters.values() if not has_key(home, name)}
    return replace(report, keyless=tuple(sorted(keyless)))


def _signed(home: Home, requesters: Mapping[str, str], use: str, pipeline: str) -> str:
    """Return what the service key that the site names for a use signs for a pipeline; empty for nobody.

    A key that is not there yet signs nothing, and the report says so: a system must start before it can have
    requesters.
    """
    if use not in requesters or not has_key(home, requesters[use]):
        return ""
    return deploy_token(home, requesters[use], pipeline, dt.datetime.now(dt.UTC))


def register_with(
    server: Server,
    site: Site,
    catalogue: InstalledCatalogue,
    *,
    signs: Signs = nobody_signs,
    reset_schedules: bool = False,
) -> Report:
    """Register with a server that is at hand; `signs` says under whose keys runs act."""
    wanted_schedules = read_schedules(site.settings.get("schedules", {}), list(catalogue.pipelines))
    wanted = list(registrations(site, catalogue, wanted_schedules, signs))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        standing = pool.submit(_standing, server)
        _all(pool.map(lambda profile: _pool(server, profile), site.profiles.values()))
        flow_names = sorted({item.flow for item in wanted})
        known = standing.result()
        missing = [name for name in flow_names if name not in {key[0] for key in known}]
        made = pool.map(lambda name: str(server.ask("POST", "/flows/", {"name": name})["id"]), missing)
        flows = dict(zip(missing, made, strict=True)) | {key[0]: raw["flow_id"] for key, raw in known.items()}

        def one(item: Registration) -> Registered:
            there = known.get((item.flow, item.environment))
            return _deployment(server, item, flows[item.flow], there, reset=reset_schedules)

        done = _all(pool.map(one, wanted))
    registered = {item.flow for item in wanted}
    absent = tuple(name for name in catalogue.pipelines if name not in registered)
    return Report(tuple(sorted(done, key=lambda item: item.name)), absent)


def _all(answers: Iterable[Answer]) -> list[Answer]:
    return list(answers)


def _standing(server: Server) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the deployments that there are, by flow and environment."""
    flows: dict[str, str] = {}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for raw in _pages(lambda offset: server.ask("POST", "/flows/filter", {"limit": 200, "offset": offset})):
        flows[raw["id"]] = raw["name"]
    for raw in _pages(
        lambda offset: server.ask("POST", "/deployments/filter", {"limit": 200, "offset": offset})
    ):
        found[flows.get(raw["flow_id"], ""), raw["name"]] = raw
    return found


def _pages(ask: Callable[[int], list[dict[str, Any]]]) -> Iterable[dict[str, Any]]:
    offset = 0
    while page := ask(offset):
        yield from page
        offset += len(page)


def _pool(server: Server, profile: Profile) -> None:
    """Make an environment's pool and queues as its file says; a parent can always get a slot for a child."""
    capacity = profile.capacity
    name, limit = profile.work_pool, capacity.pipelines + capacity.steps
    place = f"{profile.kind}, {profile.jurisdiction}, clearance {profile.clearance.word}"
    document = pool_document(name, f"{profile.description or profile.name} ({place})") | {
        "concurrency_limit": limit
    }
    _create_or_update(
        server,
        "/work_pools/",
        document,
        f"/work_pools/{name}",
        {"description": document["description"], "concurrency_limit": limit},
    )
    for queue, most in (("steps", capacity.steps), ("pipelines", capacity.pipelines)):
        _create_or_update(
            server,
            f"/work_pools/{name}/queues",
            {"name": queue, "concurrency_limit": most},
            f"/work_pools/{name}/queues/{queue}",
            {"concurrency_limit": most},
        )


def _create_or_update(
    server: Server, create: str, document: dict[str, Any], update: str, change: dict[str, Any]
) -> None:
    answer = server.request("POST", create, document)
    if answer.status_code == _CONFLICT:
        server.ask("PATCH", update, change)
    elif not answer.is_success:
        raise UnreachableError(f"the Prefect server refused POST {create}: HTTP {answer.status_code}")


def _deployment(
    server: Server, item: Registration, flow_id: str, there: dict[str, Any] | None, *, reset: bool
) -> Registered:
    schedules = [schedule.to_server() for schedule in item.schedules]
    if there is None:
        body = item.body | {"flow_id": flow_id, "version": item.version, "schedules": schedules}
        _send(server, "POST", "/deployments/", body, item)
        return _registered(item, "created", item.schedules, edited=False)
    present = tuple(Schedule.from_server(raw) for raw in there.get("schedules") or ())
    before = str(there.get("version") or "").rpartition(".")[2]
    edited = digest_of(present) != before and digest_of(present) != digest_of(item.schedules)
    renew = digest_of(present) != digest_of(item.schedules) and (reset or not edited)
    if there.get("version") == item.version and not renew:
        return _registered(item, "unchanged", present, edited=edited)
    path = f"/deployments/{there['id']}"
    update = {key: value for key, value in item.body.items() if key != "name"} | {"version": item.version}
    if edited and not reset:
        # The old digest stays, so that the edit is still told next time.
        update["version"] = item.version.rpartition(".")[0] + f".{before}"
    if renew:
        update["schedules"] = schedules
    if update["version"] == there.get("version") and not renew:
        return _registered(item, "unchanged", present, edited=edited)
    _send(server, "PATCH", path, update, item)
    return _registered(item, "updated", item.schedules if renew else present, edited=edited and not renew)


def _send(server: Server, method: str, path: str, body: dict[str, Any], item: Registration) -> None:
    answer = server.request(method, path, body)
    if answer.status_code == _UNPROCESSABLE:
        raise UsageError(
            f"{item.name}: the server does not take it as it is",
            remedy="look at the schedule's cron expression in site.toml",
        )
    if not answer.is_success:
        raise UnreachableError(f"{item.name}: the Prefect server refused it: HTTP {answer.status_code}")


def _registered(
    item: Registration, change: str, schedules: tuple[Schedule, ...], *, edited: bool
) -> Registered:
    words = tuple(schedule.words for schedule in schedules)
    return Registered(item.name, change, words, edited, item.queue, item.tags)
