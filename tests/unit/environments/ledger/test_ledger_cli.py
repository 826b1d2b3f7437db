"""`isthmus ledger`, as a user types it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from environments.home import Home
from environments.identity import create_identity, load_identity
from environments.ledger import Ledger, witness_head
from flows.cli.group import ROOT
from flows.cli.report import run_reporting


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").create()
    for name in ("onprem", "cloud"):
        create_identity(home.environment(name).create(), name)
    return home


@pytest.fixture
def ledger(home: Home) -> Ledger:
    folder = home.environment("onprem")
    made = Ledger(folder.ledger, load_identity(folder))
    rules = [{"id": "age.maximum", "reason": "unexpected_values", "unexpected_count": 3}]
    about = {"name": "tests", "destination": "cloud", "purpose": "model-training"}
    made.append("egress", {"crossing": "sha256:" + "a" * 64, "outcome": "broken", "rules": rules, **about})
    made.append("egress", {"crossing": "sha256:" + "b" * 64, "outcome": "permitted", "rules": [], **about})
    return made


def run(home: Home, *arguments: str) -> int:
    return run_reporting(ROOT, ["ledger", *arguments, "--home", str(home.root)])


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("ledger")
def test_show(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "show", "--env", "onprem") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "broken" in first
    assert "tests to cloud for model-training" in first
    assert "[age.maximum: 3 rows]" in first
    assert "permitted" in second


def test_what_is_about_this_environment_alone_names_its_version(
    home: Home, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    """It said `covid_tests from None` of a version that `asset gc` removed."""
    ledger.append("removed", {"name": "tests", "version": "sha256:" + "a" * 64, "why": "garbage-collection"})
    assert run(home, "show", "--env", "onprem", "--last", "1") == 0
    said = capsys.readouterr().out
    assert "tests@sha256:aaaaaaaaaaaa\n" in said


@pytest.mark.usefixtures("ledger")
def test_show_one_crossing_and_the_newest(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "show", "--env", "onprem", "--crossing", "bbbb", "--json") == 0
    [entry] = document(capsys)["entries"]
    assert entry["sequence"] == 2
    assert run(home, "show", "--env", "onprem", "--last", "1", "--json") == 0
    assert [entry["sequence"] for entry in document(capsys)["entries"]] == [2]


@pytest.mark.usefixtures("ledger")
def test_verify(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "verify", "--env", "onprem", "--json") == 0
    report = document(capsys)
    assert (report["environment"], report["success"], report["entries"]) == ("onprem", True, 2)
    with closing(sqlite3.connect(home.environment("onprem").ledger / "ledger.db")) as database, database:
        database.execute("UPDATE entries SET payload = replace(payload, '_count\":3', '_count\":0')")
    assert run(home, "verify", "--env", "onprem") == 4
    assert "altered at entry 1" in capsys.readouterr().err
    assert run(home, "verify", "--env", "onprem", "--json") == 4
    assert [problem["id"] for problem in document(capsys)["problems"]] == ["altered"]


@pytest.mark.usefixtures("ledger")
def test_show_a_page(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "show", "--env", "onprem", "--after", "1", "--last", "5", "--json") == 0
    assert [entry["sequence"] for entry in document(capsys)["entries"]] == [2]
    assert run(home, "show", "--env", "onprem", "--after", "2") == 0
    assert "no entries" in capsys.readouterr().out


@pytest.mark.usefixtures("ledger")
def test_export(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "onprem.jsonl"
    assert run(home, "export", str(path), "--env", "onprem", "--json") == 0
    assert document(capsys)["entries"] == 2
    auditor = Path(__file__).parents[4] / "infra" / "auditor" / "verify_ledger.py"
    assert subprocess.run([sys.executable, "-I", auditor, path], check=False).returncode == 0
    before = path.read_bytes()
    assert run(home, "export", str(path), "--env", "onprem") == 2
    assert path.read_bytes() == before
    parquet = tmp_path / "onprem.parquet"
    assert run(home, "export", str(parquet), "--env", "onprem", "--format", "parquet") == 0
    assert pq.read_table(parquet)["kind"].to_pylist() == ["egress", "egress"]
    assert sorted(found.name for found in tmp_path.iterdir()) == ["home", "onprem.jsonl", "onprem.parquet"]


def test_a_rewritten_history_is_found_with_the_peers_word(
    home: Home, ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = load_identity(home.environment("onprem"))
    witness_head(home.environment("cloud").ledger, identity.public, ledger.show("cloud"))
    assert run(home, "witnessed", "--env", "cloud", "--of", "onprem", "--json") == 0
    (tmp_path / "head.json").write_text(capsys.readouterr().out, encoding="utf-8")
    against = ("verify", "--env", "onprem", "--against", str(tmp_path / "head.json"))
    assert run(home, *against) == 0
    folder = home.environment("onprem").ledger
    shutil.rmtree(folder)
    for _ in range(3):
        ledger.append("egress", {"outcome": "permitted"})
    assert run(home, "verify", "--env", "onprem") == 0
    assert run(home, *against) == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "--env", "mars"), 2),
        (("witnessed", "--env", "cloud", "--of", "mars"), 2),
        (("witnessed", "--env", "cloud", "--of", "onprem"), 2),
        (("verify", "--env", "onprem", "--against", "/nowhere"), 2),
        (("show", "--env", "edge"), 5),
    ],
)
def test_wrong_use(
    home: Home, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    assert run(home, *arguments, "--json") == code
    error = document(capsys)
    assert error["exit_code"] == code
    assert error["remedy"]
