"""Run many seeds, in all cores, with progress; or one, with its trace.

python tests/simulation/soak.py 10000
python tests/simulation/soak.py --seed 123
python tests/simulation/soak.py --kind queued 10000
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from machinery import Machinery

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "contract_suites")]

__all__ = ["main", "run_seed"]

_BATCH = 25


def simulation_of(seed: int, kind: str) -> Machinery:
    """Return the simulation of a seed: of `crossings` that are asked for, or `queued`."""
    from queued_schedule import QueuedSchedule
    from queued_simulation import QueuedSimulation
    from queued_world import QueuedWorld
    from schedule import Schedule
    from simulation import Simulation
    from simworld import SimWorld, the_world

    if kind == "queued":
        return QueuedSimulation(the_world(QueuedWorld), QueuedSchedule.from_seed(seed))
    return Simulation(the_world(SimWorld), Schedule.from_seed(seed))


def run_seed(seed: int, kind: str = "crossings") -> tuple[str, list[str], dict[str, int]]:
    """Run one seed; returns what does not hold (empty if all does), the trace, and which faults struck."""
    from simworld import ViolationError

    simulation = simulation_of(seed, kind)
    try:
        simulation.run()
    except ViolationError as violation:
        return str(violation), simulation.trace, simulation.struck
    except Exception:  # noqa: BLE001 - what nothing should raise is told with its seed and its trace
        return traceback.format_exc(), simulation.trace, simulation.struck
    return "", simulation.trace, simulation.struck


def _run(seeds: range, kind: str) -> tuple[list[tuple[int, str]], Counter[str]]:
    failed, struck = [], Counter[str]()
    for seed in seeds:
        violation, _, happened = run_seed(seed, kind)
        struck.update(happened)
        if violation:
            failed.append((seed, violation))
    return failed, struck


def _replay(seed: int, kind: str) -> int:
    violation, trace, _ = run_seed(seed, kind)
    schedule = simulation_of(seed, kind).schedule
    for name, value in vars(schedule).items():
        for each in value if isinstance(value, tuple) and name != "faults" else ():
            print(f"{name:8s}", each)
    for fault in schedule.faults:
        print("fault ", fault)
    print("\n".join(trace))
    print(f"seed {seed}: {violation or 'holds'}")
    return 1 if violation else 0


def main() -> int:
    """Run what the command line says; 0 if everything holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="?", type=int, default=10_000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="run this one, and print what happened")
    parser.add_argument("--kind", choices=("crossings", "queued"), default="crossings", help="of schedules")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    if given.seed is not None:
        return _replay(given.seed, given.kind)
    begun, done, failed, struck = time.monotonic(), 0, 0, Counter[str]()
    last = given.first + given.seeds
    batches = [range(at, min(at + _BATCH, last)) for at in range(given.first, last, _BATCH)]
    with ProcessPoolExecutor(given.processes) as pool:
        for future in as_completed([pool.submit(_run, batch, given.kind) for batch in batches]):
            found, happened = future.result()
            struck.update(happened)
            for seed, violation in found:
                print(f"seed {seed} FAILS: {violation}", flush=True)
            before, failed, done = done, failed + len(found), done + _BATCH
            if done // 500 != before // 500 or found:
                print(
                    f"{min(done, given.seeds)} seeds in {time.monotonic() - begun:.0f} s, {failed} failed",
                    flush=True,
                )
    print("struck:", ", ".join(f"{kind} {count}" for kind, count in sorted(struck.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
