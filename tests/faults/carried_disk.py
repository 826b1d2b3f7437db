"""A crossing on a real disk (a tmpfs of its own), which is full, read-only, or taken out in the middle.

Run below `unshare --mount`, with a folder of the world and one for the disk; prints one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "contract_suites")]

from boundary_world import World, rows  # noqa: E402 - found by the line above

from data_contracts.errors import IsthmusError  # noqa: E402 - found by the line above
from environments.boundary import egress  # noqa: E402 - found by the line above
from environments.boundary.media import open_disk, take_home, take_in, write_disk  # noqa: E402 - as above

WORLD, DISK = Path(sys.argv[1]), Path(sys.argv[2])


def mount(size: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", DISK], check=True)


def again(*words: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{','.join(words)}", DISK], check=True)


def take_out() -> None:
    """Unmount at once, whoever has it open, as when somebody pulls it: an empty folder is left."""
    subprocess.run(["umount", "--lazy", DISK], check=True)


def at(point: str, what: Callable[[], None]) -> Callable[[str], None]:
    done = []

    def progress(passed: str) -> None:
        if passed == point and not done:
            done.append(passed)
            what()

    return progress


def main() -> None:
    """Carry three crossings; each step first meets a bad disk, and then a good one."""
    world, said = World(WORLD), []
    for number in range(3):
        request = world.request(world.add(rows(2000 + number)), request_id=f"run-{number}/sync-1")
        egress(world.env("onprem"), request)

    def step(name: str, run: Callable[[], object]) -> None:
        try:
            said.append([name, 0, str(run()), ""])
        except IsthmusError as error:
            said.append([name, error.exit_code, str(error), error.remedy])

    def write(progress: Callable[[str], None] | None = None) -> list[str]:
        disk = open_disk(DISK, "onprem", "cloud")
        return [one.state for one in write_disk(world.env("onprem", progress=progress), disk)]

    def take(progress: Callable[[str], None] | None = None) -> list[str]:
        disk = open_disk(DISK, "onprem", "cloud")
        return [one.outcome for one in take_in(world.env("cloud", progress=progress), disk)]

    def home(progress: Callable[[str], None] | None = None) -> list[str]:
        disk = open_disk(DISK, "onprem", "cloud")
        return [one.outcome for one in take_home(world.env("onprem", progress=progress), disk)]

    mount("1m")
    step("write: pulled out", lambda: write(at("media.publish", take_out)))
    mount("64k")
    step("write: full", write)
    again("size=4m", "ro")
    step("write: read-only", write)
    again("size=4m", "rw")
    step("write", write)
    again("ro")
    step("take: read-only", take)
    step("home: read-only", home)
    again("rw")
    step("take", take)
    again("ro")
    step("home: read-only again", home)
    again("rw")
    step("home", home)
    kept = sorted(path.name for path in DISK.rglob("*") if path.is_file())
    versions = len(world.env("cloud").store.versions("visits"))
    sys.stdout.write(json.dumps({"said": said, "kept": kept, "versions": versions}))


if __name__ == "__main__":
    main()
