"""What simulated schedules found in the outbox, one test for each fault, without them."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from boundary_world import rows
from pumping_world import PumpingWorld

from environments import locking
from environments.boundary import EnvironmentContext, egress, ingress, queueing, settle
from environments.boundary.opening import NOT_HELD
from environments.boundary.outbox import Outbox as Kept
from environments.boundary.queueing import drop
from environments.boundary.result import CrossingFailedError, GateRule
from environments.consistency.collecting import leftovers
from environments.locking import held

DAY = dt.timedelta(days=1)


class PowerCutError(BaseException):
    """Stands for the end of the process."""


def dying(at: str) -> Callable[[str], None]:
    """Return the progress of a process that ends at a named step."""

    def step(point: str) -> None:
        if point == at:
            raise PowerCutError

    return step


@pytest.fixture
def world(tmp_path: Path) -> PumpingWorld:
    return PumpingWorld(tmp_path)


def endings(world: PumpingWorld) -> list[object]:
    """How the ledger says that entries of the outbox ended without a crossing."""
    return [outcome for kind, outcome, _ in world.spoken() if kind == "outbox"]


def test_what_was_refused_meanwhile_is_not_taken_out_as_well(world: PumpingWorld) -> None:
    """Who took it out had looked before the pump ended it: the ledger then told of two ends."""
    waits = world.queue(world.add(rows(40)), "unlawful", purpose="advertising")
    world.pump("onprem")
    assert world.states() == ["denied"]
    assert drop(world.env("onprem"), waits) is False
    assert (world.states(), endings(world)) == (["denied"], [])


def test_what_was_superseded_meanwhile_is_not_taken_out_as_well(world: PumpingWorld) -> None:
    waits = world.queue(world.add(rows(40)), "request-old")
    world.queue(world.add(rows(41)), "request-new", supersede=True)
    assert drop(world.env("onprem"), waits) is False
    assert (world.states(), endings(world)) == (["superseded", "waiting"], ["superseded"])


def test_what_a_killed_process_took_out_is_not_superseded_as_well(world: PumpingWorld) -> None:
    """It was killed between ledger and outbox: the next one wrote another end into the ledger."""
    waits = world.queue(world.add(rows(40)), "request-old")
    with pytest.raises(PowerCutError):
        drop(world.env("onprem", progress=dying("outbox.recorded")), waits)
    assert (world.states(), endings(world)) == (["waiting"], ["dropped"])
    world.queue(world.add(rows(41)), "request-new", supersede=True)
    assert (world.states(), endings(world)) == (["dropped", "waiting"], ["dropped"])


def test_what_is_sent_by_hand_in_the_moment_in_which_it_expires_is_taken_back(
    world: PumpingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pump had seen that nobody had begun to send it (queued seed 25207): it ended, and lay there."""
    version = world.add(rows(40))
    entry = world.queue(version, "request-1", lasts=dt.timedelta(seconds=20))
    world.now += dt.timedelta(minutes=1)
    sent = list[str]()

    def meanwhile(env: EnvironmentContext) -> AbstractContextManager[None]:
        if not sent:
            sent.append("")
            sent[:] = [egress(world.env("onprem"), world.request(version, request_id="request-1")).outcome]
        return alone(env)

    alone = queueing.ending_alone
    with monkeypatch.context() as patched:
        patched.setattr(queueing, "ending_alone", meanwhile)
        world.pump("onprem")
    assert sent == ["permitted"]
    assert (world.states(), (world.transit() / entry.crossing[7:]).exists()) == (["expired"], False)
    assert [outcome for _, outcome, _ in world.spoken()] == ["permitted", "denied", "expired"]


def test_what_the_ledger_says_was_taken_out_is_not_sent_by_hand_either(world: PumpingWorld) -> None:
    """Who took it out was killed before the outbox said so: only the pump looked into the ledger."""
    version = world.add(rows(40))
    waits = world.queue(version, "request-1")
    with pytest.raises(PowerCutError):
        drop(world.env("onprem", progress=dying("outbox.recorded")), waits)
    direct = egress(world.env("onprem"), world.request(version, request_id="request-1"))
    assert (direct.outcome, [rule.id for rule in direct.rules]) == ("denied", ["order"])
    assert not (world.transit() / waits.crossing[7:]).exists()


def test_what_expires_while_the_line_sends_something_else_is_not_sent(world: PumpingWorld) -> None:
    """What had waited for too long was looked for at the beginning of a round, which may take hours."""
    world.queue(world.add(rows(40)), "slow")
    world.queue(world.add(rows(41), name="others"), "short", lasts=dt.timedelta(minutes=1))

    def slow(point: str) -> None:
        if point == "egress.seal":
            world.now += dt.timedelta(minutes=30)

    world.pump("onprem", progress=slow)
    assert world.states() == ["sent", "expired"]
    assert [kind for kind, _, _ in world.spoken()] == ["egress", "outbox"]


def test_a_crossing_that_somebody_holds_does_not_end_the_pump(
    world: PumpingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was settled by another way and its end could not be noted: nothing else was sent any more."""
    entry = world.queue(world.add(rows(40)), "settled-by-hand")
    world.queue(world.add(rows(41), name="others"), "behind", lasts=60 * DAY)
    world.profiles["onprem"] = replace(
        world.profiles["onprem"], outbox=replace(world.profiles["onprem"].outbox, in_flight=1)
    )
    world.pump("onprem")
    ingress(world.env("cloud"), "onprem", entry.crossing, b"")
    settle(world.env("onprem"), "cloud", entry.crossing)
    world.now += DAY
    monkeypatch.setattr(locking, "PATIENCE_S", 0.1)
    with held(world.folder("onprem").outbox / entry.crossing[7:] / "lock", "this crossing"):
        world.pump("onprem")
        assert world.states() == ["sent", "waiting"]
    world.until_quiet(step=3600.0)
    assert world.states() == ["arrived", "arrived"]


def test_what_lies_late_of_a_crossing_that_was_taken_back_is_cleared(world: PumpingWorld) -> None:
    """What came late into the transit stayed there for ever: it was no settled crossing's."""
    entry = world.queue(world.add(rows(40)), "expires")
    world.pump("onprem")
    manifest = world.transit() / entry.crossing[7:] / "manifest"
    raw = manifest.read_bytes()
    world.now += 15 * DAY
    world.pump("onprem")
    assert (world.states(), manifest.parent.exists()) == (["expired"], False)
    manifest.parent.mkdir(mode=0o700)
    manifest.write_bytes(raw)
    assert len(leftovers(world.env("onprem"), dry_run=False)) == 1
    assert not manifest.exists()


def killed_at(world: PumpingWorld, point: str) -> None:
    """Kill the pump at a named step."""
    with pytest.raises(PowerCutError):
        world.pump("onprem", progress=dying(point))
    world.now += dt.timedelta(minutes=5)


def test_what_lies_late_of_what_was_never_sent_whole_is_cleared(world: PumpingWorld) -> None:
    """No entry of the ledger named it but the outbox's own: nobody might remove it."""
    entry = world.queue(world.add(rows(40)), "expires")
    killed_at(world, "egress.sign")
    chunk, *_ = (world.transit() / entry.crossing[7:] / "chunks").iterdir()
    raw = chunk.read_bytes()
    world.now += 15 * DAY
    world.pump("onprem")
    assert (world.states(), chunk.exists()) == (["expired"], False)
    chunk.parent.mkdir(mode=0o700, parents=True)
    chunk.write_bytes(raw)
    assert len(leftovers(world.env("onprem"), dry_run=False)) == 1
    assert not chunk.exists()


def test_what_was_sealed_and_is_denied_when_it_is_asked_for_again_goes(world: PumpingWorld) -> None:
    """Chunks of a killed attempt, and their key at home, stayed for ever once the answer was no."""
    entry = world.queue(world.add(rows(40)), "not any more")
    killed_at(world, "egress.sign")
    world.profiles["onprem"] = replace(world.profiles["onprem"], egress=())
    world.pump("onprem")
    world.now += dt.timedelta(minutes=5)
    world.pump("onprem")
    assert world.states() == ["denied"]
    assert not (world.transit() / entry.crossing[7:]).exists()
    assert not (world.folder("onprem").outbox / entry.crossing[7:] / "sealed").exists()


def test_what_lies_late_of_what_was_refused_before_it_was_sent_is_cleared(world: PumpingWorld) -> None:
    """A chunk of a cut attempt came after its refusal (queued seed 26075): nobody might remove it."""
    entry = world.queue(world.add(rows(40)), "not any more")
    killed_at(world, "egress.sign")
    chunk, *_ = (world.transit() / entry.crossing[7:] / "chunks").iterdir()
    raw = chunk.read_bytes()
    leftovers(world.env("onprem"), dry_run=False)
    assert chunk.exists(), "the same request goes on from it"
    world.profiles["onprem"] = replace(world.profiles["onprem"], egress=())
    world.until_quiet(step=400.0)
    assert (world.states(), chunk.exists()) == (["denied"], False)
    chunk.parent.mkdir(mode=0o700, parents=True)
    chunk.write_bytes(raw)
    assert len(leftovers(world.env("onprem"), dry_run=False)) == 1
    assert not chunk.exists()


def test_what_was_answered_while_it_was_sent_anew_by_one_that_was_killed_ends(world: PumpingWorld) -> None:
    """Its manifest was forgotten and not signed again: its answer could not be settled, ever."""
    entry = world.queue(world.add(rows(40)), "answered")
    world.pump("onprem")
    world.pump("cloud")
    (world.folder("onprem").outbox / entry.crossing[7:] / "manifest").unlink()
    world.now += dt.timedelta(minutes=1)
    world.until_quiet(step=400.0)
    assert (world.states(), world.arrived()) == (["arrived"], [40])


def test_what_is_sent_and_not_answered_is_no_leftover(world: PumpingWorld) -> None:
    entry = world.queue(world.add(rows(40)), "sent")
    world.pump("onprem")
    assert leftovers(world.env("onprem"), dry_run=False) == []
    assert (world.transit() / entry.crossing[7:] / "manifest").exists()


def test_what_a_destination_does_not_hold_any_more_is_sent_to_it_and_arrives(world: PumpingWorld) -> None:
    """It lost what it had acknowledged: the entry ended as broken, and the one attempt was its last."""
    world.queue(world.add(rows(300)), "request-1")
    world.until_quiet()
    shutil.rmtree(world.folder("cloud").store / "assets" / "visits")
    world.queue(world.add(rows(400), groups=4), "request-2")
    did = world.until_quiet()
    assert (did["sent"], did["received_broken"], did["received_permitted"]) == (2, 1, 1)
    assert (world.states(), world.arrived()) == (["arrived", "arrived"], [400])


def test_who_always_says_that_it_lacks_something_is_asked_less_often(
    world: PumpingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A destination that answers so for ever: what waits expires, and holds up nothing for ever."""
    lacking = GateRule(NOT_HELD, "chunks were not sent that are not held here", 1)
    monkeypatch.setattr(sys.modules[ingress.__module__], "open_sent", lambda *_: lacking)
    world.queue(world.add(rows(40)), "request-1", lasts=DAY)
    did = Counter[str]()
    for _ in range(26 * 60):
        did += world.pump("onprem") + world.pump("cloud")
        world.now += dt.timedelta(minutes=1)
        if did["expired"]:
            break
    assert (did["sent"] < 60, did["expired"], world.states()) == (True, 1, ["expired"])


def test_what_expired_and_was_answered_is_settled_and_not_sent_anew(world: PumpingWorld) -> None:
    """Killed between sending and noting it (queued seed 2268): it was sealed again, beside its answer."""
    entry = world.queue(world.add(rows(40)), "request-1", lasts=dt.timedelta(seconds=20))
    with pytest.raises(PowerCutError):
        world.pump("onprem", progress=dying("pump.sent"))
    world.pump("cloud")
    world.now += DAY
    assert (world.pump("onprem")["arrived"], world.states()) == (1, ["arrived"])
    kinds = [(kind, outcome) for kind, outcome, _ in world.spoken()]
    assert kinds == [("egress", "permitted"), ("settle", "permitted")]
    assert not (world.transit() / entry.crossing[7:]).exists()


def answered_late(world: PumpingWorld) -> tuple[Path, bytes]:
    """Send what expires, and take its answer away until that has happened; return where it lay, and it."""
    entry = world.queue(world.add(rows(40)), "request-1", lasts=dt.timedelta(seconds=20))
    world.pump("onprem")
    world.pump("cloud")
    receipt = world.transit() / entry.crossing[7:] / "receipt"
    raw = receipt.read_bytes()
    receipt.unlink()
    world.now += DAY
    return receipt, raw


def test_what_was_answered_while_it_was_taken_back_by_one_that_was_killed_ends(
    world: PumpingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest was forgotten by then (queued seed 20918): it never ended, and failed at each round."""
    receipt, raw = answered_late(world)
    forget = Kept.forget

    def killed(kept: Kept, name: str) -> None:
        forget(kept, name)
        raise PowerCutError

    with monkeypatch.context() as patched:
        patched.setattr(Kept, "forget", killed)
        with pytest.raises(PowerCutError):
            world.pump("onprem")
    assert not receipt.parent.exists()
    receipt.parent.mkdir(mode=0o700)
    receipt.write_bytes(raw)
    world.now += DAY
    assert (world.pump("onprem")["arrived"], world.states()) == (1, ["arrived"])
    told = [(kind, outcome) for kind, outcome, _ in world.spoken()]
    assert told == [("egress", "permitted"), ("egress", "denied"), ("settle", "permitted")]
    assert not receipt.parent.exists()


def test_what_was_taken_back_is_not_settled_afterwards(world: PumpingWorld) -> None:
    """It has ended, and ends once: whoever finds an answer to it is told by `reconcile`."""
    receipt, raw = answered_late(world)
    world.pump("onprem")
    assert (world.states(), receipt.parent.exists()) == (["expired"], False)
    receipt.parent.mkdir(mode=0o700)
    receipt.write_bytes(raw)
    with pytest.raises(CrossingFailedError, match="nothing was sent"):
        settle(world.env("onprem"), "cloud", f"sha256:{receipt.parent.name}")
    assert endings(world) == ["expired"]


def test_who_asks_for_what_goes_first_does_not_pass_what_is_behind_it(world: PumpingWorld) -> None:
    """Only the first that waits was looked at: that one sent the same version, and this one passed."""
    new, other = world.add(rows(40)), world.add(rows(41))
    world.queue(new, "request-first")
    world.queue(other, "request-behind")
    direct = egress(world.env("onprem"), world.request(new, request_id="direct"))
    assert (direct.outcome, [rule.id for rule in direct.rules]) == ("denied", ["order"])
    assert "request-behind" in direct.rules[0].reason
