"""`kill -9` of the pump at each of its named steps, and at some of the gate: started again, one version."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from killed_pump import POINTS, finish
from pumping_world import PumpingWorld, rows

Kill = Callable[[PumpingWorld, str], int]
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("kill9")]


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    command = [sys.executable, str(Path(__file__).with_name("killing.py")), "killed_pump"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killing:
        assert killing.stdin is not None
        assert killing.stdout is not None

        def order(world: PumpingWorld, point: str) -> int:
            asked = {"world": pickle.dumps(world).hex(), "point": point, "flush": None}
            print(json.dumps(asked), file=killing.stdin, flush=True)
            return int(json.loads(killing.stdout.readline()))

        yield order
        killing.stdin.close()


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_step(tmp_path: Path, kill: Kill, point: str) -> None:
    world = PumpingWorld(tmp_path)
    for number in range(2):
        world.queue(world.add(rows(40 + number)), f"request-{number}")
    status = kill(world, point)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    finish(world, [40, 41])


def test_killed_again_and_again(tmp_path: Path, kill: Kill) -> None:
    world = PumpingWorld(tmp_path)
    world.queue(world.add(rows(40)), "request-0")
    for point in POINTS:
        kill(world, point)
    finish(world, [40])


def test_killed_while_it_ends_what_waited_for_too_long(tmp_path: Path, kill: Kill) -> None:
    world = PumpingWorld(tmp_path)
    sent = world.queue(world.add(rows(40)), "request-0")
    world.pump("onprem")
    world.now = sent.expires
    for point in ("pump.expire", "outbox.recorded"):
        assert os.WTERMSIG(kill(world, point)) == signal.SIGKILL
    world.until_quiet()
    assert world.states() == ["expired"]
    assert [one for one in world.spoken() if one[0] == "outbox"] == [("outbox", "expired", [])]
    assert not [path for path in world.transit().rglob("*") if path.is_file()]
