"""Crossings in bad weather: each ends in exactly one version, or in a refusal that says what to do."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from boundary_world import World, rows
from faulty_transit import Faults, FaultyTransit, PatientTransit, StormyContext, Weather
from transit_suite import TransitSuite

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.boundary import egress, ingress, settle
from environments.boundary.transit import DirectoryTransit, Transit
from environments.ledger import verify_ledger

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
SEEDS = range(2)
REFUSALS = (UnreachableError, NotVerifiableError)


class TestCalm(TransitSuite):
    def open_transit(self, place: Path) -> Transit:
        return FaultyTransit(DirectoryTransit(place), Weather(Faults(), 0))


class TestDuplicatesAndDelays(TransitSuite):
    def open_transit(self, place: Path) -> Transit:
        return FaultyTransit(DirectoryTransit(place), Weather(Faults(duplicate=0.5, delay=0.3), 1))


class TestErrorsAndPatience(TransitSuite):
    seeds = count()

    def open_transit(self, place: Path) -> Transit:
        faulty = FaultyTransit(
            DirectoryTransit(place), Weather(Faults(error=0.4, duplicate=0.3), next(self.seeds))
        )
        return PatientTransit(faulty)  # type: ignore[return-value]


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


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("storm", STORMS)
def test_a_crossing_in_bad_weather(tmp_path: Path, storm: str, seed: int) -> None:
    for number in range(8):
        weather = Weather(STORMS[storm], 100 * seed + number)
        cross_in(weather, World(tmp_path / str(number)))
        if weather.happened:
            return
    pytest.fail("the storm never came")


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


def test_a_writer_is_not_told_that_it_won_by_an_error(tmp_path: Path) -> None:
    """After an error nobody knows: the second answer is False, and the object is the first writer's own."""
    weather = Weather(Faults(late=1), 0)
    transit = FaultyTransit(DirectoryTransit(tmp_path / "transit"), weather)
    name = f"{'a' * 64}/manifest"
    with pytest.raises(UnreachableError):
        transit.create(name, b"mine")
    weather.faults = Faults()
    assert not transit.create(name, b"mine")
    assert transit.get(name, limit=9) == b"mine"
