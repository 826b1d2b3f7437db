"""Hostile shapes and lying footers: decided by the data that is there, or refused; never believed."""

from __future__ import annotations

import struct
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contract_builder import column, contract

from data_contracts.checks import check_files, check_tables, compile_plan
from data_contracts.errors import DataBreaksContractError
from data_contracts.model import Column, Contract, SchemaObject

FOOTER = 8  # its length and the magic word


def patched(path: Path, old: bytes, new: bytes) -> int:
    """Replace bytes in the footer alone; the data stays what it is. Return how often."""
    raw = path.read_bytes()
    length = struct.unpack("<I", raw[-8:-4])[0]
    start = len(raw) - FOOTER - length
    assert len(old) == len(new)
    count = raw[start:].count(old)
    path.write_bytes(raw[:start] + raw[start:].replace(old, new))
    return count


BOUNDS = contract(column("n", required=True, options={"minimum": 0, "maximum": 100}), column("s", "string"))


@pytest.mark.attack
def test_statistics_that_lie_change_no_verdict(tmp_path: Path) -> None:
    """The footer says: no value above 7, none below 1. The data says otherwise."""
    path = tmp_path / "a.parquet"
    high, low = 0x1122334455667788, -0x1122334455667788
    pq.write_table(pa.table({"n": [high, low, None, 5], "s": ["a", "b", "c", None]}), path)
    honest = check_files(compile_plan(BOUNDS), [path])
    assert patched(path, struct.pack("<q", high), struct.pack("<q", 7)) >= 1
    assert patched(path, struct.pack("<q", low), struct.pack("<q", 1)) >= 1
    statistics: Any = pq.ParquetFile(path).metadata.row_group(0).column(0).statistics
    assert (statistics.min, statistics.max) == (1, 7), "the lie is told"
    assert check_files(compile_plan(BOUNDS), [path]) == honest
    assert {rule.id for rule in honest.failed} == {"n.required", "n.minimum", "n.maximum"}


@pytest.mark.attack
@pytest.mark.parametrize("claim", [999, 1001, 200, 0])
@pytest.mark.parametrize("only", [0, 1, 3, 6])
def test_a_row_count_that_lies_alone_is_refused(tmp_path: Path, claim: int, only: int) -> None:
    """The file's, a row group's or a column's number of rows: one of them denies rows, or invents some."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": [1] * 999 + [-1], "s": ["x"] * 1000}), path)
    lied(path, claim, only)
    with pytest.raises(DataBreaksContractError, match=r"a\.parquet"):
        check_files(compile_plan(COUNTED), [path])


@pytest.mark.attack
@pytest.mark.parametrize("claim", [999, 0, 1001])
def test_where_all_counts_lie_alike_the_rows_are_those_that_any_reader_sees(
    tmp_path: Path, claim: int
) -> None:
    """The bad last row hides behind the count from this check, and from every reader that would read it."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": [1] * 999 + [-1], "s": ["x"] * 1000}), path)
    lied(path, claim, None)
    if claim > 1000:
        with pytest.raises(DataBreaksContractError, match="contradict"):
            check_files(compile_plan(COUNTED), [path])
        return
    verdict = check_files(compile_plan(COUNTED), [path])
    assert verdict.rows == claim == pq.read_table(path).num_rows
    assert [rule.id for rule in verdict.failed] == ["rows"], (
        "what the data's owner promised is seen to be gone"
    )


COUNTED = contract(
    column("n", options={"minimum": 0}),
    column("s", "string"),
    quality=[{"name": "rows", "metric": "rowCount", "mustBe": 1000}],
)


def lied(path: Path, claim: int, only: int | None) -> None:
    """Write `claim` for 1,000 in the footer: everywhere, or at one place."""
    true, lie = zigzag(1000), zigzag(claim)
    lie = lie if len(lie) == len(true) else bytes([lie[0] | 0x80, 0])
    raw = path.read_bytes()
    start = len(raw) - FOOTER - struct.unpack("<I", raw[-8:-4])[0]
    places = [at for at in range(start, len(raw)) if raw[at : at + 2] == true]
    assert len(places) == 7
    for at in places if only is None else [places[only]]:
        raw = raw[:at] + lie + raw[at + 2 :]
    path.write_bytes(raw)


def zigzag(number: int) -> bytes:
    """A Thrift compact integer."""
    value, out = number << 1, bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def test_nothing_of_a_footers_statistics_is_read_by_the_engine() -> None:
    folder = Path(check_files.__code__.co_filename).parent
    told = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    assert ".statistics" not in told


def wide(count: int) -> Contract:
    columns = tuple(Column(f"c{n}", "integer", options={"minimum": 0}) for n in range(count))
    return Contract("test.wide", "1.0.0", "wide", "active", (SchemaObject("t", columns),), None, None, {})


def test_a_hundred_thousand_columns_are_rules_like_others() -> None:
    """5,000 here, in linear time: the whole hundred thousand take half a minute."""
    took: list[float] = []
    for count in (500, 5_000):
        start = time.process_time()
        plan = compile_plan(wide(count))
        values = [pa.array([1, -1], pa.int64())] * count
        table = pa.Table.from_arrays(values, names=[f"c{n}" for n in range(count)])
        verdict = check_tables(plan, [table])
        took.append(time.process_time() - start)
        assert len(verdict.failed) == count
    assert took[1] < 40 * took[0], f"{took}: ten times the columns, far more than ten times the work"


@pytest.mark.attack
def test_a_hundred_thousand_columns_of_one_name_are_one_broken_column() -> None:
    table = pa.Table.from_arrays([pa.array([1])] * 100_000, names=["a"] * 100_000)
    start = time.process_time()
    verdict = check_tables(compile_plan(contract(column("a"))), [table])
    assert time.process_time() - start < 10
    assert {rule.id: rule.unexpected_count for rule in verdict.failed} == {"schema.columns": 1, "a.type": 1}


def test_columns_of_nothing_but_nulls() -> None:
    quality = [{"name": "some", "metric": "nullValues", "mustBeLessThan": 100, "unit": "percent"}]
    made = contract(
        column("a", "number", unique=True, options={"minimum": 0, "multipleOf": 2}),
        column("b", "string", required=True, options={"pattern": "x"}, quality=quality),
        column("c", "array", items=column("item", required=True), options={"minItems": 1}),
    )
    for kind in (pa.null(), None):
        kinds = [kind] * 3 if kind is not None else [pa.float64(), pa.string(), pa.list_(pa.int64())]
        table = pa.table({name: pa.nulls(3, of) for name, of in zip("abc", kinds, strict=True)})
        found = {
            rule.id: (rule.unexpected_count, rule.missing_count)
            for rule in check_tables(compile_plan(made), [table]).failed
        }
        assert found == {"b.required": (3, 3), "some": (3, 3)}


def test_infinite_values_and_nan_in_every_rule_on_numbers() -> None:
    options = {"minimum": -1, "maximum": 1, "multipleOf": 0.5}
    made = contract(column("x", "number", unique=True, options=options))
    inf, nan = float("inf"), float("nan")
    table = pa.table({"x": [0.5, inf, -inf, nan, nan, None]})
    found = {rule.id: rule.unexpected_count for rule in check_tables(compile_plan(made), [table]).failed}
    assert found == {"x.type": 4, "x.minimum": 3, "x.maximum": 3, "x.multipleOf": 4, "x.unique": 2}


def test_bounds_are_compared_without_rounding() -> None:
    columns = (
        Column("i", "integer", options={"minimum": 0.5, "maximum": 2**53 + 1}),
        Column("f", "number", options={"exclusiveMaximum": 2**53 + 1, "minimum": 2**53 + 1}),
        Column("u", "integer", options={"format": "u64", "maximum": 1e30, "minimum": -1e30}),
        Column("v", "integer", options={"maximum": -1e30}),
        Column("d", "number", "decimal(10,2)", options={"minimum": 0.3, "multipleOf": 0.1}),
    )
    made = Contract("a.b", "1.0.0", "b", "active", (SchemaObject("t", columns),), None, None, {})
    table = pa.table(
        {
            "i": [0, 1, 2**53 + 1, 2**53 + 2],
            "f": [float(2**53), float(2**53 + 2), float(2**53 + 2), None],
            "u": pa.array([2**64 - 1, 0, 0, 0], pa.uint64()),
            "v": [-(2**63), 0, None, 0],
            "d": pa.array([Decimal(word) for word in ("0.29", "0.30", "0.35", "0.40")], pa.decimal128(10, 2)),
        }
    )
    found = {rule.id: rule.unexpected_count for rule in check_tables(compile_plan(made), [table]).failed}
    assert found == {
        "i.minimum": 1,
        "i.maximum": 1,
        "f.exclusiveMaximum": 2,
        "f.minimum": 1,
        "v.maximum": 3,
        "d.minimum": 1,
        "d.multipleOf": 2,
    }


@pytest.mark.attack
def test_text_with_offsets_outside_its_buffer_is_unreadable_and_read_by_nothing() -> None:
    for offsets in ([0, 3, 2], [1, 0, 2], [0, -1, 2]):
        buffers = [None, pa.py_buffer(struct.pack("<3i", *offsets)), pa.py_buffer(b"ab")]
        hostile = pa.Array.from_buffers(pa.string(), 2, buffers)
        verdict = check_tables(compile_plan(contract(column("s", "string"))), [pa.table({"s": hostile})])
        assert [(rule.id, rule.reason) for rule in verdict.failed] == [("s.type", "unreadable_values")]


def test_text_that_is_sound_utf8_is_text() -> None:
    made = contract(column("s", "string", options={"maxLength": 3}))
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        table = pa.table({"s": pa.array(["äöü", "日本語", "four", None, ""]).cast(kind)})
        sliced = [table.slice(0, 1), table.slice(1, 2), table.slice(3)]
        found = {rule.id: rule.unexpected_count for rule in check_tables(compile_plan(made), sliced).failed}
        assert found == {"s.maxLength": 1}


def test_a_check_of_streaming_rules_imports_no_heavy_engine() -> None:
    import subprocess

    code = (
        "import sys; sys.path.insert(0, 'tests/contract_suites');"
        "import pyarrow as pa; from contract_builder import column, contract;"
        "from data_contracts.checks import check_tables, compile_plan;"
        "plan = compile_plan(contract(column('k', 'string', unique=True), column('t', 'array',"
        " items=column('i'))));"
        "print(check_tables(plan, [pa.table({'k': pa.nulls(2, pa.string()), 't': pa.nulls(2)})]).success);"
        "heavy = {'pandas', 'duckdb', 'great_expectations', 'scipy', 'data_contracts.suites'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.split("\n")[:2] == ["True", "[]"]
