"""Crossings in bad weather, over any transit: each ends in exactly one version, or in a refusal.

```python
storm_over(tmp_path, spec, "all at once")
```
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from boundary_world import World, rows
from faulty_transit import Faults, StormyContext, Weather

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.boundary import egress, ingress, settle
from environments.ledger import verify_ledger
from environments.transits import TransitSpec

STORMS = {
    "errors": Faults(error=0.25),
    "errors after the fact": Faults(late=0.25),
    "delays and duplicates": Faults(delay=0.3, duplicate=0.5),
    "short reads": Faults(short=0.5),
    "lost writes": Faults(lost=0.4),
    "reordered writes": Faults(reorder=0.3),
    "replayed writes": Faults(replay=0.4),
    "stale reads": Faults(stale=0.3),
    "all at once": Faults(
        error=0.03,
        late=0.03,
        delay=0.1,
        short=0.03,
        duplicate=0.1,
        replay=0.1,
        reorder=0.1,
        lost=0.03,
        stale=0.05,
    ),
}
REFUSALS = (UnreachableError, NotVerifiableError)


def attempt(world: World, weather: Weather) -> None:
    onprem, cloud = (StormyContext.around(world.env(name), weather) for name in ("onprem", "cloud"))
    record = world.env("onprem").store.record("visits")
    sent = egress(onprem, world.request(record))
    assert sent.outcome == "permitted"
    assert ingress(cloud, "onprem", sent.crossing).outcome == "permitted"
    assert settle(onprem, "cloud", sent.crossing).outcome == "permitted"


def whole(world: World) -> int:
    """Return how many versions the destination has, each of them checked."""
    store = world.env("cloud").store
    versions = store.versions("visits") if "visits" in store.names() else ()
    for there in versions:
        store.verify(there)
        tables = [pq.read_table(path) for path in store.open(there)]
        assert sum(table.num_rows for table in tables) == 300
        assert [score for table in tables for score in table["score"].to_pylist()] == rows()[
            "score"
        ].to_pylist()
    return len(versions)


def cross_in(weather: Weather, world: World) -> None:
    world.add(rows())
    for _ in range(6):
        with suppress(*REFUSALS):
            attempt(world, weather)
        assert whole(world) <= 1
    # The weather clears; what was still under way arrives, in any order.
    weather.faults = Faults()
    weather.arrive(all_of_it=True)
    attempt(world, weather)
    assert whole(world) == 1
    for name in ("onprem", "cloud"):
        report = verify_ledger(world.folder(name).ledger, world.env(name).identity.public)
        assert report.success, report.problems


def storm_over(tmp_path: Path, spec: TransitSpec | None, storm: str, seed: int = 0) -> None:
    """Cross in a storm, between two environments that meet where `spec` says; None for the common home."""
    for number in range(8):
        weather = Weather(STORMS[storm], 100 * seed + number)
        world = World(tmp_path / f"world-{number}")
        if spec is not None:
            for name, peer in (("onprem", "cloud"), ("cloud", "onprem")):
                world.profiles[name] = replace(world.profiles[name], transits=(replace(spec, peer=peer),))
        cross_in(weather, world)
        assert world.transit().exists() == (spec is None)
        if weather.happened:
            return
    pytest.fail("the storm never came")
