"""A destination that lies in its receipts.

Each test shows what the source refuses, and that nothing of its own changed but the entry in its ledger
that says so.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_forgery import changed, lying
from boundary_world import World, rows

from data_contracts.digest import digest_bytes
from environments.boundary import CrossingFailedError, EgressResult, egress, ingress, settle
from environments.boundary.receipt import Receipt, open_receipt, seal_receipt

pytestmark = pytest.mark.attack


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def sent(world: World) -> EgressResult:
    return egress(world.env("onprem"), world.request(world.add(rows())))


def answered(world: World, sent: EgressResult) -> Receipt:
    ingress(world.env("cloud"), "onprem", sent.crossing)
    raw = lying(world, sent.crossing, "receipt").read_bytes()
    return open_receipt(raw, world.env("cloud").identity.public)[0]


def unsettled(world: World, sent: EgressResult) -> None:
    env = world.env("onprem")
    before, lies = world.files("onprem"), sorted(world.transit().rglob("*"))
    with pytest.raises(CrossingFailedError) as caught:
        settle(env, "cloud", sent.crossing)
    assert caught.value.rule == "receipt"
    assert changed(before, world.files("onprem")) <= {"ledger.db", "ledger.db-journal"}
    assert sorted(world.transit().rglob("*")) == lies
    assert list(env.ledger.entries())[-1].body["outcome"] == "failed"


@pytest.mark.parametrize(
    "change",
    [
        {"manifest": digest_bytes(b"never sent")},
        {"crossing": digest_bytes(b"another")},
        {"version": digest_bytes(b"another")},
        {"contract": digest_bytes(b"weaker")},
        {"contract": ""},
        {"name": "others"},
        {"source": "edge"},
        {"destination": "edge"},
        {"witnessed": 999},
        {"outcome": "denied"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_receipt_that_lies(world: World, sent: EgressResult, change: dict[str, Any]) -> None:
    receipt = replace(answered(world, sent), **change)
    lying(world, sent.crossing, "receipt").write_bytes(seal_receipt(receipt, world.env("cloud").identity))
    unsettled(world, sent)


def test_a_receipt_forged_by_another_environment(world: World, sent: EgressResult) -> None:
    receipt = answered(world, sent)
    lying(world, sent.crossing, "receipt").write_bytes(seal_receipt(receipt, world.env("edge").identity))
    unsettled(world, sent)


def test_a_receipt_of_another_crossing(world: World, sent: EgressResult) -> None:
    record = world.env("onprem").store.record("visits")
    other = egress(world.env("onprem"), world.request(record, request_id="run-2"))
    answered(world, other)
    shutil.copyfile(lying(world, other.crossing, "receipt"), lying(world, sent.crossing, "receipt"))
    unsettled(world, sent)


def test_an_altered_receipt(world: World, sent: EgressResult) -> None:
    answered(world, sent)
    path = lying(world, sent.crossing, "receipt")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    unsettled(world, sent)


def test_a_destination_that_rewrote_its_history(world: World, sent: EgressResult) -> None:
    record = world.env("onprem").store.record("visits")
    answered(world, sent)
    settle(world.env("onprem"), "cloud", sent.crossing)
    second = egress(world.env("onprem"), world.request(record, request_id="run-2"))
    (world.folder("cloud").ledger / "ledger.db").unlink()
    shutil.rmtree(world.folder("cloud").ledger / "shown")
    answered(world, second)
    unsettled(world, second)
