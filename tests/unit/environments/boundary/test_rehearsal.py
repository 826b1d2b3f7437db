"""A rehearsal says what the egress then does, and leaves nothing anywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from boundary_world import World, rows

from data_contracts.errors import UsageError
from environments.boundary import egress, ingress, rehearse, settle
from environments.transit import open_transit


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def everything(world: World) -> dict[str, str]:
    return world.files("onprem", "cloud", "edge")


def test_it_says_what_the_egress_does_and_leaves_nothing(world: World) -> None:
    asked = world.request(world.add(rows()))
    before, entries = everything(world), len(list(world.env("onprem").ledger.entries()))
    told = rehearse(world.env("onprem"), asked)
    after = everything(world)
    remembered = {path for path in after if "/economy/" in path}
    assert {path: digest for path, digest in after.items() if path not in remembered} == before
    assert not world.transit().exists()
    assert list(world.folder("onprem").tmp.iterdir()) == []
    assert len(list(world.env("onprem").ledger.entries())) == entries
    sent = egress(world.env("onprem"), asked)
    assert (told.crossing, told.outcome, told.version, told.arrival) == (
        sent.crossing,
        sent.outcome,
        sent.version,
        sent.arrival,
    )
    assert told.rows == rows().num_rows
    assert told.size > 0


def test_what_the_destination_has_already_is_not_counted(world: World) -> None:
    asked = world.request(world.add(rows()))
    sent = egress(world.env("onprem"), asked)
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"
    again = replace(asked, request_id="run-2/sync-1")
    assert rehearse(world.env("onprem"), again).size == 0


def test_denied_and_broken_are_told_with_their_rules(world: World) -> None:
    record = world.add(rows())
    env = world.env("onprem")
    denied = rehearse(env, replace(world.request(record), purpose="marketing"))
    assert (denied.outcome, denied.rows, denied.size) == ("denied", 0, 0)
    assert denied.rules == egress(env, replace(world.request(record), purpose="marketing")).rules
    column = rows().column_names.index("age")
    wrong = rows().set_column(column, "age", [[200] * rows().num_rows])
    bad = world.request(world.add(wrong.cast(rows().schema), name="bad"))
    broken = rehearse(env, bad)
    assert broken.outcome == "broken"
    assert broken.rules == egress(env, bad).rules
    assert list(world.folder("onprem").tmp.iterdir()) == []


def test_it_opens_no_transit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a transit was opened")

    asked = world.request(world.add(rows()))
    monkeypatch.setattr("environments.boundary.context.open_transit", refuse)
    assert rehearse(world.env("onprem"), asked).outcome == "permitted"
    assert open_transit is not refuse
    with pytest.raises(UsageError):
        rehearse(world.env("onprem"), replace(asked, name="nothing"))
