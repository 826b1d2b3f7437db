"""Text files: nothing becomes null that the contract does not name, and damage is told by its line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import column, contract
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.checks import check_csv, compile_plan
from data_contracts.errors import DataBreaksContractError, UsageError
from data_contracts.parsing import parse_table
from data_contracts.textfile import read_csv


def parsed(told: dict[str, Any], *cells: str) -> tuple[list[Any], list[bool], int]:
    found = parse_table(contract(told), pa.table({told["name"]: pa.array(cells, pa.string())}))
    count = sum(item.count for item in found.unreadable)
    return found.table[told["name"]].to_pylist(), found.rejected.to_pylist(), count


@pytest.mark.parametrize(
    ("told", "good", "bad"),
    [
        (
            column("c"),
            {"7": 7, "-0": 0, "+12": 12},
            ["", " 7", "7.0", "1e3", "1_0", "0x1", "9" * 30, "NA", "nan"],
        ),
        (column("c", options={"format": "u64"}), {str(2**63): 2**63}, ["-1"]),
        (
            column("c", "number"),
            {"1": 1.0, "-.5": -0.5, "1.": 1.0, "1e3": 1000.0},
            ["", "nan", "inf", "1,5", "1e999", " 1"],
        ),
        (column("c", "boolean"), {"true": True, "FALSE": False}, ["1", "yes", ""]),
        (
            column("c", "date"),
            {"2020-02-29": dt.date(2020, 2, 29)},
            ["2021-02-29", "20200229", "2020-2-9", ""],
        ),
        (
            column("c", "date", options={"format": "dd.MM.yyyy"}),
            {"01.02.2020": dt.date(2020, 2, 1)},
            ["2020-02-01", "31.02.2020"],
        ),
        (
            column("c", "timestamp"),
            {"2020-01-01T01:02:03": dt.datetime(2020, 1, 1, 1, 2, 3)},  # noqa: DTZ001 - local on purpose
            ["2020-01-01", "2020-01-01T25:00:00", "2020-01-01T01:02:03Z"],
        ),
        (
            column("c", "timestamp", options={"timezone": True}),
            {"2020-01-01 12:00:00+02:00": dt.datetime(2020, 1, 1, 10, tzinfo=dt.UTC)},
            ["2020-01-01 12:00:00"],
        ),
        (column("c", "time"), {"01:02:03": dt.time(1, 2, 3)}, ["24:00:00", "1:2:3"]),
        (column("c", "string", physicalType="binary(2)"), {"00fF": b"\x00\xff"}, ["00f", "zz00", ""]),
    ],
)
def test_what_is_read_and_what_is_not(told: dict[str, Any], good: dict[str, Any], bad: list[str]) -> None:
    assert parsed(told, *good) == (list(good.values()), [False] * len(good), 0)
    for cell in bad:
        assert parsed(told, cell) == ([None], [True], 1), cell


def test_text_is_never_changed_and_only_tokens_are_null() -> None:
    cells = ["", " x ", "NA", "null", "nan", "None", "0x"]
    assert parsed(column("c", "string"), *cells)[0] == cells
    own = [{"property": "isthmusMissing", "value": {"tokens": ["NA", ""]}}]
    assert parsed(column("c", "string", customProperties=own), *cells)[0] == [
        None,
        " x ",
        None,
        *cells[3:],
    ]
    assert parsed(column("c", customProperties=own), "NA", "", "7", "nan") == (
        [None, None, 7, None],
        [False] * 3 + [True],
        1,
    )


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_every_integer_reads_back(values: list[int]) -> None:
    assert parsed(column("c"), *map(str, values))[0] == values


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_every_number_reads_back(values: list[float]) -> None:
    assert parsed(column("c", "number"), *map(repr, values))[0] == values


def test_decimals_are_exact_or_unreadable() -> None:
    from decimal import Decimal

    told = column("c", "number", physicalType="decimal(5,2)")
    assert parsed(told, "1.10", "999.99", "1.101", "1000") == (
        [Decimal("1.10"), Decimal("999.99"), None, None],
        [False, False, True, True],
        2,
    )


def test_types_without_a_text_form_and_other_columns_are_refused() -> None:
    with pytest.raises(UsageError, match="no text form"):
        parsed(column("c", "array", items={"logicalType": "string", "name": "i"}), "x")
    with pytest.raises(DataBreaksContractError, match=r"1 columns .* 1 more"):
        parse_table(contract(column("c")), pa.table({"sentinel": ["x"]}))


def wrote(tmp_path: Path, raw: bytes) -> Path:
    path = tmp_path / "f.csv"
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("raw", "rows"),
    [
        (b"a,b\n1,2\n", [("1", "2")]),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n", [("1", "2")]),
        (b'a,b\n"x\ny","say ""hi"""\n', [("x\ny", 'say "hi"')]),
        (b"a,b\n,\n", [("", "")]),
        (b"a,b\n", []),
        (b"a,b", []),
    ],
)
def test_lawful_csv(tmp_path: Path, raw: bytes, rows: list[tuple[str, str]]) -> None:
    table = pa.concat_tables(list(read_csv(wrote(tmp_path, raw))))
    assert table.column_names == ["a", "b"]
    assert list(zip(table["a"].to_pylist(), table["b"].to_pylist(), strict=True)) == rows


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"", 1),
        (b"a,a\n", 1),
        (b"a,\n", 1),
        (b"a,b\n1,2\nSENTINEL\n", 3),
        (b"a,b\n1,2,SENTINEL\n", 2),
        (b"a,b\n1,2\n\n3,4\n", 3),
        (b'a,b\n"x\ny",1\n2\n', 4),
        (b'a,b\n1,"SENTINEL\n', 2),
        (b'a,b\n1,"x"SENTINEL\n', 2),
        (b"a,b\n1,2\nSENTINEL,\xff\n", 3),
        (b"a,b\n" + b"1,2\n" * 5000 + b"SENTINEL,\xe4\n", 5002),
        (b"a,b\n1,SENTINEL\x00\n", 2),
        ("a,b\n1,2\n".encode("utf-16"), 1),
    ],
)
def test_damage_is_told_by_its_line_and_without_a_cell(tmp_path: Path, raw: bytes, line: int) -> None:
    with pytest.raises(DataBreaksContractError) as caught:
        list(read_csv(wrote(tmp_path, raw)))
    assert f"f.csv:{line}:" in str(caught.value)
    assert "SENTINEL" not in str(caught.value) + caught.value.remedy


def test_batches_hold_at_most_their_rows(tmp_path: Path) -> None:
    path = wrote(tmp_path, b"a\n" + b"".join(b"%d\n" % index for index in range(10)))
    assert [part.num_rows for part in read_csv(path, rows=4)] == [4, 4, 2]
    assert [part.num_rows for part in read_csv(path, rows=5)] == [5, 5]


def test_a_check_of_text_counts_unreadable_cells_once(tmp_path: Path) -> None:
    made = contract(column("a", required=True, options={"minimum": 0}), column("b", "string", unique=True))
    path = wrote(tmp_path, b"a,b\n1,x\nzwei,y\n-3,x\n")
    verdict = check_csv(compile_plan(made), made, path)
    assert [(rule.id, rule.unexpected_count, rule.reason) for rule in verdict.failed] == [
        ("a.type", 1, "unreadable_values"),
        ("a.minimum", 1, "unexpected_values"),
        ("b.unique", 2, "duplicate_values"),
    ]
    assert all(rule.missing_count == 0 for rule in verdict.rules)
