"""`kill -9` at every named step of egress, transfer, ingress and settle, and while it writes: run again."""

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
from boundary_world import World, rows
from killed_crossing import POINTS, finish

Kill = Callable[[World, str | None, int | None], int]
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("kill9")]


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    command = [sys.executable, str(Path(__file__).with_name("killing.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killing:
        assert killing.stdin is not None
        assert killing.stdout is not None

        def order(world: World, point: str | None, flush: int | None) -> int:
            asked = {"world": pickle.dumps(world).hex(), "point": point, "flush": flush}
            print(json.dumps(asked), file=killing.stdin, flush=True)
            return int(json.loads(killing.stdout.readline()))

        yield order
        killing.stdin.close()


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_step(tmp_path: Path, kill: Kill, point: str) -> None:
    world = World(tmp_path)
    world.add(rows())
    status = kill(world, point, None)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    finish(world)


@pytest.mark.parametrize("flush", range(3, 76, 12))
def test_killed_while_it_writes(tmp_path: Path, kill: Kill, flush: int) -> None:
    """Between two named steps: drafts on disk, folders without durable names, half of the chunks sent."""
    world = World(tmp_path)
    world.add(rows())
    status = kill(world, None, flush)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    finish(world)


def test_killed_again_and_again(tmp_path: Path, kill: Kill) -> None:
    world = World(tmp_path)
    world.add(rows())
    for point in ("egress.seal", "egress.publish", "ingress.commit", "ingress.send", "settle.clear"):
        assert os.WTERMSIG(kill(world, point, None)) == signal.SIGKILL
    finish(world)
