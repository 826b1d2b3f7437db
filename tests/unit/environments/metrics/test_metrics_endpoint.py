"""The endpoint: who is answered, and a real Prometheus that scrapes it."""

from __future__ import annotations

import contextlib
import http.client
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from boundary_world import World, rows

from environments.boundary import egress
from environments.embedded.processes import identify
from environments.embedded.status import _metrics as metrics_part
from environments.embedded.status import describe_environment
from environments.metrics.catalogue import METRICS
from environments.metrics.endpoint import run_metrics
from environments.private import write_private
from environments.profile import MetricsSpec

_PACES = ("scrape_interval", "scrape_timeout", "evaluation_interval")
INFRA = Path(__file__).parents[4] / "infra"


def eventually(what: Callable[[], Any], seconds: float = 40.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def endpoint(world: World, port: int = 0) -> Iterator[dict[str, Any]]:
    """Serve onprem's metrics from a process of its own, as the host does."""
    profile = replace(world.profiles["onprem"], metrics=MetricsSpec(port))
    folder = world.folder("onprem")
    said = folder.run / "metrics.json"
    process = multiprocessing.get_context("spawn").Process(
        target=run_metrics, args=(folder, profile, world.profiles)
    )
    process.start()
    try:
        eventually(said.exists)
        yield json.loads(said.read_text())
    finally:
        os.kill(process.pid or 0, signal.SIGTERM)
        process.join(20)
        assert process.exitcode == 0
        assert not said.exists()


def ask(address: str, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", urllib.parse.urlsplit(address).port or 0, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    record = made.add(rows(30))
    egress(made.env("onprem"), made.request(record))
    egress(made.env("onprem"), made.request(record, request_id="run-2/sync-1", purpose="marketing"))
    return made


def test_it_answers_on_loopback_to_reading_alone(world: World) -> None:
    with endpoint(world) as said:
        address = said["address"]
        assert address.startswith("http://127.0.0.1:")
        status, body = ask(address)
        assert status == 200
        assert b'isthmus_crossings_total{direction="egress",environment="onprem"' in body.replace(
            b'environment="onprem",direction="egress"', b'direction="egress",environment="onprem"'
        )
        assert ask(address, method="HEAD") == (200, b"")
        assert ask(address, "/healthz") == (200, b"ok\n")
        assert ask(address, method="POST")[0] == 405
        assert ask(address, "/api/metrics")[0] == 404
        assert ask(address, "/metrics/../../ledger")[0] == 404
        assert ask(address, Host="evil.example:80")[0] == 421
        assert ask(address, Host="localhost:1")[0] == 200


def test_status_shows_it_and_asks_it(world: World) -> None:
    folder, host = world.folder("onprem"), identify(os.getpid())
    with endpoint(world) as said:
        [part] = metrics_part("onprem", host, describe_environment(folder))
        assert (part.name, part.health, part.address) == ("metrics@onprem", "ok", said["address"])
        [part] = metrics_part("onprem", None, describe_environment(folder))
        assert part.health == "down"
        kept = (folder.run / "metrics.json").read_bytes()
    assert metrics_part("onprem", host, describe_environment(folder)) == []
    write_private(folder.run / "metrics.json", kept)  # as a killed one leaves it
    [part] = metrics_part("onprem", host, describe_environment(folder))
    assert part.health == "failing"


@pytest.mark.long
def test_a_port_that_is_taken_is_told_and_tried_again(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        with endpoint(world, port) as said:
            assert said["address"] == ""
            assert f"port {port}" in said["problem"]
            taken.close()
            file = world.folder("onprem").run / "metrics.json"
            eventually(lambda: json.loads(file.read_text())["address"])
            assert ask(f"http://127.0.0.1:{port}/metrics")[0] == 200


def query(port: int, expression: str) -> list[dict[str, Any]]:
    where = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(where, timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


@pytest.mark.timeout(180)
def test_a_real_prometheus_scrapes_it_by_the_shipped_configuration(world: World, tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "prometheus"
    shutil.copytree(INFRA / "prometheus", folder)
    with endpoint(world) as said:
        configuration = yaml.safe_load((folder / "prometheus.yml").read_text())
        [job] = configuration["scrape_configs"]
        assert job["job_name"] == "isthmus"
        job["static_configs"] = [{"targets": [urllib.parse.urlsplit(said["address"]).netloc]}]
        configuration["global"] = dict.fromkeys(_PACES, "2s")
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        command = ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
        command += [f"--storage.tsdb.path={folder / 'data'}"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:

            def scraped() -> list[dict[str, Any]]:
                assert server.poll() is None, (folder / "log").read_text()
                with contextlib.suppress(OSError):
                    return query(port, 'up{job="isthmus"} == 1')
                return []

            eventually(scraped, 60)
            [sent] = eventually(lambda: query(port, 'isthmus_crossings_total{outcome="permitted"}'))
            assert sent["metric"]["environment"] == "onprem"
            assert sent["metric"]["peer"] == "cloud"
            assert sent["value"][1] == "1"
            [waiting] = query(port, 'isthmus_outbox_crossings{queue="waiting",peer="cloud"}')
            assert waiting["value"][1] == "1"
            assert query(port, 'isthmus_crossing_rules_total{outcome="denied"}')
            found = {one["metric"]["__name__"] for one in query(port, '{__name__=~"isthmus_.+"}')}
            assert {name.removesuffix("_total") for name in found} <= set(METRICS)
            # No worker runs here: the shipped rule says so.
            eventually(lambda: query(port, 'ALERTS{alertname="IsthmusSourceUnreadable"}'))
        finally:
            server.terminate()
            server.wait(20)
