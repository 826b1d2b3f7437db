"""The world of the second kind: outboxes, limits, several versions and assets, and who may recall."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
from asking_world import ASKS, KEYS, AskingWorld
from boundary_world import START, rows
from queued_schedule import QUEUED, Act, Limit
from simworld import NAMES, SimWorld

from environments.boundaries import BoundaryLimits, Budget
from environments.boundary import CrossingRequest, Member, crossing_id
from environments.boundary.members import list_digest
from environments.outbox import OutboxLimits
from environments.profile import Profile
from environments.stores import AssetRecord
from environments.timetable import parse_window
from environments.trust.changing import with_requester
from environments.trust.requests import new_request, recall_asks, sign_request

if TYPE_CHECKING:
    from machinery import Machinery

__all__ = ["QueuedWorld"]


class _World(AskingWorld):
    """Whoever asks may send; anna may recall, everywhere."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand(*NAMES, requesters=("unattributed",))
        may = replace(ASKS, environments=("*",), assets=("*",), destinations=("*",), purposes=("recall",))
        document = self.authority.need().document
        document = with_requester(document, replace(document.requesters["anna"], may=may), self.now)
        self.share(replace(document, version=3))


class QueuedWorld(SimWorld):
    """See the module."""

    world_kind = _World

    def tables(self) -> dict[str, list[pa.Table]]:
        return super().tables() | {"tests-1": [rows(30)]}

    def profile(self, name: str, simulation: Machinery) -> Profile:
        schedule = simulation.schedule
        limits = tuple(boundary_limits(each) for each in schedule.limits if each.environment == name)
        outbox = OutboxLimits(entries=schedule.quota, in_flight=schedule.in_flight)
        return replace(self.world.profiles[name], boundaries=limits, outbox=outbox)

    def sent(self, act: Act) -> tuple[AssetRecord, ...]:
        """Return the versions that an act is about."""
        return tuple(self.records[act.source][key] for key in QUEUED[act.what])

    def request(self, act: Act, number: int) -> CrossingRequest:
        """Return what an act queues."""
        members = [Member(record.name, record.version) for record in self.sent(act)]
        return CrossingRequest.of(members, act.destination, act.purpose, f"run-{number}")

    def crossing(self, act: Act, number: int) -> str:
        """Return the id of the crossing that an act queues."""
        request = self.request(act, number)
        records = {record.name: record for record in self.sent(act)}
        digests = [records[member.name].contract_digest for member in request.assets]
        whole = digests[0] if len(digests) == 1 else list_digest(digests)
        return crossing_id(act.source, request, whole)

    def wish(self, record: AssetRecord, source: str, now: float) -> bytes:
        """Sign for a recall."""
        asks = recall_asks(source, record.name, record.version)
        moment = START + dt.timedelta(seconds=now)
        return sign_request(new_request("anna", "recall", record.name, moment, asks), KEYS["anna"])


def boundary_limits(limit: Limit) -> BoundaryLimits:
    """Return a limit as an environment's file declares it."""
    return BoundaryLimits(
        limit.peer,
        limit=limit.rate or None,
        windows=(parse_window(limit.window),) if limit.window else (),
        budget=(Budget(limit.budget, "hour"),) if limit.budget else (),
    )
