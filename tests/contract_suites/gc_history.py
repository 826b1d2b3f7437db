"""Old versions that go while others are added, sent, received and settled, in an order that chance gives.

`History` runs over whatever stores a `World` has; what must hold afterwards is `nothing_is_lost`.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pyarrow as pa
from boundary_world import World, rows

from environments.boundary import egress, ingress, settle
from environments.consistency.collecting import collect, plan
from environments.consistency.keeping import Wish
from environments.consistency.reconciling import find, tell
from environments.ledger import verify_ledger
from environments.stores import AssetRecord

NEWEST = Wish(keep=1)


def changed(number: int) -> pa.Table:
    """Return rows of which the last one differs, and the first one from the next: some chunks are shared."""
    table = rows(300)
    scores = [float(number % 2), *table["score"].to_pylist()[1:-1], float(number)]
    return table.set_column(3, "score", pa.array(scores, pa.float64()))


def send(world: World, record: AssetRecord, request: str) -> str:
    return egress(world.env("onprem"), world.request(record, request_id=request)).crossing


def cross(world: World, record: AssetRecord, request: str) -> str:
    crossing = send(world, record, request)
    assert ingress(world.env("cloud"), "onprem", crossing).outcome == "permitted"
    assert settle(world.env("onprem"), "cloud", crossing).outcome == "permitted"
    return crossing


def collected(world: World, name: str, wish: Wish = NEWEST) -> dict[int, str]:
    """Collect on one side, which knows what the other tells; return why each version stays, by its number."""
    peer = {"onprem": "cloud", "cloud": "onprem"}[name]
    env = world.env(name)
    decided = collect(env, plan(env, wish, {peer: tell(world.env(peer), [name])[name]}))
    return {each.record.sequence: each.reason for each in decided}


class History:
    """Versions that are added, sent, received, settled and collected, in an order that chance gives."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance = world, random.Random(seed)  # noqa: S311 - a reproducible history
        self.waiting: list[str] = []
        self.count = 0

    def step(self) -> None:
        steps: list[Callable[[], None]] = [self.add, self.send, self.send, self.go, self.go]
        self.chance.choice([*steps, self.receive, self.receive, self.settle])()

    def add(self) -> None:
        self.count += 1
        self.world.add(changed(self.count))

    def send(self) -> None:
        versions = self.world.store("onprem").versions("visits")
        request = f"run-{self.count}-{len(self.waiting)}"
        self.waiting.append(send(self.world, self.chance.choice(versions[-2:]), request))

    def receive(self) -> None:
        if self.waiting:
            came = ingress(self.world.env("cloud"), "onprem", self.chance.choice(self.waiting))
            assert came.outcome == "permitted"

    def settle(self) -> None:
        ledger = self.world.env("cloud").ledger
        came = [crossing for crossing in self.waiting if ledger.find("ingress", crossing=crossing)]
        if came:
            crossing = self.chance.choice(came)
            settle(self.world.env("onprem"), "cloud", crossing)
            self.waiting.remove(crossing)

    def go(self) -> None:
        collected(self.world, self.chance.choice(["onprem", "cloud", "cloud"]))


def nothing_is_lost(world: World, seed: int, steps: int = 30) -> None:
    """Let chance go on for some steps, then end every crossing, and compare everything with everything."""
    history = History(world, seed)
    history.add()
    for _ in range(steps):
        history.step()
    for crossing in history.waiting:
        assert ingress(world.env("cloud"), "onprem", crossing).outcome == "permitted"
        settle(world.env("onprem"), "cloud", crossing)
    cross(world, world.add(changed(1000)), "last")
    for name, peer in (("onprem", "cloud"), ("cloud", "onprem")):
        env = world.env(name)
        assert find(env, {peer: tell(world.env(peer), [name])[name]}, every_byte=True) == ()
        assert verify_ledger(env.folder.ledger, env.identity.public).success
