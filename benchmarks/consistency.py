"""Consistency at size: `asset status` of 100,000 versions, `reconcile` of 1,000,000 chunks.

Stores and ledgers are built from one seed in the form that a system writes, and faster than one could:
records without waiting for the disk, and a signature for each thousandth head only, as in
`benchmarks/ledger.py`. Every figure is the median of the rounds, each round a process of its own from the
first import to the last row printed; wall and CPU seconds.

    make bench NAME=consistency                                  some minutes, most of it for building
    python benchmarks/consistency.py --assets 100                small
    python benchmarks/consistency.py --arms reconcile            one of the two

    status        `isthmus asset status --json`, the index up to date as every call leaves it
    status, cold  the same without an index: each record and each entry read; once after an upgrade or restore
    scan          for comparison: every record of the store parsed, every entry of the ledger parsed
    outbox        see `benchmarks/consistency_outbox.py`
    reconcile     `isthmus reconcile --env` of a side with a million chunks in a hundred versions: each record
                  against its digest and its version, each file's size, the ledger, the transits
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from consistency_outbox import (  # noqa: E402 - after the path
    DRAIN_LIMIT,
    START_LIMIT,
    fill,
    measure_drain,
    measure_start,
)
from consistency_plant import FATES, SOURCE, Plant, digest  # noqa: E402 - after the path

from environments.home import EnvironmentFolder  # noqa: E402 - after the path
from environments.ledger import find_entries  # noqa: E402 - after the path
from environments.stores import LocalStore  # noqa: E402 - after the path

LIMITS = {"status": 1.0, "reconcile": 60.0, "outbox, start": START_LIMIT}


def run(command: list[str]) -> tuple[float, float, str]:
    """Wall and CPU seconds of a process and its children, and what it printed.

    It prints into a file: to take 65 MB from a pipe and to decode them is this process's work, not its.
    """
    with tempfile.TemporaryFile() as out:
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False, env=os.environ)
        wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        out.seek(0)
        told = out.read().decode()
    assert done.returncode == 0, (told, done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, told


def median(measure: Callable[[], tuple[float, float, str]], rounds: int) -> dict[str, float]:
    """Medians of wall and CPU seconds."""
    found = [measure() for _ in range(rounds)]
    wall, cpu = (statistics.median(one[place] for one in found) for place in (0, 1))  # type: ignore[misc]
    return {"wall": round(wall, 3), "cpu": round(cpu, 3)}


def scan(folder: EnvironmentFolder) -> tuple[float, float, str]:
    """Read every record and every entry."""
    cpu, wall = time.process_time(), time.perf_counter()
    store = LocalStore(folder.store)
    records = sum(len(store.versions(name)) for name in store.names())
    entries = len(find_entries(folder.ledger))
    return time.perf_counter() - wall, time.process_time() - cpu, f"{records} {entries}"


def measure_status(plant: Plant, rounds: int) -> dict[str, dict[str, float]]:
    """The arms of `asset status`, after making sure that it says what was built."""
    command = plant.command("asset", "status", "--env", SOURCE, "--json")
    cold = median(lambda: run(command), 1)
    [rows] = json.loads(run(command)[2])["environments"].values()
    assert len(rows) == len(plant.assets) * len(plant.destinations)
    counts = {state: sum(row["state"] == state for row in rows) for state in {row["state"] for row in rows}}
    assert counts.keys() == FATES.keys(), counts
    found = {"status": median(lambda: run(command), rounds), "status, cold": cold}
    return found | {"scan": median(lambda: scan(plant.folder), 1)}


def measure_reconcile(plant: Plant, rounds: int) -> dict[str, dict[str, float]]:
    """The arm of `reconcile`, after making sure that it looks: a file that is a byte short is found."""
    command = plant.command("reconcile", "--env", SOURCE, "--json")
    found = median(lambda: run(command), rounds)
    assert json.loads(run(command)[2])["agrees"]
    path = min(plant.folder.store.rglob("part-00000.parquet"))
    os.truncate(path, path.stat().st_size - 1)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4  # noqa: PLR2004 - not verifiable
    return {"reconcile": found}


def measure_outbox(place: Path, given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The arms of the outbox: a side of its own, whose every wish is one version for one destination."""
    plant = Plant(place / "waiting", given)
    LocalStore(plant.folder.store).begin("layout").abandon()
    wishes = (
        (name, digest(name, number), destination)
        for number in count(1)
        for name in plant.assets
        for destination in plant.destinations
    )
    fill(plant.folder, wishes, given.waiting)
    found = {"outbox, start": measure_start(plant.home.root, plant.site, SOURCE, given.rounds)}
    return found | measure_drain(place / "drain", int(given.link * 1e6) or None, given.rounds)


def main() -> int:
    """Build, measure, print; 1 if a figure is over its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--versions", type=int, default=100, help="of each asset")
    parser.add_argument("--destinations", type=int, default=100)
    parser.add_argument("--chunks", type=int, default=1_000_000, help="of the side that is reconciled")
    parser.add_argument("--arms", choices=["both", "status", "reconcile", "outbox"], default="both")
    parser.add_argument("--waiting", type=int, default=100_000, help="crossings in the outbox")
    parser.add_argument("--link", type=float, default=0.0, help="MB/s of the link that drains; 0: as it goes")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isthmus-consistency-") as place:
        begun = time.perf_counter()
        plant = Plant(Path(place), given)
        found: dict[str, dict[str, float]] = {}
        built = []
        if given.arms in {"both", "outbox"}:
            found |= measure_outbox(Path(place), given)
            built.append(f"{given.waiting} waiting crossings")
        if given.arms in {"both", "status"}:
            plant.fill_store()
            entries = plant.fill_ledger()
            versions = given.assets * given.versions
            built.append(f"{versions} versions, {given.destinations} destinations, {entries} entries")
            print(f"{built[-1]}, built in {time.perf_counter() - begun:.0f} s", flush=True)
            time.sleep(2.5)  # a folder that was changed a moment ago is read again at each call
            found |= measure_status(plant, given.rounds)
        if given.arms == "both":  # the records of the first arm have no files: a side of its own
            plant = Plant(Path(place) / "second", given)
        if given.arms in {"both", "reconcile"}:
            plant.fill_chunks(given.chunks)
            built.append(f"{given.chunks} chunks")
            found |= measure_reconcile(plant, given.rounds)
    print(f"{'':20}{'wall s':>12}{'CPU s':>12}")
    for name, one in found.items():
        print(f"{name:20}{one['wall']:12.3f}{one['cpu']:12.3f}")
    over = [name for name, one in found.items() if one["wall"] > LIMITS.get(name, one["wall"])]
    drained, alone = found.get("outbox, drain"), found.get("gate alone")
    if drained and alone and alone["wall"] < DRAIN_LIMIT * drained["wall"]:
        over.append("outbox, drain")
    document = {"built": built, "seed": given.seed, "limits": LIMITS, "within": not over, "seconds": found}
    print(json.dumps(document))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
