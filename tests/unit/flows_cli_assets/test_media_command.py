"""A disk between two environments of a site, by the commands that a person types; one environment each."""

from __future__ import annotations

import json
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
TO = ("--env", "onprem", "--to", "cloud")


class Desk:
    """Two environments with keys, and the commands."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.where = ("--home", str(folder / "home"), "--site", str(folder / "site"))
        write_site(folder / "site")
        home = Home(folder / "home").create()
        self.environments = {name: home.environment(name).create() for name in ("onprem", "cloud")}
        for name, place in self.environments.items():
            create_identity(place, name)
        for name, place in self.environments.items():
            for peer in self.environments.keys() - {name}:
                pin_peer(place, load_identity(self.environments[peer]).public)
        (folder / "stick").mkdir()
        (folder / "readings.csv").write_text(HEADER + ROWS)
        named = ("--env", "onprem", "--name", "readings", "--contract", "clinic.readings")
        self.run("asset", "add", folder / "readings.csv", *named)

    def run(self, *arguments: object, code: int = 0) -> str:
        status = run_reporting(ROOT, [*map(str, arguments), *self.where])
        out, err = self.capsys.readouterr()
        assert status == code, out + err
        return out + err

    def media(self, step: str, *arguments: object, code: int = 0) -> Any:
        return json.loads(self.run("media", step, self.folder / "stick", *arguments, "--json", code=code))


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_sent_written_taken_in_and_settled(desk: Desk) -> None:
    sending = ("--asset", "readings", "--purpose", "statistics")
    [written] = desk.media("export", *TO, *sending)["crossings"]
    assert (written["outcome"], written["name"]) == ("written", "readings")
    [again] = desk.media("export", *TO, *sending)["crossings"]
    assert (again["crossing"], again["outcome"]) == (written["crossing"], "there")
    [taken] = desk.media("import", "--env", "cloud", "--from", "onprem")["crossings"]
    assert (taken["crossing"], taken["outcome"]) == (written["crossing"], "permitted")
    text = desk.run("media", "import", desk.folder / "stick", "--env", "cloud", "--from", "onprem")
    assert f"now readings@{taken['version']}" in text
    [closed] = desk.media("settle", *TO)["crossings"]
    assert (closed["outcome"], closed["receipt"], closed["cleared"]) == ("permitted", taken["receipt"], True)
    assert desk.media("export", *TO)["crossings"] == []
    assert "nothing to do" in desk.run("media", "settle", desk.folder / "stick", *TO)


def test_what_may_not_cross_reaches_no_disk(desk: Desk) -> None:
    [told] = desk.media("export", *TO, "--asset", "readings", "--purpose", "statistics", "--request", "a")[
        "crossings"
    ]
    contract = desk.folder / "site/data_contracts/clinic.readings.odcs.yaml"
    contract.write_text(contract.read_text().replace("[statistics]", "[model-training]"))
    denied = desk.media(
        "export", *TO, "--asset", "readings", "--purpose", "statistics", "--request", "b", code=3
    )["crossings"]
    assert [one["outcome"] for one in denied] == ["denied"]
    assert [path.name for path in (desk.folder / "stick/onprem/cloud").iterdir() if path.is_dir()] == [
        told["crossing"][7:]
    ]


def test_every_refusal_says_what_to_do(desk: Desk) -> None:
    stick = desk.folder / "stick"
    said = desk.run("media", "import", stick, "--env", "cloud", "--from", "onprem", code=2)
    assert "nothing on it from onprem to cloud" in said
    said = desk.run("media", "export", desk.folder / "gone", *TO, code=5)
    assert "plug the disk in and mount it" in said
    desk.run("media", "export", stick, "--env", "onprem", "--to", "onprem", code=2)
    desk.run("media", "export", stick, *TO, "--asset", "readings", code=2)
    desk.run("media", "export", stick, *TO, "--crossing", "sha256:" + "0" * 64, code=2)
    desk.run("media", "export", stick, *TO, "--asset", "readings", "--purpose", "statistics")
    said = desk.run("media", "import", stick, "--env", "onprem", "--from", "cloud", code=2)
    assert "it holds: onprem to cloud" in said
    chunk = next((stick / "onprem/cloud").rglob("chunks/*"))
    chunk.write_bytes(chunk.read_bytes()[:-1])
    [failed] = desk.media("import", "--env", "cloud", "--from", "onprem", code=4)["crossings"]
    assert (failed["outcome"], failed["rules"][0]["id"]) == ("failed", "chunks")
    assert failed["remedy"]


def test_each_command_opens_one_environment(desk: Desk) -> None:
    """The other one's folder is not even there."""
    homes = desk.folder / "home/environments"
    aside = desk.folder / "aside"
    (homes / "cloud").rename(aside)
    desk.media("export", *TO, "--asset", "readings", "--purpose", "statistics")
    aside.rename(homes / "cloud")
    (homes / "onprem").rename(aside)
    desk.media("import", "--env", "cloud", "--from", "onprem")
    aside.rename(homes / "onprem")
    (homes / "cloud").rename(aside)
    [closed] = desk.media("settle", *TO)["crossings"]
    assert closed["outcome"] == "permitted"
