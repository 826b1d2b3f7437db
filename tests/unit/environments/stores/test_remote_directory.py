"""The store on objects, over a directory that keeps them: the whole suite without a server; bad weather."""

from __future__ import annotations

import sys
from pathlib import Path

import obstore.store
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from faulty_transit import Faults, Weather
from remote_store_suite import RemoteStoreSuite
from stormy_crossing import STORMS
from stormy_store import faulty, storm_over

from environments.objects.bucket import Bucket, Objects


def objects(place: Path) -> Objects:
    return Bucket(obstore.store.LocalStore(place, mkdir=True), "root", "the store")


class TestDirectoryObjects(RemoteStoreSuite):
    def bucket(self, folder: Path) -> Objects:
        return objects(folder.parent / "objects")


class TestFaultyDirectoryObjects(TestDirectoryObjects):
    """Each request slow now and then, and many writes twice: nothing that a caller sees may differ."""

    # Hundreds of commits each: without the weather alone.
    test_whatever_is_committed_the_store_is_its_model = None
    test_killed_between_any_two_steps_all_members_are_there_or_none = None

    def around(self, bucket: Objects) -> Objects:
        return faulty(bucket, Weather(Faults(duplicate=0.3, delay=0.2), 1))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("storm", STORMS)
def test_bad_weather(tmp_path: Path, storm: str, seed: int) -> None:
    storm_over(objects(tmp_path / "objects"), tmp_path, storm, seed)
