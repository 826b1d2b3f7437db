"""`isthmus contract …` and `isthmus terms draft`, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from data_contracts.loading import load_contract
from flows.cli.group import ROOT
from flows.cli.init import write_site
from flows.cli.report import run_reporting

CONTRACT = "data_contracts/clinic.readings.odcs.yaml"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write_site(tmp_path / "site")
    return tmp_path / "site"


def isthmus(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(ROOT, [str(argument) for argument in arguments], env={"ISTHMUS_SITE": ""})
    assert done.exit_code == code, (done.output, done.exception)
    return done


def failing(*arguments: str | Path, code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Run it as `main` does, errors reported."""
    assert run_reporting(ROOT, [str(argument) for argument in arguments]) == code
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    return told.err


def changed(site: Path, *pairs: tuple[str, str]) -> Path:
    text = (site / CONTRACT).read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    path = site / "new.odcs.yaml"
    path.write_text(text)
    return path


def test_lint_shows_notes_warnings_and_errors_apart(site: Path) -> None:
    assert "0 errors, 0 warnings" in isthmus("contract", "lint", site / CONTRACT).output
    path = changed(
        site,
        (
            "        logicalTypeOptions: {minimum: 40, maximum: 300}\n        classification: confidential\n",
            "",
        ),
    )
    done = isthmus("contract", "lint", path)
    assert "warning: " in done.output
    assert "0 errors, 1 warnings" in done.output
    path = changed(site, ("minimum: 40", "minimum: 400"), ("purposes: [statistics]", "purpose: x"))
    done = isthmus("contract", "lint", path, "--json", code=2)
    told = json.loads(done.stdout)
    assert told["success"] is False
    assert all(problem["line"] > 0 for problem in told["problems"])
    assert {problem["path"].rsplit(".", 1)[-1] for problem in told["problems"]} >= {"minimum", "purpose"}


def test_diff_exits_by_what_it_finds(site: Path) -> None:
    old = site / CONTRACT
    assert "the two say the same" in isthmus("contract", "diff", old, old).output
    looser = changed(site, ("version: 1.0.0", "version: 1.1.0"), ("maximum: 300", "maximum: 400"))
    done = isthmus("contract", "diff", old, looser, "--site", site, code=1)
    assert "readings.systolic.maximum: maximum 300 is now 400  [breaks readers]" in done.output
    assert "not enough: it needs a new major version" in done.output
    words = changed(site, ("version: 1.0.0", "version: 1.0.1"), ("Blood pressure readings", "Readings"))
    assert "breaks: nobody" in isthmus("contract", "diff", old, words, "--site", site).output
    wider = changed(
        site, ("version: 1.0.0", "version: 1.1.0"), ("patient_name: drop", "patient_name: {pseudonymise: {}}")
    )
    done = isthmus("contract", "diff", old, wider, "--site", site, "--json", code=3)
    told = json.loads(done.stdout)
    assert told["opened"] == [
        {
            "crossing": "clinic.readings:cloud:statistics",
            "reasons": ["column patient_name, which did not cross"],
        }
    ]
    assert told["version"] == {"needs": "minor", "takes": "minor", "suffices": True}


def test_diff_takes_ids_of_the_catalogue_and_tells_unknown_ones(capsys: pytest.CaptureFixture[str]) -> None:
    isthmus("contract", "diff", "hospital.covid-tests", "hospital.covid-tests@1.0.0")
    assert "no contract nobody" in failing("contract", "diff", "nobody", "nobody", code=2, capsys=capsys)
    assert "cannot be read" in failing("contract", "show", "absent.yaml", code=2, capsys=capsys)


def test_show_says_what_it_promises_and_where_it_goes(site: Path) -> None:
    done = isthmus("contract", "show", "clinic.readings", "--site", site)
    assert "clinic.readings:cloud:statistics  from onprem" in done.output
    assert "never null" in done.output
    told = json.loads(isthmus("contract", "show", site / CONTRACT, "--site", site, "--json").stdout)
    assert told["contract"] == "clinic.readings@1.0.0"
    assert told["crossings"][0]["columns"]["patient_id"] == '{"pseudonymise":{}}'
    assert told["objects"][0]["columns"][0]["column"] == "reading_id"


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[1] / "data_contracts/odcs_examples").glob("*.yaml")),
    ids=lambda path: path.name,
)
def test_show_takes_every_official_example(path: Path) -> None:
    assert "digest" in isthmus("contract", "show", path).output


def test_the_example_sites_samples_notice_every_change(site: Path) -> None:
    done = isthmus("contract", "test", site / CONTRACT)
    assert "0 wrong" in done.output
    assert "0 survived" in done.output
    samples = site / "few.samples.yaml"
    told = yaml.safe_load((site / CONTRACT.replace(".odcs.", ".samples.")).read_text())
    told["fail"] = told["fail"][:2]
    samples.write_text(yaml.safe_dump(told))
    done = isthmus("contract", "test", site / CONTRACT, "--samples", samples, code=1)
    assert "survived: age.maximum: 120 is 121" in done.output
    isthmus("contract", "test", site / CONTRACT, "--samples", samples, "--no-mutations")
    told["pass"][0]["rows"][0]["age"] = 500
    samples.write_text(yaml.safe_dump(told))
    done = isthmus("contract", "test", site / CONTRACT, "--samples", samples, "--json", code=1)
    result = json.loads(done.stdout)["samples"][0]
    assert result["failed_unexpectedly"] == ["age.maximum"]
    assert "500" not in done.output


def test_a_contract_without_samples_says_so(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = changed(site, ("id: clinic.readings", "id: clinic.others"))
    assert "new.samples.yaml" in failing("contract", "test", path, code=2, capsys=capsys)


def test_docs_writes_a_page_for_each_contract_the_same_each_time(site: Path, tmp_path: Path) -> None:
    isthmus("contract", "docs", tmp_path / "pages", "--site", site)
    pages = {path.name: path.read_bytes() for path in (tmp_path / "pages").iterdir()}
    assert {"index.md", "clinic.readings@1.0.0.md", "hospital.covid-tests@1.0.0.md"} <= set(pages)
    text = pages["clinic.readings@1.0.0.md"].decode()
    assert "| patient\\_name | stays (dropped) |" in text
    assert "What may cross" in text
    isthmus("contract", "docs", tmp_path / "pages", "--site", site)
    assert pages == {path.name: path.read_bytes() for path in (tmp_path / "pages").iterdir()}


def test_a_hostile_contract_makes_no_markup_of_its_own(site: Path, tmp_path: Path) -> None:
    changed(site, ("Blood pressure readings of the clinic", '"| <script> [x](javascript:y) | `a|b`"'))
    (site / "new.odcs.yaml").rename(site / CONTRACT)
    isthmus("contract", "docs", tmp_path / "pages", "--site", site)
    text = (tmp_path / "pages" / "clinic.readings@1.0.0.md").read_text()
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert "[x](javascript:y)" not in text


def test_a_draft_names_every_column_and_loads_where_it_is_put(site: Path, tmp_path: Path) -> None:
    command = ("terms", "draft", "clinic.readings", "--to", "cloud", "--purpose", "planning", "--site", site)
    draft = isthmus(*command).output
    [entry] = yaml.safe_load(draft)
    names = load_contract(site / CONTRACT).object.names
    assert tuple(entry["columns"]) == names
    assert entry["columns"]["patient_id"] == entry["columns"]["age"] == "drop"
    assert entry["columns"]["systolic"] == "keep"
    told: dict[str, Any] = yaml.safe_load((site / CONTRACT).read_text())
    told["customProperties"][0]["value"]["crossings"].append(entry)
    path = tmp_path / "with.odcs.yaml"
    path.write_text(yaml.safe_dump(told, sort_keys=False))
    terms = load_contract(path).terms
    assert terms is not None
    assert terms.crossings[1].purposes == ("planning",)
    assert json.loads(isthmus(*command, "--json").stdout)["terms"] == draft


def test_a_draft_is_written_once_and_overwrites_nothing(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "draft.yaml"
    command = ("terms", "draft", "clinic.readings", "--to", "cloud", "--purpose", "planning", "--site", site)
    isthmus(*command, "--out", out)
    before = out.read_bytes()
    failing(*command, "--out", out, code=5, capsys=capsys)
    assert out.read_bytes() == before
    assert "no environment is named" in failing(*command[:4], "moon", *command[5:], code=2, capsys=capsys)
    assert "not a name" in failing(*command[:6], "Not A Name", *command[7:], code=2, capsys=capsys)


def test_a_draft_of_a_model_names_no_columns() -> None:
    draft = isthmus("terms", "draft", "hospital.result-model", "--to", "edge", "--purpose", "tests").output
    assert yaml.safe_load(draft) == [{"to": "edge", "purposes": ["tests"]}]
