"""What happens on the three hosts: two pipelines and a shift's alarms, while wires are cut and healed.

The hospital's and the factory's pipelines run at the same time, asked for on the machine at home. Once the
hall has queued its alarms its wires are cut, two more versions of them are queued there, and its pump sends
all three when it can. When both pipelines have ended the weather does; what still waits has to end then, and
what there is to see is looked at.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import polars as pl
from netns import inside, listener
from netns_hosts import ENVIRONMENTS, HUB, Machines, at_once
from netns_weather import Weather
from other_users import ISTHMUS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "prove"))

import searching
from capture import Capture, captured
from planting import FACTORY, HOSPITAL, SHIFT, Planted
from searching import Found, marks_but_of
from sentinels import api_texts, database_texts

_PATIENCE_S = 500.0
CLEAR_PORT = 7
ALARMS = "failure_alarms"


@dataclass
class Story:
    """What happened.

    Attributes:
        seed: of the weather.
        runs: each pipeline's `run --watch --json`, in the order of trying.
        queued: the crossings that were queued at the hall by hand, as `sync --queue` told them.
        outbox: what the hall's outbox said in the end of these, and of the pipeline's own.
        seconds: that each part took.
        weather: what it was.
        share_down: how much of the time the hall was cut off, of 1.
        entries: each environment's ledger.
        verified: whether each ledger does.
        assets: what each environment holds.
        states: of every run that the server knows, by its state's type.
        found: what the searches found.
        capture: what went over the wires.
        left: files that lie in a transit.
        waits: each time that a pipeline asked a side again, with the reason.
        dark: health of the hall's parts by `isthmus status`, while nothing reached it.
        ports: on which anybody was called over a wire.
    """

    seed: int
    runs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    queued: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    weather: list[tuple[float, str, str]] = field(default_factory=list)
    share_down: float = 0.0
    entries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    verified: dict[str, bool] = field(default_factory=dict)
    assets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    capture: Capture | None = None
    left: list[str] = field(default_factory=list)
    dark: dict[str, str] = field(default_factory=dict)
    waits: list[str] = field(default_factory=list)
    ports: set[int] = field(default_factory=set)

    @contextmanager
    def clocked(self, what: str) -> Iterator[None]:
        """Keep how long a block took."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[what] = round(time.monotonic() - began, 1)


def plant(machines: Machines) -> None:
    """Bring what is planted into the two environments that data comes from."""

    def bring(name: str) -> None:
        for planted in (*HOSPITAL, *FACTORY):
            if planted.environment == name:
                _bring(machines, planted)

    at_once(bring, ("onprem", "edge"))


def _bring(machines: Machines, planted: Planted) -> None:
    user = machines[planted.environment]
    path = user.folder / Path(planted.file).name
    planted.write(path)
    os.chown(path, user.uid, user.gid)
    contract = f"{planted.file.partition('/')[0]}.{planted.contract}"
    given = ("--env", planted.environment, "--name", planted.name, "--contract", contract, "--no-check")
    user.run("asset", "add", str(path), *given)


def play(
    machines: Machines, seed: int, *, scale: float = 1.0, tell: Callable[[str], None] = lambda _: None
) -> Story:
    """Play it under the weather of a seed, then look; in the end the hall is cut off, and down."""
    story, net = Story(seed), machines.net
    packets = machines.folder / f"packets-{seed}"
    wires = [listener(net, wire) for wire in net.wires()]
    with captured(packets, wires) as story.capture:
        with Weather(net, seed, scale) as weather, ThreadPoolExecutor(2) as pool:
            hospital = pool.submit(_run, story, machines, "hospital")
            try:
                _run(story, machines, "factory")
                tell(f"factory: {story.runs['factory'][-1]['state']} after {story.seconds['factory']} s")
                with story.clocked("queueing"):
                    _queue(story, machines, weather)
                hospital.result()
            except BaseException:
                machines.end()  # nobody waits for the other pipeline
                raise
            tell(f"hospital: {story.runs['hospital'][-1]['state']} after {story.seconds['hospital']} s")
        story.weather, story.share_down = weather.told, weather.share_down
        with story.clocked("alarms"):
            _wait_for_alarms(story, machines)
        tell(f"alarms: {[one['state'] for one in story.outbox]} after {story.seconds['alarms']} s")
        with story.clocked("looking"):
            _say_in_the_clear(machines)
            _look(story, machines)
    for wire in net.wires():
        if "edge" in wire:
            net.cut(*wire, "swallow")
    with story.clocked("down in the dark"):
        machines["edge"].json("down")
    with story.clocked("searching"):
        _search(story, machines, packets)
    return story


def _run(story: Story, machines: Machines, pipeline: str) -> None:
    """Run a pipeline as its operator does."""
    with story.clocked(pipeline):
        running = machines.stay("onprem", pipeline, *ISTHMUS, "run", pipeline, "--watch", "--json")
        code = running.wait(_PATIENCE_S)
        told = json.loads((machines.folder / pipeline).read_text(encoding="utf-8") or "{}")
        story.runs.setdefault(pipeline, []).append({"state": "", "exit": code, **told})


def _queue(story: Story, machines: Machines, weather: Weather) -> None:
    """Queue two more versions of the alarms while nothing reaches the hall; its pump sends them later."""
    edge = machines["edge"]
    got = edge.folder / "alarms.parquet"
    with weather.down("edge"):
        edge.run("asset", "get", ALARMS, "--env", "edge", "--out", str(got))
        alarms = pl.read_parquet(got)
        for rows in (alarms.height - 1, alarms.height - 2):
            path = edge.folder / f"alarms-{rows}.parquet"
            alarms.head(rows).write_parquet(path)
            os.chown(path, edge.uid, edge.gid)
            given = ("--env", "edge", "--name", ALARMS, "--contract", "factory.alarms", "--no-check")
            edge.run("asset", "add", str(path), *given)
            to = ("--from", "edge", "--to", "onprem", "--purpose", "reporting", "--queue", "--expires", "1d")
            story.queued.append(edge.json("sync", ALARMS, *to))
        with story.clocked("status in the dark"):
            told = edge.start(*ISTHMUS, "status", "--json")
        story.dark = {part["name"]: part["health"] for part in json.loads(told.stdout)["parts"]}


def _wait_for_alarms(story: Story, machines: Machines) -> None:
    """Wait until all that the hall queued has ended: its wires are whole by now, its pump may still rest."""
    edge, deadline = machines["edge"], time.monotonic() + _PATIENCE_S
    while True:
        told = edge.json("outbox", "list", "--env", "edge", "--all")
        story.outbox = told["environments"]["edge"]["crossings"]
        if all(one["state"] not in ("waiting", "sending", "sent") for one in story.outbox):
            return
        assert time.monotonic() < deadline, story.outbox
        time.sleep(2.0)


def _say_in_the_clear(machines: Machines) -> None:
    """Send a mark over a wire in the clear: what is searched later is what the wires carried."""
    net = machines.net
    place = (net.address("cloud"), CLEAR_PORT)
    with inside(net.space("cloud"), lambda: socket.create_server(place)) as server:
        with inside(net.space("edge"), lambda: socket.create_connection(place, 10)) as client:
            client.sendall(f"{SHIFT.word}uid1".encode())
        with server.accept()[0] as heard:
            assert heard.recv(100)


def _look(story: Story, machines: Machines) -> None:
    """Ask each machine what it holds, and the server what it knows."""

    def ask(name: str) -> None:
        user = machines[name]
        story.verified[name] = user.json("ledger", "verify", "--env", name)["success"]
        story.entries[name] = user.json("ledger", "show", "--env", name)["entries"]
        story.assets[name] = user.json("asset", "list", "--env", name)["assets"]

    at_once(ask, ENVIRONMENTS)
    home = machines[HUB].home
    api = json.loads((home / "system" / "api.json").read_text(encoding="utf-8"))
    user, _, password = api["auth_string"].partition(":")

    def texts() -> list[tuple[str, str]]:
        with httpx.Client(base_url=api["url"], auth=(user, password), timeout=60, trust_env=False) as client:
            return list(api_texts(client))

    told = inside(machines.net.space(HUB), texts)
    for what, text in told:
        if what == "logs":
            story.waits += [
                line["message"] for line in json.loads(text) if " is asked again in " in line["message"]
            ]
        for run in json.loads(text) if what == "flow_runs" else ():
            state = run["state"]["type"]
            story.states[state] = story.states.get(state, 0) + 1
    rows = asyncio.run(
        database_texts(home / "system" / "postgresql", (home / "secrets" / "database").read_text().strip())
    )
    story.found["API"] = searching.texts("answers of the server's API", told, marks_but_of())
    story.found["database"] = searching.texts("rows of the server's database", rows, marks_but_of())
    for host in ("cloud", "onprem"):
        exchange = machines.exchange(host)
        story.left += [str(path.relative_to(exchange)) for path in exchange.rglob("*") if path.is_file()]


def _search(story: Story, machines: Machines, packets: Path) -> None:
    """Look for every mark in what the wires carried, and in what each other environment holds."""
    # Of the two ports of a connection the lower one was called: the other is the caller's, above 32767.
    story.ports = {min(map(int, path.name.split("-")[1:])) for path in packets.iterdir()}
    story.found["wires"] = searching.files("packets on the wires", [packets], marks_but_of())
    for name in ENVIRONMENTS:
        place = machines[name].home / "environments" / name
        story.found[name] = searching.files(f"everything of {name}", [place], marks_but_of(name))
