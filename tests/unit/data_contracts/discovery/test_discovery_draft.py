"""The draft: it loads, its own data passes it, and it holds nothing of what may be personal."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.checks import check_source, compile_plan
from data_contracts.discovery import Draft, infer_contract
from data_contracts.errors import DataBreaksContractError, DeclarationError, UsageError
from data_contracts.formats import open_source
from data_contracts.labels import Classification
from data_contracts.loading import parse_contract

Write = Callable[[Mapping[str, Sequence[object]]], Path]


def column(draft: Draft, name: str) -> dict[str, Any]:
    (found,) = [item for item in draft.contract.document["schema"][0]["properties"] if item["name"] == name]
    return dict(found)


def test_types_ranges_keys_enumerations_and_missing_tokens(written: Write) -> None:
    draft = infer_contract(
        written(
            {
                "item_id": [f"AB-{number:05d}" for number in range(40)],
                "state": ["on", "off"] * 20,
                "level": [*range(38), "NA", ""],
                "ratio": [number / 7 for number in range(40)],
                "made": [f"2021-0{1 + number % 9}-11" for number in range(40)],
                "seen": ["2021-01-01T10:00:00Z"] * 40,
                "right": ["true", "false"] * 20,
                "lead": ["007"] * 40,
                "us": ["01/31/2020", "02/01/2020"] * 20,
                "either": ["01/02/2020", "03/04/2020"] * 20,
            }
        ),
        identity="test.items",
    )
    assert draft.contract.reference == "test.items@0.1.0"
    assert draft.contract.terms is None
    key = column(draft, "item_id")
    assert (key["primaryKey"], key["unique"], key["required"]) == (True, True, True)
    assert key["logicalTypeOptions"] == {"pattern": "^[A-Z]{2}\\-[0-9]{5}$"}
    assert column(draft, "state")["quality"][0]["arguments"] == {"validValues": ["off", "on"]}
    level = column(draft, "level")
    assert (level["logicalType"], level["logicalTypeOptions"]) == ("integer", {"minimum": 0, "maximum": 37})
    assert level["customProperties"] == [{"property": "isthmusMissing", "value": {"tokens": ["", "NA"]}}]
    assert "required" not in level
    assert column(draft, "ratio")["logicalTypeOptions"] == {"minimum": 0, "maximum": 5.6}
    assert column(draft, "made")["logicalTypeOptions"] == {"minimum": "2021-01-01"}
    assert column(draft, "seen")["logicalTypeOptions"]["timezone"] is True
    types = {item["name"]: item["logicalType"] for item in draft.contract.document["schema"][0]["properties"]}
    assert types["right"] == "boolean"
    assert types["lead"] == "string", "a leading zero would be lost"
    assert column(draft, "us")["logicalTypeOptions"]["format"] == "MM/dd/yyyy"
    assert types["either"] == "string", "two readings of a date are none"


PEOPLE: dict[str, Sequence[object]] = {
    "given_name": ["Zebulon", "Philippa", "Ottoline"] * 12,
    "email": ["zebulon@sentinel.example", "philippa@sentinel.example", "ottoline@sentinel.example"] * 12,
    "age": [71, 83, 97] * 12,
    "salary": [81234.5, 95678.25, 71111.75] * 12,
    "birth_date": ["1921-03-14", "1933-07-21", "1947-11-30"] * 12,
    "city": ["Sentineltown", "Sentinelburg", "Sentinelford"] * 12,
    "gender": ["female", "male", "female"] * 12,
    "diagnosis": ["SentinelA", "SentinelB", "SentinelC"] * 12,
}
NEVER = ["Zebulon", "Philippa", "Ottoline", "sentinel.example"]
NEVER += ["71", "83", "97", "81234", "95678", "71111", "1921", "1933", "1947"]


def test_of_what_may_be_personal_nothing_is_told(written: Write) -> None:
    draft = infer_contract(written(PEOPLE))
    told = draft.text + json.dumps([column.to_json() for column in draft.columns]) + repr(draft)
    for name in PEOPLE:
        drafted = column(draft, name)
        assert drafted["classification"] == "restricted"
        assert drafted["customProperties"][0]["property"] == "isthmusCategories"
        assert "quality" not in drafted
        assert set(drafted.get("logicalTypeOptions", {})) <= {"format"}
    for word in NEVER:
        assert word not in told, word
    assert draft.contract.labels.classification is Classification.RESTRICTED


def test_what_few_rows_hold_is_no_enumeration(written: Write) -> None:
    rare = infer_contract(written({"state": ["on"] * 30 + ["rare"] * 10}))
    assert "quality" not in column(rare, "state")
    assert "rare" not in rare.text
    common = infer_contract(written({"state": ["on"] * 30 + ["rare"] * 11}))
    assert column(common, "state")["quality"][0]["arguments"] == {"validValues": ["on", "rare"]}


def test_a_bound_is_no_rows_own_value(written: Write) -> None:
    draft = infer_contract(written({"length": [1234, 5678, 9012], "depth": [-0.01234, 0.5, 77.77]}))
    assert column(draft, "length")["logicalTypeOptions"] == {"minimum": 1200, "maximum": 9100}
    assert column(draft, "depth")["logicalTypeOptions"] == {"minimum": -0.013, "maximum": 78}


def test_a_key_that_repeats_late_is_none(written: Write) -> None:
    rows = [*range(120_000), 7]
    draft = infer_contract(written({"id": rows, "other": range(120_001)}))
    assert "unique" not in column(draft, "id")
    assert column(draft, "other")["unique"] is True


def test_forms_that_follow_from_the_kind_are_written(written: Write) -> None:
    draft = infer_contract(written({"email": ["a@b.example", "c@d.example"] * 20}))
    assert column(draft, "email")["logicalTypeOptions"] == {"format": "email"}


CELLS = st.sampled_from(
    [
        "",
        "NA",
        "1",
        "-7",
        "007",
        "1.5",
        "1e5",
        "x",
        "true",
        "2020-01-01",
        "Ann",
        "a@b.example",
        "é",
        "9" * 20,
        " ",
        "nan",
    ]
)


@settings(max_examples=20)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=30), wide=st.booleans())
def test_any_file_passes_its_own_draft(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], wide: bool
) -> None:
    path = tmp_path_factory.mktemp("any") / "any.csv"
    repeat = 40 if wide else 1
    path.write_text("a,first_name,id\n" + "".join(f'"{a}","{b}","{c}"\n' for a, b, c in rows * repeat))
    draft = infer_contract(path)
    contract = parse_contract(draft.text.encode(), file="draft.yaml")
    source = open_source(path, contract)
    assert check_source(compile_plan(contract), source.read).success
    assert not any(source.unreadable.values())


def test_files_with_types_of_their_own_pass_their_drafts(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array(range(50), pa.uint64()),
            "amount": pa.array([None, *range(49)], pa.decimal128(10, 2)),
            "blank": pa.array([""] * 50),
            "nothing": pa.nulls(50),
            "when": pa.array([1_600_000_000_000_000] * 50, pa.timestamp("us", tz="UTC")),
            "person": pa.array([{"email": "a@b.example", "tags": ["x"]}] * 50),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    draft = infer_contract(tmp_path / "t.parquet")
    person = column(draft, "person")
    assert person["classification"] == "restricted"
    inside = {item["name"]: item for item in person["properties"]}
    assert inside["email"]["classification"] == "restricted"
    assert inside["tags"]["items"]["classification"] == "internal"
    assert "b.example" not in draft.text


def test_json_lines_pass_their_draft(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    rows = [
        {"id": n, "day": "2020-01-02", "code": "01", "who": {"phone": "+49 170 1234567"}} for n in range(30)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    draft = infer_contract(path)
    kinds = {item["name"]: item["logicalType"] for item in draft.contract.document["schema"][0]["properties"]}
    assert kinds == {"id": "integer", "day": "date", "code": "string", "who": "object"}
    assert column(draft, "who")["classification"] == "restricted"


@pytest.mark.parametrize(
    "lines",
    [
        "5,7\n6,8\n9,9\n",
        "red,9\nred,8\nblue,7\nred,6\n",
        "1,ann@a.example\n2,bob@b.example\n3,eve@c.example\n",
    ],
)
def test_a_row_in_the_place_of_names_is_refused_and_not_told(tmp_path: Path, lines: str) -> None:
    (tmp_path / "t.csv").write_text(lines)
    with pytest.raises(UsageError, match="looks like a row of data") as caught:
        infer_contract(tmp_path / "t.csv")
    assert "ann" not in str(caught.value)


def test_what_no_contract_can_promise_is_said_by_column(tmp_path: Path) -> None:
    nanos = pa.array([1_600_000_000_000_000_001], pa.timestamp("ns"))
    pq.write_table(pa.table({"when": nanos}), tmp_path / "t.parquet")
    with pytest.raises(UsageError, match=r"when\.type"):
        infer_contract(tmp_path / "t.parquet")
    pq.write_table(
        pa.table({"m": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))}), tmp_path / "m.parquet"
    )
    with pytest.raises(UsageError, match="column m: no contract can say its type"):
        infer_contract(tmp_path / "m.parquet")


def test_numbers_without_end_are_told_by_column_and_count(tmp_path: Path) -> None:
    table = pa.table({"ok": [1.0] * 3, "share": [float("nan"), float("inf"), 0.5]})
    pq.write_table(table, tmp_path / "t.parquet")
    draft = infer_contract(tmp_path / "t.parquet")
    assert {column.path: column.endless for column in draft.columns} == {"ok": 0, "share": 2}
    assert "share.type" in draft.unmet
    assert {rule.partition(".")[0] for rule in draft.unmet} == {"share"}
    (told,) = [item["description"] for item in draft.contract.document["schema"][0]["properties"][1:]]
    assert "2 of 3 values are NaN or infinite" in told
    pq.write_table(table.slice(2), tmp_path / "t.parquet")
    assert infer_contract(tmp_path / "t.parquet").unmet == ()


def test_wrong_ids_and_damaged_files(tmp_path: Path, written: Write) -> None:
    path = written({"a": [1, 2]})
    with pytest.raises(DeclarationError, match="not an id"):
        infer_contract(path, identity="Not An Id")
    with pytest.raises(UsageError, match="no such file"):
        infer_contract(tmp_path / "absent.csv")
    (tmp_path / "t.parquet").write_bytes(b"PAR1PAR1PAR1")
    with pytest.raises(DataBreaksContractError):
        infer_contract(tmp_path / "t.parquet")


def test_names_of_any_language_and_form_make_an_id(tmp_path: Path) -> None:
    for name, identity in (("Kündigungen 2020.csv", "draft.kundigungen_2020"), ("データ.csv", "draft.data")):
        (tmp_path / name).write_text("a\n1\n")
        assert infer_contract(tmp_path / name).contract.id == identity


@pytest.mark.long
def test_memory_is_bounded_and_no_heavy_engine_is_loaded(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        import polars, pyarrow.parquet
        from data_contracts.discovery import infer_contract
        path = Path(sys.argv[1])
        with path.open("w") as out:
            out.write("id,mail,amount\\n")
            for number in range(int(sys.argv[2])):
                out.write(f"{number},n{number}@a.example,{number % 977}\\n")
        infer_contract(path)
        heavy = {"pandas", "great_expectations", "duckdb", "prefect", "dask"} & sys.modules.keys()
        assert not heavy, heavy
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        """
    )
    peaks = []
    for count in (60_000, 360_000):
        command = [sys.executable, "-c", code, str(tmp_path / "t.csv"), str(count)]
        peaks.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert peaks[1] - peaks[0] < 90_000, f"{peaks} KiB"
