"""What a whole contract check costs: ours, beside reading alone, Polars, DuckDB and Great Expectations (GX).

5,000,000 rows of 12 columns, 22 rules of which two are uniqueness, written once as an ODCS contract and once
as a suite of expectations (`contracts_data.py`). Every run has a process of its own, and tools take turns.
What counts are seconds of CPU, of user code and kernel, and peak memory, both above the tool's imports. First
all verdicts must agree, also on a file in which three ids stand twice, in row groups far apart. Ours checks
types, UTF-8 and undeclared columns as well.

    make bench NAME=contracts ARGS=--quick    half a minute, 200,000 rows: only shows that it works
    make bench NAME=contracts                 GX on a tenth of the rows, its seconds times ten: it is said
    make bench NAME=contracts ARGS=--full     GX on all rows; ours on ten times as many; two Dask workers
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from contracts_data import PLANTED, suite, write

HERE = Path(__file__).resolve().parent
DATA = HERE / ".data" / "contracts"
MIB = 2**20
TITLES = {
    "arrow": "pyarrow, only reading",
    "ours": "isthmus, uniqueness and all",
    "polars": "Polars, whole file",
    "duckdb": "DuckDB",
    "gx": "Great Expectations",
}
TARGETS = {"arrow": 1.6, "gx": 35.0, "duckdb": 2.0, "peak": 400 * MIB, "growth": 1.2, "workers": 1.7}


def run(tool: str, path: Path) -> dict[str, Any]:
    """Run one tool once, in a process of its own."""
    command = [sys.executable, str(HERE / "contracts_tools.py"), tool, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{tool} on {path.name}: {done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def agree(rows: int, gx_rows: int) -> None:
    """Assert that every tool says the same of every rule, on sound data and with planted duplicates."""
    for planted in (False, True):
        verdicts: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
        for tool in ("ours", "polars", "duckdb"):
            verdicts[rows][tool] = run(tool, file_of(rows, planted=planted))["found"]
        for tool in ("ours", "gx"):
            verdicts[gx_rows][tool] = run(tool, file_of(gx_rows, planted=planted))["found"]
        for size, found in verdicts.items():
            for tool, told in found.items():
                assert set(told) == set(suite()), (tool, set(suite()) ^ set(told))
                broken = {name for name, (kept, *_) in told.items() if not kept}
                assert broken == ({"id.unique"} if planted else set()), (tool, size, broken)
                counts = {name: counted[0] for name, (_, *counted) in told.items() if counted}
                if planted and counts:
                    assert counts["id.unique"] == 2 * PLANTED, (tool, size, counts)
                if not planted and "gx" in found and tool == "ours":
                    others = {name: value for name, (_, value) in found["gx"].items() if value is not None}
                    assert {name: counts[name] for name in others} == others
    print(f"{len(suite())} rules: all tools say the same, on sound data and of 3 ids planted twice\n")


def file_of(rows: int, *, planted: bool = False) -> Path:
    """Return the file of so many rows, written where it is not yet there."""
    path = DATA / f"{rows}{'-planted' if planted else ''}.parquet"
    write(path, rows, planted=planted)
    return path


def interleaved(rows: int, gx_rows: int, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Let all tools take turns."""
    results: dict[str, list[dict[str, Any]]] = {tool: [] for tool in TITLES}
    for number in range(rounds):
        tools = list(TITLES)
        turn = number % len(tools)
        for tool in tools[turn:] + tools[:turn]:
            if tool == "gx" and number >= max(1, rounds // 2):
                continue  # it takes minutes, and its spread is small beside its distance
            results[tool].append(run(tool, file_of(gx_rows if tool == "gx" else rows)))
    return results


def median(runs: list[dict[str, Any]], key: str) -> float:
    """Return the median of one figure."""
    return float(statistics.median(one[key] for one in runs))


def dask_rate(rows: int) -> float:
    """Return how many times the rate of one Dask worker two have, by the clock."""
    script = HERE / "contracts_dask.py"
    best: dict[int, float] = {}
    for _ in range(3):
        for workers in (1, 2):
            command = [sys.executable, str(script), str(workers), str(file_of(rows))]
            environment = {**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            seconds = float(done.stdout.splitlines()[-1])
            best[workers] = min(best.get(workers, seconds), seconds)
    return best[1] / best[2]


def main() -> None:
    """Write the data, compare the verdicts, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="small data, one round")
    parser.add_argument("--full", action="store_true", help="everything, at full size")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--gx-rows", type=int, default=500_000, help="rows for Great Expectations")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    if asked.quick:
        asked.rows, asked.gx_rows, asked.rounds = 200_000, 20_000, 1
    if asked.full:
        asked.gx_rows = asked.rows
    start = time.perf_counter()
    agree(asked.rows, asked.gx_rows)
    results = interleaved(asked.rows, asked.gx_rows, asked.rounds)
    scale = asked.rows / asked.gx_rows
    seconds = {t: median(runs, "cpu") * (scale if t == "gx" else 1) for t, runs in results.items()}
    print(f"{'':30}{'CPU-s':>9}{'x reading':>11}{'x ours':>9}{'peak MiB':>10}")
    for tool, title in TITLES.items():
        line = f"{title:30}{seconds[tool]:9.2f}{seconds[tool] / seconds['arrow']:11.2f}"
        peak = median(results[tool], "peak") / MIB
        print(f"{line}{seconds[tool] / seconds['ours']:9.2f}{peak:10.0f}")
    if scale != 1:
        rows = f"{asked.gx_rows:,} rows"
        print(f"\nGreat Expectations ran on {rows}; its seconds are times {scale:g}, its memory is not.")
    figures: dict[str, Any] = {
        "rows": asked.rows,
        "gx_rows": asked.gx_rows,
        "cpu": seconds,
        "peak": {tool: median(runs, "peak") for tool, runs in results.items()},
        "ours_by_reading": seconds["ours"] / seconds["arrow"],
        "gx_by_ours": seconds["gx"] / seconds["ours"],
        "duckdb_by_ours": seconds["duckdb"] / seconds["ours"],
    }
    if asked.full:
        figures["growth"] = run("ours", file_of(10 * asked.rows))["peak"] / figures["peak"]["ours"]
        figures["two_workers"] = dask_rate(asked.rows)
        print(f"\npeak at {10 * asked.rows:,} rows: {figures['growth']:.2f} times that at {asked.rows:,}")
        print(f"two Dask workers: {figures['two_workers']:.2f} times the rate of one")
    figures["targets"] = TARGETS
    figures["minutes"] = (time.perf_counter() - start) / 60
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
