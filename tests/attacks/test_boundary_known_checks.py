"""A check that was made is used again for the same version, contract and engine; what was altered never is.

Counts are of the work itself: the partitions that the gate checked.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_world import TO_CLOUD, World, rows, visits

from environments.boundary import EgressResult, egress
from environments.boundary.checking import _CheckPart
from environments.boundary.economy import known
from environments.stores import AssetRecord

pytestmark = pytest.mark.attack
TO_EDGE = {**TO_CLOUD, "to": "edge", "purposes": ["batch-inference"]}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    for name in made.documents:
        made.documents[name] = [visits(TO_CLOUD, TO_EDGE)]
    return made


def crossed(world: World, record: AssetRecord, ask: str, **changes: str) -> tuple[EgressResult, int]:
    """Send, and return how many parts of the source were checked for it."""
    checked = []

    def over(function: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
        parts = list(items)
        if isinstance(function, _CheckPart):
            checked.extend(parts)
        return [function(item) for item in parts]

    env = replace(world.env("onprem"), partition_map=over)
    return egress(env, world.request(record, request_id=ask, **changes)), len(checked)


def entries(world: World) -> list[Path]:
    return sorted((world.folder("onprem").economy / "passed").glob("*.json"))


def test_a_second_destination_and_purpose_use_the_check_of_the_version(world: World) -> None:
    record = world.add(rows())
    first, checked = crossed(world, record, "one")
    assert (first.outcome, checked) == ("permitted", 3)
    second, checked = crossed(world, record, "two", destination="edge", purpose="batch-inference")
    assert (second.outcome, checked) == ("permitted", 0)
    assert second.arrival != first.arrival, "what leaves is transformed and checked for itself"
    assert len(entries(world)) == 1
    assert entries(world)[0].stat().st_mode & 0o777 == 0o600


def test_another_version_or_contract_is_checked(world: World) -> None:
    record = world.add(rows())
    crossed(world, record, "one")
    other = world.add(rows(301))
    assert crossed(world, other, "two")[1] == 3
    for name in world.documents:
        world.documents[name] = [visits(TO_CLOUD, TO_EDGE, version="1.0.1")]
    again = world.add(rows())
    assert (again.version, crossed(world, again, "three")[1]) == (record.version, 3)


def test_another_engine_checks_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    record = world.add(rows())
    crossed(world, record, "one")
    monkeypatch.setattr(known, "engine", lambda: "sha256:" + "0" * 64)
    assert crossed(world, record, "two")[1] == 3
    assert len(entries(world)) == 2


def test_what_broke_its_contract_is_not_remembered(world: World) -> None:
    table = rows()
    broken = table.set_column(2, "age", pa.array([500] * table.num_rows))
    record = world.add(broken)
    for ask in ("one", "two"):
        end, checked = crossed(world, record, ask)
        assert (end.outcome, checked) == ("broken", 3)
    assert entries(world) == []


def _tells_of_the_broken(told: dict[str, Any], version: str) -> None:
    told["about"]["version"] = version


def _another_signature(told: dict[str, Any], _version: str) -> None:
    told["signature"] = "A" * 86 + "=="


def _no_signature(told: dict[str, Any], _version: str) -> None:
    del told["signature"]


@pytest.mark.parametrize("change", [None, _tells_of_the_broken, _another_signature, _no_signature])
def test_a_pass_that_was_forged_for_data_that_breaks_its_contract(
    world: World, change: Callable[[dict[str, Any], str], None] | None
) -> None:
    """Whoever can write into the folder, and has no key, makes nothing pass."""
    crossed(world, world.add(rows()), "genuine")
    [genuine] = entries(world)
    table = rows()
    record = world.add(table.set_column(2, "age", pa.array([500] * table.num_rows)))
    contract = world.contract()
    place = known._path(world.env("onprem"), known._about(record, contract))
    shutil.copy(genuine, place)
    if change is not None:
        told = json.loads(place.read_bytes())
        change(told, record.version)
        place.write_text(json.dumps(told))
    end, checked = crossed(world, record, "forged")
    assert (end.outcome, checked) == ("broken", 3)
    assert not place.exists(), "what does not verify is removed"
    assert world.env("cloud").store.names() == ()
    assert not list(world.transit().glob(f"{end.crossing[7:]}/*"))


def test_an_entry_of_another_environment_counts_nothing(world: World) -> None:
    record = world.add(rows())
    about = known._about(record, world.contract())
    stranger = world.env("edge")
    own = world.env("onprem")
    known.remember_pass(replace(stranger, folder=own.folder), record, world.contract())
    assert known._path(own, about).exists()
    assert crossed(world, record, "one")[1] == 3


def test_bytes_that_changed_after_the_check_do_not_cross(world: World) -> None:
    record = world.add(rows())
    crossed(world, record, "one")
    [path] = world.folder("onprem").store.rglob("part-00000.parquet")
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Exception, match="part-00000"):
        crossed(world, record, "two")


def test_the_newest_entries_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_MOST", 2)
    for count in (10, 11, 12):
        known.remember_pass(world.env("onprem"), world.add(rows(count)), world.contract())
    assert len(entries(world)) == 2


def test_a_contract_that_looks_elsewhere_is_checked_every_time(world: World) -> None:
    document = visits(TO_CLOUD, TO_EDGE)
    query = {"name": "some", "type": "sql", "query": "SELECT count(*) FROM visits", "mustBeGreaterThan": 0}
    document["schema"][0]["quality"] = [query]
    for name in world.documents:
        world.documents[name] = [document]
    record = world.add(rows())
    assert [crossed(world, record, ask)[1] for ask in ("one", "two")] == [3, 3]
    assert entries(world) == []
