"""Queueing, looking, sending and taking out, by the commands that a person types; no server runs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from environments.home import Home
from environments.identity import create_identity, load_identity, pin_peer
from flows.cli.group import ROOT
from flows.cli.init import write_site
from flows.cli.report import run_reporting

HEADER = "reading_id,patient_id,patient_name,age,ward,systolic\n"
ROWS = "".join(f"{number},P{1000 + number},Ann Amber,{20 + number},north,120\n" for number in range(30))
ENTRY = (sys.executable, "-P", "-c", "from flows.cli.main import main; main()")
QUEUE = ("sync", "readings", "--from", "onprem", "--to", "cloud", "--purpose", "statistics", "--queue")


class Desk:
    """Two environments with keys, and the commands."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.where = ("--home", str(folder / "home"), "--site", str(folder / "site"))
        write_site(folder / "site")
        self.home = Home(folder / "home").create()
        environments = {name: self.home.environment(name).create() for name in ("onprem", "cloud")}
        for name, place in environments.items():
            create_identity(place, name)
        for name, place in environments.items():
            for peer in environments.keys() - {name}:
                pin_peer(place, load_identity(environments[peer]).public)
        self.add(ROWS)

    def add(self, rows: str) -> None:
        (self.folder / "readings.csv").write_text(HEADER + rows)
        named = ("--env", "onprem", "--name", "readings", "--contract", "clinic.readings")
        self.run("asset", "add", self.folder / "readings.csv", *named)

    def run(self, *arguments: object, code: int = 0) -> str:
        status = run_reporting(ROOT, [*map(str, arguments), *self.where])
        out, err = self.capsys.readouterr()
        assert status == code, out + err
        return out + err

    def json(self, *arguments: object, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code))

    def all_environments(self) -> str:
        """What `outbox list` says of all: it forks, which this process with its threads must not."""
        command = [*ENTRY, "outbox", "list", *self.where]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def crossings(self) -> list[dict[str, Any]]:
        return list(
            self.json("outbox", "list", "--env", "onprem", "--all")["environments"]["onprem"]["crossings"]
        )


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_queued_sent_taken_in_and_answered(desk: Desk) -> None:
    assert "nothing waits" in desk.all_environments()
    queued = desk.json(*QUEUE, "--expires", "30d", "--priority", "7")
    assert (queued["state"], queued["priority"], queued["attempts"]) == ("waiting", 7, 0)
    assert desk.json(*QUEUE)["request"] == queued["request"]  # the same again is what waits
    said = desk.all_environments()
    assert f"onprem to cloud: 1 wait, {queued['bytes']:,} bytes" in said
    assert queued["request"] in said
    assert desk.json("outbox", "run", "--env", "onprem", "--once")["did"] == {"sent": 1}
    assert desk.json("outbox", "run", "--env", "cloud", "--once")["did"] == {"received_permitted": 1}
    time.sleep(1.1)
    assert "arrived 1" in desk.run("outbox", "run", "--env", "onprem", "--once")
    assert [one["state"] for one in desk.crossings()] == ["arrived"]
    assert "nothing waits" in desk.run("outbox", "list", "--env", "onprem")
    [there] = desk.json("asset", "list", "--env", "cloud")["assets"]
    assert there["name"] == "readings"


def test_taken_out_and_recorded(desk: Desk) -> None:
    request = desk.json(*QUEUE)["request"]
    assert "taken out, and recorded" in desk.run("outbox", "drop", request, "--env", "onprem")
    assert [one["state"] for one in desk.crossings()] == ["dropped"]
    kinds = [entry["kind"] for entry in desk.json("ledger", "show", "--env", "onprem")["entries"]]
    assert kinds.count("outbox") == 1
    assert "no crossing that waits" in desk.run("outbox", "drop", request, "--env", "onprem", code=2)
    assert desk.json("outbox", "run", "--env", "onprem", "--once")["did"] == {}


def test_a_full_outbox_is_exit_3_and_loses_nothing(desk: Desk) -> None:
    profile = desk.folder / "site/environments/onprem.yaml"
    profile.write_text(profile.read_text() + "\noutbox: {entries: 1}\n")
    first = desk.json(*QUEUE)
    refused = desk.json(*QUEUE, "--request", "another-one", code=3)
    assert "1 crossings wait, and that is the limit" in refused["error"]
    assert refused["remedy"]
    assert [one["request"] for one in desk.crossings()] == [first["request"]]


def test_a_link_that_is_down_is_exit_5_and_says_why(desk: Desk) -> None:
    desk.json(*QUEUE)
    link = desk.home.transit("onprem", "cloud")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.touch(mode=0o600)
    assert desk.json("outbox", "run", "--env", "onprem", "--once", code=5)["did"] == {"unreachable": 1}
    [line] = desk.json("outbox", "list", "--env", "onprem")["environments"]["onprem"]["destinations"]
    assert line["failures"] == 1
    assert "transit cannot be" in line["reason"]
    assert "tried again at" in desk.run("outbox", "list", "--env", "onprem")
    link.unlink()
    assert desk.json("outbox", "run", "--env", "onprem", "--once")["did"] == {"sent": 1}


def test_superseded_by_a_newer_version(desk: Desk) -> None:
    desk.json(*QUEUE)
    desk.add(ROWS + "99,P9999,Ann Amber,44,north,120\n")
    assert desk.json(*QUEUE, "--supersede")["behind_earlier_versions"] in {True, False}
    assert [one["state"] for one in desk.crossings()] == ["superseded", "waiting"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--expires", "soon"), "is no time"),
        (("--expires", "91d"), "at most 90 days"),
        (("--dry-run",), "--queue sends nothing now"),
    ],
)
def test_what_does_not_go_together_is_exit_2(desk: Desk, more: tuple[str, ...], said: str) -> None:
    assert said in desk.run(*QUEUE, *more, code=2)
    assert desk.crossings() == []


def test_what_goes_with_queue_only_is_exit_2(desk: Desk) -> None:
    assert "go with --queue" in desk.run(*QUEUE[:-1], "--supersede", code=2)


@pytest.mark.long
def test_it_runs_until_ctrl_c(desk: Desk) -> None:
    """Whatever is queued meanwhile is sent; a second pump of the environment is refused; 130 at the end."""
    command = [*ENTRY, "outbox", "run", "--env", "onprem", *desk.where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            lock = desk.home.environment("onprem").outbox / "pump.lock"
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not (lock.exists() and lock.read_text().strip()):
                time.sleep(0.05)
            assert "another process" in desk.run("outbox", "run", "--env", "onprem", "--once", code=7)
            desk.json(*QUEUE)
            while time.monotonic() < deadline and desk.crossings()[0]["state"] != "sent":
                time.sleep(0.2)
            assert [one["state"] for one in desk.crossings()] == ["sent"]
        finally:
            os.kill(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "sent 1" in out
    assert "what was on its way goes on from there" in err
    assert "Traceback" not in err


def test_what_waits_is_kept_in_a_file_and_put_back_and_what_has_ended_does_not_go(desk: Desk) -> None:
    desk.run(*QUEUE, "--request", "request-one")
    kept = desk.folder / "onprem.queue"
    told = desk.json("outbox", "backup", kept, "--env", "onprem")
    assert (told["bytes"], kept.stat().st_mode & 0o777) == (kept.stat().st_size, 0o600)
    desk.run("outbox", "backup", kept, "--env", "onprem", code=2)
    desk.run("outbox", "drop", "request-one", "--env", "onprem")
    desk.add(ROWS.replace("Amber", "Beech"))
    desk.run(*QUEUE, "--request", "request-two")
    assert "an outbox stands there" in desk.run("outbox", "restore", kept, "--env", "onprem", code=2)
    aside = desk.json("outbox", "restore", kept, "--env", "onprem", "--replace")["replaced"]
    assert (Path(aside) / "queue.db").exists()
    [back] = desk.json("outbox", "list", "--env", "onprem")["environments"]["onprem"]["crossings"]
    assert (back["request"], back["state"]) == ("request-one", "waiting")
    assert desk.json("outbox", "run", "--env", "onprem", "--once")["did"] == {"dropped": 1}
    [ended] = desk.json("outbox", "list", "--env", "onprem", "--all")["environments"]["onprem"]["crossings"]
    assert ended["state"] == "dropped"
    assert not [path for path in (desk.home.root / "transit").rglob("*") if path.is_file()]


@pytest.mark.parametrize("what", ["garbage", "cut", "another database"])
def test_what_is_no_copy_of_an_outbox_is_not_put_back(desk: Desk, what: str) -> None:
    desk.run(*QUEUE)
    kept = desk.folder / "onprem.queue"
    desk.run("outbox", "backup", kept, "--env", "onprem")
    raw = kept.read_bytes()
    with closing(sqlite3.connect(desk.folder / "other.db")) as base:
        base.execute("CREATE TABLE entries (number INTEGER)")
    cut, other = raw[: len(raw) // 2], (desk.folder / "other.db").read_bytes()
    kept.write_bytes({"garbage": b"garbage" * 99, "cut": cut, "another database": other}[what])
    before = (desk.home.environment("onprem").outbox / "queue.db").read_bytes()
    assert "no outbox that reads whole" in desk.run(
        "outbox", "restore", kept, "--env", "onprem", "--replace", code=4
    )
    assert (desk.home.environment("onprem").outbox / "queue.db").read_bytes() == before
    assert len(desk.json("outbox", "list", "--env", "onprem")["environments"]["onprem"]["crossings"]) == 1


def test_a_copy_goes_back_to_no_other_environment(desk: Desk) -> None:
    """By hand it did: each wish ended there as failed, for an asset that was never there."""
    desk.run(*QUEUE, "--request", "request-one")
    kept = desk.folder / "onprem.queue"
    desk.run("outbox", "backup", kept, "--env", "onprem")
    assert "another environment's" in desk.run("outbox", "restore", kept, "--env", "cloud", code=4)
    assert not (desk.home.environment("cloud").outbox / "queue.db").exists()
    desk.run("outbox", "restore", kept, "--env", "onprem", "--replace")
    desk.run("outbox", "backup", desk.folder / "again.queue", "--env", "onprem")
    assert desk.json("outbox", "run", "--env", "onprem", "--once")["did"] == {"sent": 1}
