"""Each shipped file of data is the one that its attribution names: rows, digest and licence."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import pytest

FLOWS = Path(__file__).resolve().parents[2] / "flows"
SHIPPED = {
    "hospital": ({"onprem_tests.csv": 14280, "clinic_tests.csv": 1244}, "MIT"),
    "bank": ({"clients.csv": 24000, "new_clients.csv": 6000}, "CC BY 4.0"),
    "factory": ({"history.csv": 8000, "shift.csv": 2000}, "CC BY 4.0"),
}
FILES = [(pipeline, name) for pipeline, (rows, _) in SHIPPED.items() for name in rows]


@pytest.mark.parametrize(("pipeline", "name"), FILES)
def test_each_file_is_the_one_that_the_attribution_names(pipeline: str, name: str) -> None:
    data, (rows, licence) = FLOWS / pipeline / "data", SHIPPED[pipeline]
    attribution = (data / "ATTRIBUTION.md").read_text("utf-8")
    digest = hashlib.sha256((data / name).read_bytes()).hexdigest()
    assert re.search(rf"`{name}` \| {rows[name]:,} \|.*`{digest}`", attribution)
    with (data / name).open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == rows[name]
    assert licence in attribution


def test_no_file_of_data_ships_unseen() -> None:
    assert {(path.parents[1].name, path.name) for path in FLOWS.glob("*/data/*.csv")} == set(FILES)
