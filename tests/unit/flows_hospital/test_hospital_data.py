"""The shipped data: real rows, untouched, attributed, small."""

from __future__ import annotations

import csv
import hashlib
import io
import tomllib
from pathlib import Path

import pytest

import flows.hospital

DATA = Path(flows.hospital.__file__).parent / "data"
ROWS = {"onprem_tests.csv": 14280, "clinic_tests.csv": 1244}
ORIGINAL = "71cd15dbb915e31989180e2b2cfd38c95289da0349cce67477d40504995a45f0"
SORTED = "4c1c7999ce2615141238be6fc7dd071d3de7c71bf0f30e2a86733f26237223d1"
"""Of the published file's rows, sorted: computed from it when it was split."""


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((DATA / name).read_text("utf-8"))))


def test_the_attribution_names_origin_licence_and_what_was_split() -> None:
    attribution = (DATA / "ATTRIBUTION.md").read_text("utf-8")
    for word in ("medicaldata", "MIT", "Children's", ORIGINAL, "pan_day"):
        assert word in attribution
    assert "MIT License" in (DATA / "LICENSE.md").read_text("utf-8")


def test_together_they_are_under_two_megabytes() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 2_000_000


def test_the_split_is_by_day() -> None:
    assert max(int(row["pan_day"]) for row in rows("onprem_tests.csv")) == 100
    assert min(int(row["pan_day"]) for row in rows("clinic_tests.csv")) > 100


@pytest.mark.parametrize(
    ("name", "old", "negative"), [("onprem_tests.csv", 3, 1), ("clinic_tests.csv", 2, 0)]
)
def test_the_real_defects_are_kept(name: str, old: int, negative: int) -> None:
    found = rows(name)
    assert sum(float(row["age"]) > 110 for row in found) == old
    assert sum(float(row["rec_ver_tat"]) < 0 for row in found) == negative


def test_the_names_that_are_the_text_nan_are_kept() -> None:
    names = [row["fake_first_name"] for name in ROWS for row in rows(name)]
    assert names.count("nan") == 63


def test_the_wheel_takes_the_folder_whole() -> None:
    root = DATA.parents[2]
    if not (root / "pyproject.toml").exists():
        pytest.skip("installed without its project")
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "flows" in wheel["packages"]
    assert not wheel.get("exclude")


def test_both_together_are_the_published_rows_and_nothing_else() -> None:
    lines = [line for name in ROWS for line in (DATA / name).read_bytes().splitlines(keepends=True)[1:]]
    assert len(lines) == 15524
    assert hashlib.sha256(b"".join(sorted(lines))).hexdigest() == SORTED
