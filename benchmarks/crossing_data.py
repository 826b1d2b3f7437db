"""A table from one environment's store into another's, its 22 rules checked on both sides, against pyarrow.

The data and the rules are those of the benchmark of contracts: 12 columns, in the source's store as
`isthmus asset add` writes them. The terms drop one column, pseudonymise one and generalise one to bands.
Everything of a crossing is in it: both environments' checks, the terms, their proof, the output's files byte
by byte, sealing, signing, opening, the commit. Each arm runs in a process of its own, once to warm before the
run that counts; figures are medians, and CPU counts all threads. What takes most is said by `--profile`.

    make bench NAME=crossing_data                                about ten minutes
    python benchmarks/crossing_data.py --rows 1000000 --rounds 1 smaller: no limit on CPU
    python benchmarks/crossing_data.py --gigabytes 1 --rounds 1 --arms crossing    memory at that size; 8 too
    python benchmarks/crossing_data.py --rows 1000000 --profile  where the crossing's time goes

    pyarrow      the whole table read, and written again with zstd
    crossing     ours: egress and ingress
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pickle
import pstats
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests" / "contract_suites")]

WHOLE = 5_000_000
BYTES_OF_A_ROW = 46
MOST_CPU, MOST_MEMORY = 2.0, 500.0
TERMS = {
    "email": "drop",
    "reference": {"pseudonymise": {}},
    "age": {"generalise": {"bands": [0, 18, 40, 65, 90]}},
}


def prepare(where: Path, rows: int) -> None:
    """Two environments with their keys, and the table in the source's store."""
    import contracts_data
    from boundary_world import World, boundary  # type: ignore[import-not-found]

    from environments.assets import PartWriter
    from environments.stores import LocalStore

    document = contracts_data.document()
    columns = {item["name"]: TERMS.get(item["name"], "keep") for item in document["schema"][0]["properties"]}
    crossing = {"to": "cloud", "purposes": ["model-training"], "columns": columns}
    document["customProperties"] = boundary(crossing)
    world = World(where / "world", documents={name: [document] for name in ("onprem", "cloud", "edge")})
    contract = world.contract()
    with LocalStore(world.folder("onprem").store).begin("visits") as draft:
        first = contracts_data.rows(0, 1, {})
        with PartWriter(draft.path, first.schema) as writer:
            for start in range(0, rows, contracts_data.GROUP):
                writer.write(contracts_data.rows(start, min(contracts_data.GROUP, rows - start), {}))
        draft.commit(contract, contract.labels, rows=rows)
    (where / "world.pickle").write_bytes(pickle.dumps(world))


def source_files(where: Path) -> list[Path]:
    """The asset's files."""
    return sorted((where / "world" / "home" / "environments" / "onprem" / "store").rglob("part-*.parquet"))


def pyarrow(where: Path, number: int) -> None:
    """The baseline."""
    import pyarrow.parquet as pq

    for path in source_files(where):
        pq.write_table(pq.read_table(path), where / f"copy-{number}-{path.name}", compression="zstd")


def crossing(where: Path, number: int) -> None:
    """Ours, from the request to the committed version: each a crossing that nobody has answered yet."""
    from environments.boundary import egress, ingress

    world = pickle.loads((where / "world.pickle").read_bytes())  # noqa: S301 - written above
    onprem, cloud = world.env("onprem"), world.env("cloud")
    sent = egress(
        onprem, world.request(onprem.store.record("visits"), request_id=f"bench/{number}/{time.time_ns()}")
    )
    if sent.outcome != "permitted" or ingress(cloud, "onprem", sent.crossing).outcome != "permitted":
        raise AssertionError("the table did not arrive")


ARMS: dict[str, Callable[[Path, int], None]] = {"pyarrow": pyarrow, "crossing": crossing}


def clean(where: Path) -> None:
    """Remove what the arms made, and what the source remembers of a check: each crossing makes its own."""
    for path in where.glob("copy-*"):
        path.unlink()
    home = where / "world" / "home"
    shutil.rmtree(home / "transit", ignore_errors=True)
    for name, folder in (("cloud", "store/assets"), ("onprem", "economy"), ("cloud", "economy")):
        shutil.rmtree(home / "environments" / name / folder, ignore_errors=True)


def cpu() -> float:
    """Seconds of this process and of its children so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak() -> float:
    """MB that this process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def imports() -> None:
    """Load what the arms load, and use each library once: what that holds is not the crossing's."""
    import contracts_data
    import duckdb
    import polars as pl
    from boundary_world import World

    import environments.boundary

    duckdb.connect().execute("SELECT 1")
    pl.from_arrow(contracts_data.rows(0, 1000, {}))
    assert World, environments.boundary


def measure(arm: str, where: Path, warm: int, *, profile: bool) -> None:
    """Run one arm in this process, `warm` times before the one that counts; print what it took."""
    from environments.collecting import collect_seldom

    collect_seldom()  # as in every process of ours; every arm is measured so
    imports()
    before_any, told = peak(), dict[str, float]()
    profiler = cProfile.Profile()
    for number in range(warm + 1):
        clean(where)
        before, start = cpu(), time.perf_counter()
        if profile and number == warm:
            profiler.enable()
        ARMS[arm](where, number)
        profiler.disable()
        told = {"wall": time.perf_counter() - start, "cpu": cpu() - before}
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    print(json.dumps(told | {"peak_mb": peak(), "above_imports_mb": peak() - before_any}))


def main() -> int:
    """Run the rounds and print the table; the last line is JSON."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    given.add_argument("--rows", type=int, default=WHOLE)
    given.add_argument("--gigabytes", type=float, default=None, help="of the source, instead of rows")
    given.add_argument("--rounds", type=int, default=3)
    given.add_argument("--warm", type=int, default=1)
    given.add_argument("--where", type=Path, default=None, help="a folder on the disk that counts")
    given.add_argument("--arms", nargs="*", choices=list(ARMS), default=list(ARMS))
    given.add_argument("--profile", action="store_true")
    given.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    asked = given.parse_args()
    if asked.measure:
        measure(asked.measure[0], Path(asked.measure[1]), asked.warm, profile=asked.profile)
        return 0
    rows = int(asked.gigabytes * 1e9 / BYTES_OF_A_ROW) if asked.gigabytes else asked.rows
    where = Path(tempfile.mkdtemp(prefix="isthmus-crossing-data-", dir=asked.where))
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in asked.arms}
    try:
        prepare(where, rows)
        size = sum(path.stat().st_size for path in source_files(where))
        for _ in range(asked.rounds):
            for arm in asked.arms:
                command = [sys.executable, __file__, "--warm", str(asked.warm), "--measure", arm, str(where)]
                command += ["--profile"] if asked.profile and arm == "crossing" else []
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                found[arm].append(json.loads(done.stdout.splitlines()[-1]))
    finally:
        shutil.rmtree(where)
    return report(rows, size, found)


def report(rows: int, size: int, found: dict[str, list[dict[str, float]]]) -> int:
    """Print medians, and whether they are within the limits."""
    table = {
        arm: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for arm, runs in found.items()
    }
    print(f"{rows:,} rows, {size / 1e6:.0f} MB")
    print(f"{'':<10} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'above imports':>14}")
    for arm, row in table.items():
        print(
            f"{arm:<10} {row['wall']:8.2f} {row['cpu']:8.2f} {row['peak_mb']:8.0f} "
            f"{row['above_imports_mb']:14.0f}"
        )
    told: dict[str, Any] = {"benchmark": "crossing_data", "rows": rows, "bytes": size, "arms": table}
    good = True
    if "crossing" in table:
        good = table["crossing"]["above_imports_mb"] < MOST_MEMORY
        print(f"memory above imports (wanted: under {MOST_MEMORY:.0f} MB)")
    if len(table) == len(ARMS):
        told["cpu of pyarrow"] = ratio = table["crossing"]["cpu"] / table["pyarrow"]["cpu"]
        print(f"{ratio:.2f} of the CPU of pyarrow (wanted at most: {MOST_CPU})")
        good = good and (ratio <= MOST_CPU or rows < WHOLE)
    print(json.dumps(told | {"within": good}))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
