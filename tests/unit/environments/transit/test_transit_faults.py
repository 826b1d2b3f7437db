"""Crossings in bad weather over the home's folder, and the weather itself under the suite."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from faulty_transit import Faults, FaultyTransit, PatientTransit, Weather
from stormy_crossing import STORMS, storm_over
from transit_suite import TransitSuite

from data_contracts.errors import UnreachableError
from environments.transit import DirectoryTransit, Transit

SEEDS = range(2)


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


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("storm", STORMS)
def test_a_crossing_in_bad_weather(tmp_path: Path, storm: str, seed: int) -> None:
    storm_over(tmp_path, None, storm, seed)


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
