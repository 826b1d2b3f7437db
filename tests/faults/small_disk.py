"""Crossings on a small disk of its own, which a test fills, or mounts read-only, before each step.

Run below `unshare --mount` with a fresh tmpfs at `sys.argv[1]`; prints one JSON object: what each step said.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "contract_suites")]

from boundary_world import World, rows  # noqa: E402 - found by the line above
from killed_crossing import finish  # noqa: E402 - found by the line above

from data_contracts.errors import IsthmusError  # noqa: E402 - found by the line above
from environments.boundary import egress, ingress, settle  # noqa: E402 - found by the line above

ROOT = Path(sys.argv[1])
LEFT = (0, 4, 16, 40, 80, 200)
"""KiB that are left free."""


@contextmanager
def full(left: int) -> Iterator[None]:
    """Fill the disk up to so many KiB; then free it."""
    ballast = ROOT / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(64 * 1024))
        except OSError:
            stream.truncate(max(0, stream.tell() - left * 1024))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(_left: int) -> Iterator[None]:
    """Mount the disk read-only; then writable again."""
    subprocess.run(["mount", "-o", "remount,ro", ROOT], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", ROOT], check=True)


def steps(world: World) -> dict[str, Callable[[], object]]:
    """Return the steps of one crossing, in order."""
    onprem, cloud = world.env("onprem"), world.env("cloud")  # a world writes down its contracts
    request = world.request(onprem.store.record("visits"))
    crossing = [""]

    def send() -> None:
        crossing[0] = egress(onprem, request).crossing

    return {
        "egress": send,
        "ingress": lambda: ingress(cloud, "onprem", crossing[0]),
        "settle": lambda: settle(onprem, "cloud", crossing[0]),
    }


def main() -> None:
    """Try each step on the bad disk, then on a good one; look at everything in the end."""
    harm = {"full": full, "read-only": read_only}[sys.argv[2]]
    said = []
    for left in LEFT if harm is full else (0,):
        world = World(ROOT / f"world-{left}")
        world.add(rows())
        for step, run in steps(world).items():
            with harm(left):
                try:
                    run()
                except IsthmusError as error:
                    said.append([step, left, error.exit_code, str(error), error.remedy])
            run()
        finish(world)
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
