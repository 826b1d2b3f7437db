"""A world whose environments pump, each for itself, at the moment that the world's clock says.

`World.pump(name)` makes one round; `World.until_quiet` makes rounds on both sides until nothing more happens.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

import pyarrow as pa
from asking_world import AskingWorld
from boundary_world import World, rows

from data_contracts.registry import ContractRegistry
from environments.boundary import CrossingRequest
from environments.boundary.pump import Pump
from environments.boundary.queueing import enqueue
from environments.outbox import Queued, open_outbox
from environments.stores import AssetRecord

__all__ = ["PumpingAskingWorld", "PumpingWorld", "rows"]

SIDES = ("onprem", "cloud")


class PumpingWorld(World):
    """Environments with outboxes; contracts are read once for each of their forms."""

    _read: ClassVar[dict[str, ContractRegistry]] = {}

    def registry(self, name: str) -> ContractRegistry:
        key = json.dumps(self.documents[name])
        if key not in self._read:
            self._read[key] = super().registry(name)
        return self._read[key]

    def queue(self, record: AssetRecord, request_id: str, **more: object) -> Queued:
        """Queue one version for the cloud; `destination`, `purpose` and what `enqueue` takes may be named."""
        asked = {key: str(more.pop(key)) for key in ("destination", "purpose") if key in more}
        signed = more.pop("signed", None)
        request = self.request(record, request_id=request_id, **asked)
        return enqueue(self.env("onprem"), request, signed, **more)  # type: ignore[arg-type]

    def pump(
        self, name: str, *, progress: Callable[[str], None] | None = None, lanes: int = 1
    ) -> Counter[str]:
        pump = Pump(lambda: self.env(name, progress=progress), draw=lambda: 1.0, lanes=lanes)
        return pump.round()

    def until_quiet(self, *, step: float = 40.0, rounds: int = 12) -> Counter[str]:
        """Pump both sides in turn, `step` seconds apart, until a pause after everything stays quiet."""
        did: Counter[str] = Counter()
        quiet = 0
        for _ in range(rounds):
            made = self.pump("onprem") + self.pump("cloud")
            did += made
            quiet = 0 if made else quiet + 1
            self.now += dt.timedelta(seconds=step)
            if quiet == 2:
                return did
        raise AssertionError(f"it never became quiet: {did}")

    def entry(self, request_id: str, name: str = "onprem") -> Queued:
        with open_outbox(self.folder(name)) as outbox:
            [found] = outbox.find(request_id)
        return found

    def states(self, name: str = "onprem") -> list[str]:
        with open_outbox(self.folder(name)) as outbox:
            return [entry.state for entry in outbox.entries(ended=True)]

    def arrived(self, name: str = "cloud") -> list[int]:
        """Rows of every version at a destination, oldest first."""
        return [record.rows or 0 for record in self.env(name).store.versions("visits")]

    def spoken(self, name: str = "onprem") -> list[tuple[str, object, list[str]]]:
        """Kind, outcome and rules of every entry of a ledger that has an outcome."""
        return [
            (entry.kind, entry.body["outcome"], [rule["id"] for rule in entry.body.get("rules", ())])
            for entry in self.env(name).ledger.entries()
            if "outcome" in entry.body
        ]

    def cut(self, destination: str = "cloud") -> None:
        """Cut the link: where the folder lay, there is something that is none."""
        place = self.home.root / "transit/onprem"
        place.mkdir(parents=True, exist_ok=True)
        link = place / destination
        if link.exists():
            shutil.move(link, self.root / f"away-{destination}")
        link.touch(mode=0o600)

    def heal(self, destination: str = "cloud") -> None:
        link = self.home.root / "transit/onprem" / destination
        link.unlink()
        if (self.root / f"away-{destination}").exists():
            shutil.move(self.root / f"away-{destination}", link)


class PumpingAskingWorld(AskingWorld, PumpingWorld):
    """The same, where who asks is signed."""

    def queued_sign(self, who: str, request: CrossingRequest, lasts: dt.timedelta | None = None) -> bytes:
        from asking_world import KEYS

        from environments.trust.requests import new_request, sign_request, sync_asks

        asks = sync_asks("onprem", request.name, request.version, request.destination, request.purpose)
        statement = new_request(who, "queue", request.name, self.now, asks, lasts=lasts)
        return sign_request(statement, KEYS[who])


def tables(count: int) -> list[pa.Table]:
    """Tables of different lengths, so that versions differ."""
    return [rows(40 + number) for number in range(count)]
