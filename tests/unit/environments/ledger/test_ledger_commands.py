"""`isthmus ledger explain`, `backup`, `restore`, `announce`, `accept`, as a user types them."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from environments.home import Home
from environments.identity import create_identity, load_identity, pin_peer
from environments.ledger import Ledger, witness_head
from flows.cli.group import ROOT
from flows.cli.report import run_reporting

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
ASKED: dict[str, Any] = {
    "name": "tests",
    "source_version": C,
    "destination": "cloud",
    "purpose": "model-training",
    "request": "run-1",
    "requester": "ada",
    "contract_ref": "hospital.tests@1.0.0",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").create()
    for name in ("onprem", "cloud"):
        create_identity(home.environment(name).create(), name)
    pin_peer(home.environment("cloud"), load_identity(home.environment("onprem")).public)
    return home


@pytest.fixture
def ledger(home: Home) -> Ledger:
    made = Ledger(home.environment("onprem").ledger, load_identity(home.environment("onprem")))
    rules = [{"id": "purpose", "reason": "not_listed", "unexpected_count": 0}]
    made.append("egress", ASKED | {"crossing": B, "outcome": "denied", "rules": rules, "decision": C})
    sent = {"manifest": C, "decision": C, "version": C, "bytes": 4711, "arrival": C, "contract": C, "head": 1}
    made.append("egress", ASKED | {"crossing": A, "outcome": "permitted", "rules": []} | sent)
    return made


def run(home: Home, *arguments: str) -> int:
    return run_reporting(ROOT, ["ledger", *arguments, "--home", str(home.root)])


def test_explain_an_open_and_a_closed_crossing(
    home: Home, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(home, "explain", "aaaa", "--env", "onprem") == 0
    text = capsys.readouterr().out
    for words in ("who     ada, request run-1", "tests, version", "hospital.tests@1.0.0", "onprem to cloud"):
        assert words in text
    assert "bytes   4711" in text
    assert "none yet: the crossing is open" in text
    answer = {
        "outcome": "permitted",
        "receipt": B,
        "received": "2026-11-24",
        "peer_head": [9, C],
        "rules": [],
    }
    ledger.append("settle", {"crossing": A, "name": "tests", "destination": "cloud", "version": C} | answer)
    assert run(home, "explain", A, "--env", "onprem", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["answer"] == answer
    assert [entry["kind"] for entry in told["entries"]] == ["egress", "settle"]
    assert told["bytes"] == {"size": 4711, "version": C, "manifest": C}
    assert run(home, "explain", A, "--env", "onprem") == 0
    assert "the peer's ledger was at entry 9" in capsys.readouterr().out


@pytest.mark.usefixtures("ledger")
def test_explain_a_refusal(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "explain", "bbbb", "--env", "onprem") == 0
    text = capsys.readouterr().out
    assert f"rules   denied, decision {C}" in text
    assert "[purpose] not_listed" in text
    assert "bytes   none" in text
    assert "answer  denied" in text


@pytest.mark.usefixtures("ledger")
def test_explain_what_is_not_one_crossing(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "explain", "cccc", "--env", "onprem") == 2
    assert "no such crossing" in capsys.readouterr().err
    assert run(home, "explain", "sha256:", "--env", "onprem") == 2
    assert "2 crossings begin so" in capsys.readouterr().err


def test_report_is_one_page_that_escapes(
    home: Home, ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.append("egress", ASKED | {"crossing": C, "name": "<script>alert(1)</script>", "outcome": "denied"})
    ledger.append("note", {})
    path = tmp_path / "page.html"
    assert run(home, "report", str(path), "--env", "onprem") == 0
    assert "verified, 4 entries" in capsys.readouterr().out
    text = path.read_text(encoding="utf-8")
    ET.fromstring(text.partition("\n")[2].replace('<meta charset="utf-8">', ""))  # noqa: S314 - our own page
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    for words in (
        "Verified:",
        "ada run-1",
        "model-training: onprem to cloud",
        "denied [purpose]",
        "open",
        A,
        "note",
    ):
        assert words in text
    assert not re.search(r"https?://|<link|<img|url\(|@import", text)


@pytest.mark.usefixtures("ledger")
def test_report_of_what_does_not_verify(home: Home, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home.environment("onprem").ledger / "ledger.db")) as database, database:
        database.execute("UPDATE entries SET payload = replace(payload, '4711', '1')")
    assert run(home, "report", str(tmp_path / "page.html"), "--env", "onprem") == 4
    assert "NOT VERIFIED" in (tmp_path / "page.html").read_text(encoding="utf-8")
    (home.environment("onprem").ledger / "ledger.db").write_bytes(b"garbage" * 99)
    assert run(home, "report", str(tmp_path / "other.html"), "--env", "onprem") == 4
    assert "NOT VERIFIED" in (tmp_path / "other.html").read_text(encoding="utf-8")


def test_lost_restored_announced_accepted(
    home: Home, ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud, public = home.environment("cloud").ledger, load_identity(home.environment("onprem")).public
    backup, told = str(tmp_path / "backup.jsonl"), tmp_path / "restored.json"
    witness_head(cloud, public, ledger.show("cloud"))
    assert run(home, "backup", backup, "--env", "onprem") == 0
    ledger.append("egress", {"crossing": A})
    witness_head(cloud, public, ledger.show("cloud"))
    assert run(home, "restore", backup, "--env", "onprem") == 2
    shutil.rmtree(home.environment("onprem").ledger)
    home.environment("onprem").create()
    assert run(home, "restore", backup, "--env", "onprem") == 0
    assert run(home, "announce", str(told), "--env", "onprem", "--to", "cloud") == 0
    assert run(home, "accept", str(told), "--env", "cloud", "--of", "onprem") == 0
    assert "goes on from entry 2; lost: up to 3" in capsys.readouterr().out
    assert run(home, "accept", str(told), "--env", "cloud", "--of", "onprem") == 0
    assert "misses nothing" in capsys.readouterr().out
    for name in ("onprem", "cloud"):
        assert run(home, "verify", "--env", name) == 0
    assert run(home, "accept", "/nowhere", "--env", "cloud", "--of", "onprem") == 2


@pytest.mark.usefixtures("ledger")
def test_what_does_not_verify_is_not_backed_up(home: Home, tmp_path: Path) -> None:
    (home.environment("onprem").ledger / "ledger.db").write_bytes(b"garbage" * 99)
    assert run(home, "backup", str(tmp_path / "backup.jsonl"), "--env", "onprem") == 4
    assert not (tmp_path / "backup.jsonl").exists()
