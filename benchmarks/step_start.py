"""From the request for a step to the first line of its code: a stock process worker, and the sealed one.

One real system as `isthmus up` starts it, with the three shipped environments and a site's pipeline whose
step leaves the time; and for each environment a stock process worker as it ships, and one told to poll every
second, with a Prefect flow that does the same. All run all the time, and take turns. Every run has a process
of its own. Singles go to one environment after another, bursts of 12 to three at once. The request is the
same API call that `run_deployment` makes.

    make bench NAME=step_start            about five minutes
    python benchmarks/step_start.py --quick [--ours]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "system"))

import httpx
from site_variants import change, shipped_site
from worker_world import World, stock_worker, until

from environments.embedded.api import read_api
from environments.embedded.launch import launch
from environments.embedded.takedown import take_down
from environments.home import Home
from environments.site import Site

ENVIRONMENTS = ("onprem", "cloud", "edge")
BURST = 12
PATIENCE = 180.0
STOCK_FLOW = """
import time
from pathlib import Path
from prefect import flow

@flow
def step(number: int):
    now = time.time()
    (Path({folder!r}) / str(number)).write_text(str(now))
"""
OUR_FLOW = """
import tempfile
import time
from pathlib import Path

from flows.runtime import pipeline
from tasks.steps import StepRun, step

@step(purpose="measurement")
def mark(run: StepRun, number: int) -> int:
    now = time.time()
    folder = Path(tempfile.gettempdir()) / "marks"
    folder.mkdir(exist_ok=True)
    (folder / str(number)).write_text(str(now))
    return number

@pipeline(home="onprem")
def measured() -> None:
    mark.on("onprem")(1)
    mark.on("cloud")(1)
    mark.on("edge")(1)
"""
OUR_GRANT = "\nsteps:\n  - name: measured.mark\n    numbers: {number: {min: 0, max: 1000000}}\n"


@dataclass
class Contestant:
    """One kind of worker in three environments.

    Attributes:
        title: for the table.
        deployments: environment to deployment id.
        marks: environment to the folder where its steps leave their first line's time.
        singles: seconds of each single run.
        bursts: seconds of each run of all bursts.
    """

    title: str
    deployments: dict[str, str] = field(default_factory=dict)
    marks: dict[str, Path] = field(default_factory=dict)
    singles: list[float] = field(default_factory=list)
    bursts: list[float] = field(default_factory=list)


@contextmanager
def system() -> Iterator[World]:
    """Run the whole system in a home of its own; everything is gone at the end."""
    root = Path(tempfile.mkdtemp(prefix="iss-"))
    home = Home(root / "home").create()
    try:
        site = shipped_site(root / "site")
        (site / "flows" / "measured.py").write_text(OUR_FLOW)
        for environment in ENVIRONMENTS:
            change(site / "environments" / f"{environment}.yaml", "\nsteps:\n", OUR_GRANT)
        change(site / "environments" / "onprem.yaml", "\nsteps:\n", "\nsteps:\n  - measured\n")
        launch(home, Site.load(site), None, lambda _event: None)
        api = read_api(home)
        user, _, password = api.auth_string.partition(":")
        with httpx.Client(base_url=api.url + "/", auth=(user, password), timeout=30) as http:
            yield World(home, api, http)
    finally:
        take_down(home)
        shutil.rmtree(root, ignore_errors=True)


def measure(world: World, contestant: Contestant, environment: str, number: int) -> tuple[float, str]:
    """Ask for one step; return the seconds until its first line ran, and the run."""
    path = contestant.marks[environment] / str(number)
    asked = time.time()
    run = world.run(contestant.deployments[environment], {"number": number})
    try:
        text = until(lambda: path.exists() and path.read_text(), PATIENCE, 0.02)
    except AssertionError:
        raise RuntimeError(f"a step in {environment} left no mark: {world.state(run)}") from None
    return float(text) - asked, run


def settled(world: World, measured: list[tuple[float, str]]) -> list[float]:
    """Wait until runs have ended: one contestant's processes must not be in another's way."""
    for _, run in measured:
        world.wait(run, seconds=PATIENCE)
    return [seconds for seconds, _ in measured]


def stock(world: World, stack: ExitStack, title: str, seconds: float | None) -> Contestant:
    """Start a stock worker for each environment."""
    contestant = Contestant(title)
    folder = world.home.root / f"flow-{len(title)}"
    folder.mkdir()
    (folder / "step.py").write_text(STOCK_FLOW.format(folder=str(folder)))
    for environment in ENVIRONMENTS:
        pool = f"{environment}-{title.replace(' ', '-')}"
        stack.enter_context(stock_worker(world, pool, seconds=seconds))
        order = {"path": str(folder), "entrypoint": f"{folder}/step.py:step"}
        contestant.deployments[environment] = world.deploy("step", pool, "default", **order)
        contestant.marks[environment] = folder
    return contestant


def sealed(world: World) -> Contestant:
    """Find our worker's deployment in each environment."""
    contestant = Contestant("sealed worker")
    for environment in ENVIRONMENTS:
        found = world.ask("GET", f"deployments/name/measured.mark/{environment}")
        contestant.deployments[environment] = str(found["id"])
        contestant.marks[environment] = world.folder(environment).tmp / "marks"
    return contestant


def run(world: World, contestants: list[Contestant], singles: int, bursts: int) -> None:
    """Let all take turns."""
    for contestant in contestants:  # one run each that does not count: caches and bytecode
        for environment in ENVIRONMENTS:
            settled(world, [measure(world, contestant, environment, 0)])
    for number in range(singles):
        for contestant in contestants:
            time.sleep(random.uniform(0.5, 2.0))  # noqa: S311 - no poll's rhythm is to be met
            environment = ENVIRONMENTS[number % len(ENVIRONMENTS)]
            one = measure(world, contestant, environment, 1 + number)
            contestant.singles.extend(settled(world, [one]))
    with ThreadPoolExecutor(BURST) as pool:
        for number in range(bursts):
            for contestant in contestants:
                time.sleep(random.uniform(5.0, 7.0))  # noqa: S311 - as above; and processes end
                asked = [
                    pool.submit(
                        measure,
                        world,
                        contestant,
                        ENVIRONMENTS[one % len(ENVIRONMENTS)],
                        1000 + number * BURST + one,
                    )
                    for one in range(BURST)
                ]
                contestant.bursts.extend(settled(world, [one.result() for one in asked]))


def summary(values: list[float]) -> dict[str, float]:
    """Return what is reported of a list of seconds."""
    return {
        "median": round(statistics.median(values), 3),
        "least": round(min(values), 3),
        "most": round(max(values), 3),
        "count": len(values),
    }


def main() -> int:
    """Print a table and, as the last line, one JSON document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="two singles and one burst of each")
    parser.add_argument(
        "--ours", action="store_true", help="the sealed worker alone, to compare changes of it"
    )
    options = parser.parse_args()
    singles, bursts = (2, 1) if options.quick else (9, 3)
    with system() as world, ExitStack() as stack:
        ours = sealed(world)
        contestants = [ours]
        if not options.ours:
            contestants.insert(0, stock(world, stack, "stock as shipped", None))
            contestants.insert(1, stock(world, stack, "stock polling 1 s", 1.0))
        run(world, contestants, singles, bursts)
    document: dict[str, object] = {"benchmark": "step_start", "unit": "seconds", "burst": BURST}
    print(f"{'':20}{'single: median':>16}{'most':>8}{'burst of 12: median':>22}{'most':>8}")
    for contestant in contestants:
        single, burst = summary(contestant.singles), summary(contestant.bursts)
        document[contestant.title] = {"single": single, "burst": burst}
        print(
            f"{contestant.title:20}{single['median']:>16.2f}{single['most']:>8.2f}"
            f"{burst['median']:>22.2f}{burst['most']:>8.2f}"
        )
    ratios = {
        contestant.title: {
            "single": round(statistics.median(contestant.singles) / statistics.median(ours.singles), 1),
            "burst": round(statistics.median(contestant.bursts) / statistics.median(ours.bursts), 1),
        }
        for contestant in contestants[:-1]
    }
    document["times sooner"] = ratios
    for title, ratio in ratios.items():
        print(f"sooner than {title}: {ratio['single']} x single, {ratio['burst']} x burst")
    print(json.dumps(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
