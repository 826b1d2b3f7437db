"""The outbox by itself: what is taken in, in which order it is given out, and what survives what."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts.digest import digest_bytes
from data_contracts.errors import DeniedError, NotVerifiableError, UsageError
from environments.folder import EnvironmentFolder
from environments.outbox import (
    ENDS,
    Arrival,
    Outbox,
    OutboxLimits,
    Queued,
    Quota,
    has_outbox,
    open_outbox,
    pause,
)

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
NUMBERS = itertools.count()


@pytest.fixture
def folder(tmp_path: Path) -> EnvironmentFolder:
    return EnvironmentFolder(tmp_path / "edge").create()


def entry(*assets: str, to: str = "onprem", priority: int = 5, size: int = 100, purpose: str = "p") -> Queued:
    number = next(NUMBERS)
    members = tuple((asset, digest_bytes(f"{asset} {number}".encode())) for asset in assets)
    name, version = ("set", digest_bytes(b"%d" % number)) if len(assets) > 1 else members[0]
    return Queued(
        digest_bytes(b"crossing %d" % number), f"request-{number}", members, name, version, to, purpose,
        priority, size, b"signed", NOW, NOW + dt.timedelta(days=14),
    )  # fmt: skip


def add(outbox: Outbox, *entries: Queued) -> list[Queued]:
    return [outbox.add(each, OutboxLimits()) for each in entries]


def drained(outbox: Outbox, to: str = "onprem") -> list[str]:
    """End what is given out, one after the other; return the request ids in that order."""
    order = []
    while found := outbox.ready(to, "waiting", NOW):
        order.append(found[0].request)
        assert outbox.end(found[0], "arrived", NOW)
    return order


def test_what_was_taken_in_is_there_after_a_crash(folder: EnvironmentFolder) -> None:
    given = entry("alarms")
    assert not has_outbox(folder)
    if (child := os.fork()) == 0:
        with open_outbox(folder) as outbox:
            outbox.add(given, OutboxLimits())
            os._exit(9)  # nothing is closed
    os.waitpid(child, 0)
    with open_outbox(folder) as outbox:
        [found] = outbox.entries()
    assert found == replace(given, number=found.number, due=NOW)
    assert (folder.outbox / "queue.db").stat().st_mode & 0o777 == 0o600


def test_the_same_again_is_one(folder: EnvironmentFolder) -> None:
    given = entry("alarms")
    with open_outbox(folder) as outbox:
        first, again = add(outbox, given, given)
        assert first == again
        outbox.end(first, "arrived", NOW)
        assert add(outbox, given)[0].state == "arrived"
        assert len(list(outbox.entries(ended=True))) == 1


def test_versions_of_one_asset_go_one_after_the_other(folder: EnvironmentFolder) -> None:
    with open_outbox(folder) as outbox:
        first, second, other = add(outbox, entry("alarms"), entry("alarms", purpose="q"), entry("bands"))
        ready = [each.request for each in outbox.ready("onprem", "waiting", NOW, 9)]
        assert ready == [first.request, other.request]
        outbox.mark(first, "sent", NOW)
        assert [each.request for each in outbox.ready("onprem", "waiting", NOW, 9)] == [other.request]
        outbox.end(first, "denied", NOW)
        assert drained(outbox) == [second.request, other.request]


def test_to_two_destinations_is_two_orders(folder: EnvironmentFolder) -> None:
    with open_outbox(folder) as outbox:
        add(outbox, entry("alarms"), entry("alarms", to="cloud"))
        assert outbox.ready("cloud", "waiting", NOW)
        assert outbox.ready("onprem", "waiting", NOW)


def test_a_set_waits_for_each_member_and_each_for_it(folder: EnvironmentFolder) -> None:
    with open_outbox(folder) as outbox:
        made = add(
            outbox, entry("model"), entry("bands"), entry("bands", "model"), entry("model"), entry("bands")
        )
        assert [each.ahead for each in made] == [0, 0, 2, 1, 1]
        outbox.end(made[1], "arrived", NOW)
        assert [each.request for each in outbox.ready("onprem", "waiting", NOW, 9)] == [made[0].request]
        assert drained(outbox) == [made[0].request, *(each.request for each in made[2:])]


def test_one_that_ends_in_the_middle_lets_nobody_past_the_first(folder: EnvironmentFolder) -> None:
    with open_outbox(folder) as outbox:
        first, middle, last = add(outbox, entry("alarms"), entry("alarms"), entry("alarms"))
        outbox.end(middle, "dropped", NOW)
        assert not outbox.end(middle, "dropped", NOW)
        assert [each.request for each in outbox.ready("onprem", "waiting", NOW, 9)] == [first.request]
        assert drained(outbox) == [first.request, last.request]


def test_the_urgent_go_first_and_take_along_what_is_ahead_of_them(folder: EnvironmentFolder) -> None:
    with open_outbox(folder) as outbox:
        made = add(
            outbox,
            entry("bands", priority=5),
            entry("model", priority=1),
            entry("model", "alarms", priority=1),
            entry("alarms", priority=9),
        )
        assert drained(outbox) == [made[number].request for number in (1, 2, 3, 0)]


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_ends_keeps_every_lane_in_order(folder: EnvironmentFolder, seed: int) -> None:
    import random

    chance = random.Random(seed)  # noqa: S311 - repeated by its seed
    with open_outbox(folder) as outbox:
        for _ in range(60):
            assets = chance.sample(["a", "b", "c", "d"], chance.choice([1, 1, 2, 3]))
            add(outbox, entry(*sorted(assets), priority=chance.randrange(10)))
        left = {each.number: each for each in outbox.entries()}
        while left:
            ready = outbox.ready("onprem", "waiting", NOW, 99)
            free = {
                number
                for number, one in left.items()
                if not any(
                    other.number < number and {a for a, _ in other.members} & {a for a, _ in one.members}
                    for other in left.values()
                )
            }
            assert {each.number for each in ready} == free
            ends = chance.choice(list(left.values()))
            outbox.end(ends, chance.choice(list(ENDS)), NOW)  # type: ignore[arg-type]
            del left[ends.number]


def test_quotas_are_of_a_destination(folder: EnvironmentFolder) -> None:
    limits = OutboxLimits(entries=2, bytes=1000, destinations={"cloud": Quota(entries=1)})
    with open_outbox(folder) as outbox:
        outbox.add(entry("a", to="cloud"), limits)
        outbox.add(entry("a", size=600), limits)
        for refused, said in (
            (entry("b", to="cloud"), "1 crossings wait, and that is the limit"),
            (entry("b", size=401), "600 of 1,000 bytes wait, and this is 401 more"),
        ):
            with pytest.raises(DeniedError, match=said):
                outbox.add(refused, limits)
            assert outbox.get(refused.crossing) is None
        outbox.add(entry("b", size=400), limits)
        waits = outbox.waits()
        assert outbox.destinations() == sorted(waits) == ["cloud", "onprem"]
        assert (waits["onprem"].entries, waits["onprem"].bytes, waits["cloud"].entries) == (2, 1000, 1)


def test_what_was_being_sent_waits_again_and_not_at_once(folder: EnvironmentFolder) -> None:
    with open_outbox(folder) as outbox:
        [one] = add(outbox, entry("alarms"))
        outbox.mark(one, "sending", NOW, tried=True)
        assert outbox.ready("onprem", "waiting", NOW) == []
        outbox.recover(NOW, 30.0)
        assert outbox.ready("onprem", "waiting", NOW) == []
        [again] = outbox.ready("onprem", "waiting", NOW + 30 * SECOND)
        assert (again.attempts, again.state) == (1, "waiting")
        outbox.wake(one.crossing)
        assert outbox.ready("onprem", "waiting", NOW)


def test_what_has_ended_is_remembered_for_a_month(folder: EnvironmentFolder) -> None:
    with open_outbox(folder) as outbox:
        [one, other] = add(outbox, entry("alarms"), entry("bands"))
        outbox.end(one, "arrived", NOW)
        outbox.recover(NOW + dt.timedelta(days=29), 0.0)
        assert len(list(outbox.entries(ended=True))) == 2
        outbox.recover(NOW + dt.timedelta(days=31), 0.0)
        assert [each.request for each in outbox.entries(ended=True)] == [other.request]


def test_lines_rest_and_open_again(folder: EnvironmentFolder) -> None:
    with open_outbox(folder) as outbox:
        assert outbox.open("cloud", "send", NOW)
        outbox.close_line("cloud", "send", NOW, NOW + 60 * SECOND, "away", 3)
        assert not outbox.open("cloud", "send", NOW + 59 * SECOND)
        assert outbox.open("cloud", "fetch", NOW)
        assert outbox.open("cloud", "send", NOW + 60 * SECOND)
        assert outbox.open("cloud", "send", NOW - 9 * SECOND)  # the clock was set back
        assert outbox.line("cloud", "send").failures == 3
        outbox.reopen("cloud", "send")
        assert outbox.open("cloud", "send", NOW)


def test_arrivals_are_forgotten_with_what_lay_there(folder: EnvironmentFolder) -> None:
    with open_outbox(folder) as outbox:
        for crossing in ("one", "two"):
            outbox.note_arrival("cloud", crossing, Arrival("m", 1, NOW, "why"), NOW)
        outbox.forget_arrivals("cloud", ["two"])
        assert outbox.arrival("cloud", "one") is None
        assert outbox.arrival("cloud", "two") == Arrival("m", 1, NOW, "why")


def test_a_damaged_file_and_another_versions_are_told_and_left(folder: EnvironmentFolder) -> None:
    path = folder.outbox / "queue.db"
    path.write_bytes(b"no database at all" * 99)
    path.chmod(0o600)
    with pytest.raises(NotVerifiableError, match="damaged"), open_outbox(folder):
        pass
    assert path.read_bytes().startswith(b"no database")
    path.unlink()
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA user_version=7")
    base.close()
    path.chmod(0o600)
    with pytest.raises(UsageError, match="another version"), open_outbox(folder):
        pass
    path.chmod(0o644)
    with pytest.raises(NotVerifiableError, match="others may open it"), open_outbox(folder):
        pass


def test_pauses_grow_are_bounded_and_drawn() -> None:
    whole = [pause(failures, longest=300.0, draw=1.0) for failures in range(1, 12)]
    assert whole == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert pause(5, longest=300.0, draw=0.0) == 8
    assert pause(10**9, longest=300.0, draw=1.0) == 300
