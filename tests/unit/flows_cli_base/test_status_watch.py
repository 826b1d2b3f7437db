"""`status --watch`: what it shows of real environments, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "contract_suites"))

from boundary_world import SENTINEL, World, rows

from environments.boundary import egress
from environments.metrics.collect import Collector
from flows.cli.status_text import age, shown
from flows.cli.status_watch import look

COMMAND = [sys.executable, "-P", "-c", "from flows.cli.main import main; main()", "status", "--watch"]


def document(world: World) -> dict[str, Any]:
    """Return a look at a world whose system is up, as `look` makes it."""
    told = {}
    for name, profile in world.profiles.items():
        collector = Collector(world.folder(name), profile, world.profiles, clock=lambda: world.now)
        told[name] = {"metrics": json.loads(json.dumps(collector.collect().to_json()))}
    parts = [
        {"name": "server", "health": "ok", "detail": ""},
        {"name": "dask@edge", "health": "down", "detail": ""},
    ]
    head = {
        "time": "2026-11-29T18:00:00+00:00",
        "phase": "ready",
        "url": "http://127.0.0.1:4200",
        "home": "/h",
    }
    return {**head, "parts": parts, "problems": [], "environments": told}


def start(home: Path, *more: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    command = [*COMMAND, "--every", "0.2", "--home", str(home), *more]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE)


def test_it_shows_what_waits_what_crossed_and_what_is_behind(tmp_path: Path) -> None:
    world = World(tmp_path)
    record = world.add(rows(30))
    egress(world.env("onprem"), world.request(record))
    egress(world.env("onprem"), world.request(record, request_id="run-2/sync-1", purpose="marketing"))
    lines = [click.unstyle(line) for line in shown(document(world))]
    assert lines[0].startswith("http://127.0.0.1:4200  ready, 1 of 2 parts are not well")
    assert "  dask@edge: down" in lines
    [crossed] = [line.split() for line in lines if re.match(r"  onprem +cloud +0 +1 ", line)]
    assert crossed[2:5] == ["0", "1", "0"]  # queued, waiting, held back
    assert crossed[-6:-2] == ["1", "1", "0", "0"]  # permitted, denied, broken, failed
    [late] = [line.split() for line in lines if "visits" in line]
    assert late[:4] == ["onprem", "visits", "cloud", "1"]
    [state] = [line for line in lines if line.startswith("  onprem ") and "certificates" in line]
    assert "worker" in state  # none runs in this world, and that is said
    assert not any(SENTINEL in line or "marketing" in line for line in lines)


def test_an_environment_that_cannot_be_looked_at_hides_no_other(tmp_path: Path) -> None:
    told = document(World(tmp_path))
    told["environments"]["cloud"] = {"error": "cloud: others may open it"}
    lines = [click.unstyle(line) for line in shown(told)]
    assert "  cloud: cloud: others may open it" in lines
    assert any(line.startswith("  edge ") for line in lines)


def test_lengths_of_time_are_short() -> None:
    assert [age(seconds) for seconds in (0, 59, 60, 7300, 200000, -90000)] == [
        "0 s", "59 s", "1 min", "2 h", "2 d", "-1 d",
    ]  # fmt: skip


def test_a_look_at_a_home_where_nothing_runs_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    told = look(world.home)
    assert (told["phase"], told["environments"]) == ("down", {})
    assert shown(told)[0].startswith("Nothing runs in ")


def test_json_is_one_document_a_line_to_the_end(tmp_path: Path) -> None:
    watcher = start(World(tmp_path).home.root, "--json")
    assert watcher.stdout is not None
    lines = [watcher.stdout.readline(), watcher.stdout.readline()]
    watcher.send_signal(signal.SIGINT)
    out, err = watcher.communicate(timeout=60)
    assert watcher.returncode == 130
    told = [json.loads(line) for line in [*lines, *out.splitlines()]]
    assert {one["phase"] for one in told[:-1]} == {"down"}
    assert (told[-1]["kind"], told[-1]["exit_code"]) == ("Interrupted", 130)
    assert b"Traceback" not in err


def test_without_a_terminal_there_are_no_colours_and_no_screens(tmp_path: Path) -> None:
    watcher = start(World(tmp_path).home.root)
    assert watcher.stdout is not None
    first = watcher.stdout.readline()
    watcher.send_signal(signal.SIGINT)
    out, err = watcher.communicate(timeout=60)
    assert watcher.returncode == 130
    assert first.startswith(b"Nothing runs in ")
    assert b"\x1b" not in first + out
    assert err.strip() == b"isthmus: interrupted"


def test_on_a_terminal_each_look_takes_the_place_of_the_last(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    watcher = start(World(tmp_path).home.root, stdout=theirs)
    os.close(theirs)
    seen, deadline = b"", time.monotonic() + 60
    while seen.count(b"\x1b[H\x1b[2J") < 2:
        assert time.monotonic() < deadline, seen
        if select.select([ours], [], [], 1.0)[0]:
            seen += os.read(ours, 65536)
    watcher.send_signal(signal.SIGINT)
    watcher.communicate(timeout=60)
    os.close(ours)
    assert watcher.returncode == 130


def test_a_home_that_is_not_there_is_one_line_too(tmp_path: Path) -> None:
    watcher = start(tmp_path / "nowhere", "--json")
    out, _ = watcher.communicate(timeout=60)
    [line] = out.splitlines()
    assert watcher.returncode == json.loads(line)["exit_code"] == 5


@pytest.mark.parametrize("every", ["0", "-1", "soon"])
def test_a_pace_that_is_none_is_refused(tmp_path: Path, every: str) -> None:
    done = subprocess.run(
        [*COMMAND, "--home", str(tmp_path), "--every", every], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 2
