"""Whoever can write to the transit, against a pump that takes in what lies there without being told of it."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from data_contracts.errors import NotVerifiableError
from environments.boundary import egress
from environments.outbox import open_outbox

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
pytest.register_assert_rewrite("pumping_world")

from pumping_world import PumpingAskingWorld, PumpingWorld, rows  # noqa: E402 - after the path

DAY = dt.timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> PumpingWorld:
    return PumpingWorld(tmp_path)


def said(world: PumpingWorld, name: str) -> int:
    """How many entries a ledger has."""
    return sum(1 for _ in world.env(name).ledger.entries())


def test_manifests_that_nobody_signed_fill_no_ledger_and_stop_nothing(world: PumpingWorld) -> None:
    world.queue(world.add(rows(40)), "request-1")
    world.pump("onprem")
    genuine = next(world.transit().rglob("manifest")).read_bytes()
    for number in range(30):
        folder = world.transit() / f"{number:064x}"
        folder.mkdir(mode=0o700)
        (folder / "manifest").write_bytes(b"{}" if number % 2 else genuine)  # of another crossing
        (folder / "request").write_bytes(b"")
        (folder / "receipt.d").mkdir()
    assert world.pump("cloud") == {"received_permitted": 1}
    before = said(world, "cloud")
    for _ in range(5):
        world.now += dt.timedelta(hours=2)
        world.pump("cloud")
    assert said(world, "cloud") == before
    assert world.arrived() == [40]
    with open_outbox(world.folder("cloud")) as outbox:
        arrival = outbox.arrival("onprem", f"sha256:{1:064x}")
    assert arrival is not None
    assert arrival.reason
    world.until_quiet()
    assert world.states() == ["arrived"]


def test_an_old_manifest_that_is_played_again_fills_no_ledger(world: PumpingWorld) -> None:
    """Signed and genuine, and older than it counts: left lying, looked at ever more seldom."""
    record = world.add(rows(40))
    sent = egress(world.env("onprem"), world.request(record), queued=True)
    world.now += 8 * DAY
    before = said(world, "cloud")
    for _ in range(5):
        assert world.pump("cloud") == {}
        world.now += dt.timedelta(hours=2)
    assert said(world, "cloud") == before
    assert (world.transit() / sent.crossing[7:] / "manifest").exists()


def test_a_crossing_that_is_played_again_commits_nothing_again(world: PumpingWorld) -> None:
    world.queue(world.add(rows(40)), "request-1")
    world.pump("onprem")
    shutil.copytree(world.transit(), world.root / "copy")
    world.until_quiet()
    before = said(world, "cloud")
    shutil.copytree(world.root / "copy", world.transit(), dirs_exist_ok=True)
    for _ in range(3):
        world.now += dt.timedelta(hours=2)
        world.pump("cloud")
    assert world.arrived() == [40]
    assert said(world, "cloud") == before


def planted_again_and_again(world: PumpingWorld, *, lasts: dt.timedelta) -> Path:
    """Plant a receipt before each round, for hours, of what was sent; return where that lies."""
    world.queue(world.add(rows(40)), "request-1", lasts=lasts)
    world.pump("onprem")
    place = next(world.transit().rglob("manifest")).parent
    before = said(world, "onprem")
    for _ in range(200):
        (place / "receipt").write_bytes(b"{}")
        world.now += dt.timedelta(minutes=2)
        world.pump("onprem")
    assert said(world, "onprem") - before <= 20
    return place


def test_a_planted_receipt_settles_nothing_and_is_read_ever_more_seldom(world: PumpingWorld) -> None:
    planted_again_and_again(world, lasts=60 * DAY)
    assert world.states() == ["sent"]
    world.until_quiet(step=4000.0)
    assert (world.states(), world.arrived()) == (["arrived"], [40])


def test_a_receipt_planted_again_and_again_fills_no_ledger_after_the_time_is_over_either(
    world: PumpingWorld,
) -> None:
    place = planted_again_and_again(world, lasts=dt.timedelta(hours=1))
    for _ in range(100):
        world.now += dt.timedelta(minutes=2)
        world.pump("onprem")
    assert (world.states(), place.exists()) == (["expired"], False)


def test_a_receipt_that_was_damaged_is_given_again(world: PumpingWorld) -> None:
    world.queue(world.add(rows(40)), "request-1")
    world.pump("onprem")
    world.pump("cloud")
    [receipt] = world.transit().rglob("receipt")
    receipt.write_bytes(receipt.read_bytes()[:-9])
    world.now += dt.timedelta(minutes=1)
    world.until_quiet(step=400.0)
    assert (world.states(), world.arrived()) == (["arrived"], [40])


def test_an_answer_stays_while_only_its_destinations_keys_are_not_known(
    world: PumpingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.queue(world.add(rows(40)), "request-1", lasts=dt.timedelta(hours=1))
    world.pump("onprem")
    world.pump("cloud")
    [receipt] = world.transit().rglob("receipt")

    def unknown(*_: object) -> NoReturn:
        raise NotVerifiableError("the trust document has expired")

    with monkeypatch.context() as patched:
        patched.setattr("environments.boundary.context.peer_identity", unknown)
        for _ in range(60):
            world.now += dt.timedelta(minutes=2)
            world.pump("onprem")
        assert (world.states(), receipt.exists()) == (["sent"], True)
    world.now += dt.timedelta(hours=1)
    world.pump("onprem")
    assert (world.states(), world.arrived()) == (["arrived"], [40])


@pytest.mark.parametrize("what", ["taken away", "exchanged"])
def test_a_statement_beside_the_manifest_that_was_changed_earns_no_name(tmp_path: Path, what: str) -> None:
    world = PumpingAskingWorld(tmp_path)
    record = world.add(rows(60))
    request = world.request(record, request_id="request-1")
    world.queue(record, "request-1", signed=world.queued_sign("anna", request))
    world.pump("onprem")
    [statement] = world.transit().rglob("request")
    if what == "taken away":
        statement.write_bytes(b"")
    else:
        statement.write_bytes(world.queued_sign("bob", request))
    assert world.pump("cloud") == {"received_denied": 1}
    assert world.arrived() == []
    [there] = [entry.body for entry in world.env("cloud").ledger.entries() if entry.kind == "ingress"]
    assert there["requester"] == "unattributed"


def test_a_listing_without_end_lets_one_line_rest_and_no_other(
    world: PumpingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    from environments.transit import names

    monkeypatch.setattr(names, "MAX_CROSSINGS", 5)
    for number in range(9):
        (world.transit("edge", "cloud") / f"{number:064x}").mkdir(mode=0o700, parents=True)
    world.queue(world.add(rows(40)), "request-1")
    world.pump("onprem")
    assert world.pump("cloud") == {"received_permitted": 1}
    with open_outbox(world.folder("cloud")) as outbox:
        assert "more than 5 crossings" in outbox.line("edge", "fetch").reason
