from __future__ import annotations

import csv
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from data_contracts.errors import UsageError
from environments.assets import add_file
from environments.site import Site
from environments.stores import LocalStore
from flows.cli.init import TEMPLATE, command, write_site
from flows.runtime import Pipeline
from tasks.steps import run_here


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write_site(tmp_path / "site")
    return tmp_path / "site"


def test_what_is_written_loads_and_names_only_what_exists(site: Path) -> None:
    loaded = Site.load(site)
    assert sorted(loaded.profiles) == ["cloud", "onprem"]
    contract = loaded.contracts.get("clinic.readings")
    assert contract.terms is not None
    assert contract.terms.select(loaded.profile("cloud").destination(), "statistics") is not None
    assert "blood_pressure" in loaded.settings["schedules"]
    assert [path.name for path in loaded.flow_files] == ["blood_pressure.py"]
    for direction, side in (("egress", "onprem"), ("ingress", "cloud")):
        [rule] = getattr(loaded.profile(side), direction)
        assert set(rule.environments) <= set(loaded.profiles)
        assert rule.contracts == (contract.id,)


@pytest.fixture
def flow(site: Path) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("site_flow", site / "flows" / "blood_pressure.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["site_flow"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["site_flow"]


def test_its_environments_list_its_pipeline_and_its_steps(site: Path, flow: ModuleType) -> None:
    profiles = Site.load(site).profiles
    assert isinstance(flow.blood_pressure, Pipeline)
    assert profiles[flow.blood_pressure.home].grant("blood_pressure") is not None
    assert list(flow.blood_pressure.steps) == ["count_high"]
    assert profiles["cloud"].grant("blood_pressure.count_high") is not None
    assert profiles["onprem"].grant("blood_pressure.count_high") is None


def test_its_rows_keep_its_contract_and_its_step_computes(
    site: Path, flow: ModuleType, tmp_path: Path
) -> None:
    contracts = Site.load(site).contracts
    store = LocalStore(tmp_path / "store")
    file = site / "data" / "readings.csv"
    report = add_file(store, file, "readings", contracts.get("clinic.readings"))
    assert report.verdict is not None
    assert report.verdict.success
    assert report.record.rows == 200
    counted = run_here(flow.count_high, store, contracts, readings=report.record.ref("here"))
    cells = [row["systolic"] for row in csv.DictReader(file.read_text().splitlines())]
    read = [int(cell) for cell in cells if cell != "NA"]
    assert "NA" in cells
    assert counted == {"readings": len(read), "high": sum(value >= 140 for value in read)}
    assert 0 < counted["high"] < counted["readings"]


def test_every_key_of_an_environment_is_explained(site: Path) -> None:
    text = (site / "environments" / "onprem.yaml").read_text()
    assert text.count("#") > 25


def test_an_empty_folder_is_taken_and_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert write_site(tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for wrong in ("full", "file", "link", "no/where", "empty"):
        with pytest.raises(UsageError):
            write_site(tmp_path / wrong)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "full", "link"]


def test_interrupted_it_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copytree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_site(tmp_path / "site")
    assert list(tmp_path.iterdir()) == []


def test_it_says_what_to_do_next(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "site")])
    assert result.exit_code == 0
    assert "isthmus up" in result.output
    assert "environments/onprem.yaml" in result.output


def test_the_template_holds_no_leftovers() -> None:
    names = [path.name for path in TEMPLATE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(names) == 9
