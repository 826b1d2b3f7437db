"""The commands as a script sees them: exit codes, one JSON document, messages without values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from environments.home import Home
from environments.incidents import record_incident
from flows.cli.init import write_site

ISTHMUS = (sys.executable, "-P", "-c", "from flows.cli.main import main; main()")
HEADER = "reading_id,patient_id,patient_name,age,ward,systolic\n"


class Shell:
    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.site = folder / "site"
        write_site(self.site)

    def run(self, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "ISTHMUS_HOME": str(self.home), "ISTHMUS_SITE": str(self.site)}
        result = subprocess.run(
            [*ISTHMUS, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == code, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        return result

    def json(self, *arguments: object, code: int = 0) -> Any:
        result = self.run(*arguments, "--json", code=code)
        assert result.stderr == ""
        return json.loads(result.stdout)

    def add(self, file: Path, *more: object, code: int = 0) -> Any:
        names = ("--env", "onprem", "--name", "readings", "--contract", "clinic.readings")
        return self.json("asset", "add", file, *names, *more, code=code)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "readings.csv"
    path.write_text(HEADER + "1,P1000,Ann Amber,47,north,120\n2,P1001,Ben Birch,200,south,NA\n")
    return path


def test_a_version_goes_in_is_listed_shown_verified_and_comes_out(
    shell: Shell, csv: Path, tmp_path: Path
) -> None:
    added = shell.add(csv)
    assert added["rows"] == 2
    assert added["new"] is True
    assert added["rejects"] is None
    assert [rule["id"] for rule in added["verdict"]["rules"] if not rule["success"]] == ["age.maximum"]
    version = added["asset"]["version"]
    [listed] = shell.json("asset", "list", "--env", "onprem")["assets"]
    assert (listed["name"], listed["version"], listed["rows"], listed["versions"]) == (
        "readings",
        version,
        2,
        1,
    )
    shown = shell.json("asset", "show", f"readings@{version}", "--env", "onprem")
    assert shown["labels"]["classification"] == "restricted"
    assert [item["version"] for item in shown["history"]] == [version]
    assert shell.json("asset", "verify", "--env", "onprem") == {
        "environment": "onprem",
        "sound": True,
        "versions": [{"asset": f"readings@{version}", "sound": True, "reason": None}],
    }
    out = tmp_path / "out.parquet"
    assert (
        shell.json("asset", "get", "readings", "--env", "onprem", "--out", out)["bytes"] == out.stat().st_size
    )
    shell.run("asset", "get", "readings", "--env", "onprem", "--out", out, code=2)
    assert shell.json("asset", "list", "--env", "cloud")["assets"] == []


def test_text_for_people_holds_no_value(shell: Shell, csv: Path) -> None:
    names = ("--env", "onprem", "--name", "readings", "--contract", "clinic.readings")
    texts = [
        shell.run("asset", "add", csv, *names).stdout,
        shell.run("asset", "list", "--env", "onprem").stdout,
        shell.run("asset", "show", "readings", "--env", "onprem").stdout,
        shell.run("asset", "verify", "--env", "onprem").stdout,
    ]
    assert "age.maximum: 1" in texts[0]
    assert not any(name in text for text in texts for name in ("Ann", "Birch", "P1000"))


def test_unreadable_cells_are_exit_1_and_rejects_keep_them(shell: Shell, csv: Path) -> None:
    csv.write_text(csv.read_text() + "3,P1002,Cleo Cedar,old,north,120\n")
    refused = shell.add(csv, code=1)
    assert refused["unreadable"] == [{"id": "age.type", "column": "age", "count": 1}]
    assert refused["rejected_rows"] == 1
    assert refused["exit_code"] == 1
    assert shell.json("asset", "list", "--env", "onprem")["assets"] == []
    kept = shell.add(csv, "--reject-to", "rejected")
    assert kept["rejects"]["rows"] == 1
    assert kept["rejects"]["asset"]["labels"] == kept["asset"]["labels"]
    assert len(shell.json("asset", "list", "--env", "onprem")["assets"]) == 2


@pytest.mark.parametrize(
    ("name", "body", "code", "word"),
    [
        ("a.csv", HEADER.encode() + b"1,P1000\n", 1, "a.csv:2"),
        ("a.csv", HEADER.encode() + b"1,P1000,Z\xfcrich,1,north,1\n", 1, "a.csv:2"),
        ("a.parquet", b"PAR1 cut", 1, "truncated"),
        ("a.xlsx", b"", 2, "neither CSV, JSON Lines, Parquet nor Arrow"),
    ],
)
def test_bad_files(shell: Shell, tmp_path: Path, name: str, body: bytes, code: int, word: str) -> None:
    (tmp_path / name).write_bytes(body)
    refused = shell.add(tmp_path / name, code=code)
    assert word in refused["error"]
    assert refused["remedy"]
    assert shell.json("asset", "list", "--env", "onprem")["assets"] == []


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("list", "--env", "clod"), "cloud, onprem"),
        (("show", "nothing", "--env", "onprem"), "readings"),
        (("show", "../x", "--env", "onprem"), "NAME"),
        (("show", "readings@sha256:" + "0" * 64, "--env", "onprem"), "asset show"),
        (("get", "readings", "--env", "../x", "--out", "x"), "letters"),
        (("verify", "nothing", "--env", "onprem"), "readings"),
    ],
)
def test_wrong_names_are_exit_2_and_say_what_there_is(
    shell: Shell, csv: Path, arguments: tuple[str, ...], hint: str
) -> None:
    shell.add(csv, "--no-check")
    assert hint in shell.json("asset", *arguments, code=2)["remedy"]


def test_an_unknown_contract_is_exit_2_and_names_the_known(shell: Shell, csv: Path) -> None:
    names = ("--env", "onprem", "--name", "readings", "--contract", "clinic.reading")
    assert "clinic.readings" in shell.json("asset", "add", csv, *names, code=2)["remedy"]
    assert not shell.home.exists()


def test_a_wrong_byte_is_exit_4_by_verify_and_by_get(shell: Shell, csv: Path, tmp_path: Path) -> None:
    shell.add(csv, "--no-check")
    [part] = shell.home.rglob("part-00000.parquet")
    part.chmod(0o600)
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    report = shell.json("asset", "verify", "--env", "onprem", code=4)
    assert report["sound"] is False
    assert "chunk 1 of 1" in report["versions"][0]["reason"]
    shell.run("asset", "get", "readings", "--env", "onprem", "--out", tmp_path / "out", code=4)
    assert not (tmp_path / "out").exists()
    [record] = shell.home.rglob("record.json")
    record.chmod(0o600)
    record.write_text("{")
    assert shell.json("asset", "verify", "--env", "onprem", code=4)["sound"] is False


def test_a_full_disk_is_exit_5_says_so_and_leaves_nothing(shell: Shell, tmp_path: Path) -> None:
    """On a real file system of 1 MB, in a mount namespace of its own."""
    rows = "".join(f"{number},P1000,{os.urandom(60).hex()},47,north,120\n" for number in range(20_000))
    (tmp_path / "big.csv").write_text(HEADER + rows)
    shell.home.mkdir()
    script = (
        'mount -t tmpfs -o size=1m,mode=700 tmpfs "$ISTHMUS_HOME" && shift && "$@"; code=$?;'
        ' find "$ISTHMUS_HOME" -name "*.parquet" >&2; exit $code'
    )
    command = [*ISTHMUS, "asset", "add", str(tmp_path / "big.csv")]
    names = ["--env", "onprem", "--name", "big", "--contract", "clinic.readings", "--no-check"]
    result = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", "sh", *command, *names],
        env={**os.environ, "ISTHMUS_HOME": str(shell.home), "ISTHMUS_SITE": str(shell.site)},
        capture_output=True,
        text=True,
        check=False,
    )
    if "permission denied" in result.stderr.lower() or "not permitted" in result.stderr:
        pytest.skip("mount namespaces are not permitted here")
    assert result.returncode == 5, result.stderr
    assert "No space left on device" in result.stderr
    assert "free space" in result.stderr
    assert ".parquet\n" not in result.stderr, "a half-written file stayed"


def test_an_incident_is_shown_where_it_happened_and_nowhere_else(shell: Shell) -> None:
    folder = Home(shell.home).create().environment("cloud").create()
    incident_id = record_incident(folder, ValueError("Jane"), step="blood_pressure.count_high")
    shown = shell.json("incident", "show", incident_id, "--env", "cloud")
    assert shown["error"] == "ValueError: Jane"
    assert "Jane" in shell.run("incident", "show", incident_id, "--env", "cloud").stdout
    listed = shell.json("incident", "list", "--env", "cloud")
    assert [item["id"] for item in listed["incidents"]] == [incident_id]
    assert "Jane" not in json.dumps(listed)
    shell.json("incident", "show", incident_id, "--env", "onprem", code=2)


def test_status_asks_each_environment_and_says_how_far_the_others_are(shell: Shell, csv: Path) -> None:
    version = shell.add(csv)["asset"]["version"]
    [row] = shell.json("asset", "status")["environments"]["onprem"]
    told = (row["asset"], row["destination"], row["state"], row["latest"], row["behind"], row["there"])
    assert told == ("readings", "cloud", "never-sent", version, 1, "")
    text = shell.run("asset", "status", "readings", "--to", "cloud").stdout
    assert "never-sent" in text
    assert not any(name in text for name in ("Ann", "Ben", "P1000"))
    shell.run("asset", "status", "--env", "nowhere", code=2)


def test_of_writers_who_expect_the_same_version_one_wins_and_the_others_are_told(
    shell: Shell, csv: Path, tmp_path: Path
) -> None:
    first = shell.add(csv, "--expect", "none")["asset"]["version"]
    files = []
    for number in range(3):
        files.append(tmp_path / f"next-{number}.csv")
        files[-1].write_text(csv.read_text() + f"{number + 7},P1002,Cleo Cedar,50,north,120\n")
    names = ("--env", "onprem", "--name", "readings", "--contract", "clinic.readings")
    environment = {**os.environ, "ISTHMUS_HOME": str(shell.home), "ISTHMUS_SITE": str(shell.site)}
    writers = [
        subprocess.Popen(
            [*ISTHMUS, "asset", "add", str(file), *names, "--no-check", "--expect", first, "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for file in files
    ]
    told = [(json.loads(writer.communicate(timeout=120)[0]), writer.returncode) for writer in writers]
    assert sorted(code for _, code in told) == [0, 7, 7]
    [won] = [document for document, code in told if code == 0]
    assert {document["kind"] for document, code in told if code == 7} == {"ConflictError"}
    history = shell.json("asset", "show", "readings", "--env", "onprem")["history"]
    assert [item["version"] for item in history] == [first, won["asset"]["version"]]
    shell.add(csv, "--expect", "the latest", code=2)
