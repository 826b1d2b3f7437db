"""Real data with a written ground truth: how many personal columns are told, and how many others."""

from __future__ import annotations

from pathlib import Path

import pytest
from discovery_truth import DATA, Score, Truth, truths, written

from data_contracts.discovery import examine, infer_contract

if not DATA.is_dir():
    pytest.skip("the real data sets are not here", allow_module_level=True)

pytestmark = pytest.mark.long

TARGET = (
    "userdata_pii_parquet",
    "transactions_pii",
    "synthea_stu3_tables",
    "covid_testing_chop",
    "presidio_generated",
)
THINGS = ("flights_3m", "yellow_taxi_2019H1", "ai4i2020", "nab_machine", "cmapss_fd001")
PEOPLE = (
    "adult_census",
    "bank_marketing",
    "credit_default_taiwan",
    "german_credit",
    "heart_disease_4_hospitals",
)


def score_of(name: str, folder: Path, *, obfuscated: bool = False) -> Score:
    score = Score()
    for number, truth in enumerate(item for item in truths() if item.set == name):
        place = folder / str(number)
        place.mkdir()
        path, names = written(truth, place, obfuscated=obfuscated)
        score.add(truth, examine(path).columns, names)
    return score


@pytest.mark.parametrize("name", [*TARGET, *PEOPLE])
def test_personal_columns_are_told(tmp_path: Path, name: str) -> None:
    score = score_of(name, tmp_path)
    assert score.recall >= 0.95, score.said
    assert score.precision >= 0.8, score.said


@pytest.mark.parametrize("name", THINGS)
def test_data_about_things_has_none(tmp_path: Path, name: str) -> None:
    assert score_of(name, tmp_path).wrong == 0


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("userdata_pii_parquet", 0.7),
        ("transactions_pii", 0.7),
        ("synthea_stu3_tables", 0.5),
        ("presidio_generated", 0.7),
    ],
)
def test_names_that_say_nothing_leave_what_values_show(tmp_path: Path, name: str, least: float) -> None:
    score = score_of(name, tmp_path, obfuscated=True)
    assert score.recall >= least, score.said
    assert score.precision >= 0.8, score.said


DRAFTED = [item for item in truths() if item.set in TARGET and not item.shape]


@pytest.mark.parametrize("truth", DRAFTED, ids=lambda truth: Path(truth.file).stem)
def test_a_draft_holds_no_word_of_a_personal_column(tmp_path: Path, truth: Truth) -> None:
    """Every text of four letters and more that stands in a personal column and in no other one."""
    import polars as pl

    path, _ = written(truth, tmp_path)
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    personal = {word for name in truth.personal for word in frame[name].cast(pl.String).drop_nulls().unique()}
    others = {
        word
        for name in frame.columns
        if name not in truth.personal and frame[name].dtype == pl.String
        for word in frame[name].drop_nulls().unique()
    }
    draft = infer_contract(path)
    lines = [line for line in draft.text.splitlines() if "description:" not in line]
    told = {word.strip("',\"-: ") for line in lines for word in (line, *line.split())}
    ours = {"female", "male", "string", "number", "true", "unknown"}
    assert {word for word in personal - others if len(word) > 3} & told - ours == set()
