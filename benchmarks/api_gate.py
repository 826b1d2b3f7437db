"""What the API gate adds to a call: the same calls to a real server, directly and through the gate, in turn.

One control plane as `isthmus up` starts it, one gate as `isthmus gate start` runs it. Each round makes one
call directly and the same through the gate, in an order that changes; reported are medians of the pairs'
differences, the gate's CPU time for one call, and its memory (PSS). The calls are what runs do most: read a
run, post a line, ask what is due.

    make bench NAME=api_gate            about half a minute
    python benchmarks/api_gate.py --quick
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "system"))

import httpx
import psutil
from worker_world import World, control_plane

from environments.apigate.address import read_gate
from environments.apigate.speaker import Speaker, key_in, run_credential
from environments.embedded.api import ApiAddress
from environments.embedded.processes import identify, pss

ENVIRONMENT = "edge"
MOST_MS = 5.0


@contextmanager
def gate(world: World) -> Iterator[tuple[ApiAddress, int]]:
    """Run the environment's gate; give its address, with the worker's credential, and its pid."""
    folder = world.folder(ENVIRONMENT).create()
    isthmus = str(Path(sys.executable).with_name("isthmus"))
    command = [isthmus, "gate", "start", "--env", ENVIRONMENT, "--home", str(world.home.root)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        if process.stderr is None or "answers" not in process.stderr.readline():
            raise RuntimeError("the gate does not start")
        yield read_gate(folder), process.pid
    finally:
        process.terminate()
        process.wait(20)


def client(api: ApiAddress) -> httpx.Client:
    """Connect as our own runs do."""
    user, _, password = api.auth_string.partition(":")
    return httpx.Client(base_url=api.url, auth=(user, password), timeout=30, trust_env=False, verify=False)  # noqa: S501 - loopback, no TLS


def timed(call: Callable[[], httpx.Response]) -> float:
    """Return the milliseconds of one call that must succeed."""
    began = time.perf_counter()
    call().raise_for_status()
    return 1000 * (time.perf_counter() - began)


def main() -> int:
    """Print a table and, as the last line, one JSON document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="60 rounds instead of 400")
    rounds = 60 if parser.parse_args().quick else 400
    document: dict[str, object] = {"benchmark": "api_gate", "unit": "milliseconds", "rounds": rounds}
    medians = {}
    with control_plane() as world, gate(world) as (api, pid):
        world.ask("POST", "work_pools/", {"name": ENVIRONMENT, "type": "isthmus-sealed"})
        run = world.run(world.deploy("measured", ENVIRONMENT, "default"))
        own = ApiAddress(api.url, run_credential(key_in(api.auth_string) or "", Speaker("builtin", run)))
        now = datetime.now(UTC).isoformat()
        line = {"name": "isthmus", "level": 20, "message": "fit: 3 rows", "timestamp": now}
        due = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        calls: dict[str, tuple[ApiAddress, Callable[[httpx.Client], httpx.Response]]] = {
            "read a run": (own, lambda http: http.get(f"/flow_runs/{run}")),
            "post a line": (own, lambda http: http.post("/logs/", json=[line | {"flow_run_id": run}])),
            "ask what is due": (api, lambda http: http.post("/flow_runs/count", json=due)),
        }
        print(f"{'':18}{'directly':>10}{'gate':>10}{'added':>10}{'cpu':>10}")
        for name, (through, call) in calls.items():
            with client(world.api) as direct, client(through) as gated:
                pairs, cpu = [], psutil.Process(pid).cpu_times()
                for number in range(rounds + 5):
                    order = [("direct", direct), ("gate", gated)]
                    random.shuffle(order)
                    pair = {who: timed(lambda http=http, call=call: call(http)) for who, http in order}
                    pairs += [pair] if number >= 5 else []  # noqa: PLR2004 - the first ones open connections
                    time.sleep(0.01)  # under what the gate lets one speaker ask
            spent = psutil.Process(pid).cpu_times()
            busy = 1000 * (spent.user + spent.system - cpu.user - cpu.system) / (rounds + 5)
            one, two = (statistics.median(pair[who] for pair in pairs) for who in ("direct", "gate"))
            added = statistics.median(pair["gate"] - pair["direct"] for pair in pairs)
            medians[name] = round(added, 2)
            document[name] = {
                "direct": round(one, 2),
                "gate": round(two, 2),
                "added": round(added, 2),
                "cpu": round(busy, 2),
            }
            print(f"{name:18}{one:>10.2f}{two:>10.2f}{added:>10.2f}{busy:>10.2f}")
        process = identify(pid)
        document["gate_pss_mb"] = round((pss(process) if process else 0) / 1024**2, 1)
    worst = max(medians.values())
    document |= {"added_worst_median": worst, "budget": MOST_MS, "held": worst < MOST_MS}
    print(f"worst median {worst} ms of {MOST_MS} ms; the gate alone uses {document['gate_pss_mb']} MB")
    print(json.dumps(document))
    return 0 if worst < MOST_MS else 1


if __name__ == "__main__":
    sys.exit(main())
