"""JSON Lines, Arrow and partitioned Parquet come into a store under the same rules as CSV and Parquet."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import DataBreaksContractError
from data_contracts.model import Contract
from environments.assets import UnreadableError, add_file
from environments.stores import LocalStore

DAY = dt.date(2020, 3, 1)
ROWS = [{"id": 1, "name": "Ann", "age": 47.0, "day": DAY}, {"id": 2, "name": None, "age": None, "day": DAY}]
LINES = (
    '{"id": 1, "name": "Ann", "age": 47, "day": "2020-03-01"}\n'
    '{"id": 2, "name": "nan", "age": "NA", "day": "2020-03-01"}\n'
)


def rows(store: LocalStore, name: str = "patients") -> list[dict[str, Any]]:
    return [row for path in store.open(store.record(name)) for row in pq.read_table(path).to_pylist()]


def write(tmp_path: Path, kind: str) -> Path:
    table = pa.Table.from_pylist(ROWS)
    if kind == "jsonl":
        path = tmp_path / "patients.jsonl"
        path.write_text(LINES)
    elif kind == "partitioned":
        path = tmp_path / "patients"
        (path / "day=2020-03-01").mkdir(parents=True)
        pq.write_table(table.drop_columns(["day"]), path / "day=2020-03-01" / "part-0.parquet")
    else:
        path = tmp_path / "patients.arrow"
        new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
        with new(str(path), table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "file", "stream", "partitioned"])
def test_every_format_gives_the_same_version(
    store: LocalStore, tmp_path: Path, contract: Contract, kind: str
) -> None:
    record = add_file(store, write(tmp_path, kind), "patients", contract).record
    assert rows(store) == ROWS
    other = tmp_path / "again.csv"
    other.write_text("id,name,age,day\n1,Ann,47,2020-03-01\n2,nan,NA,2020-03-01\n")
    assert add_file(store, other, "patients", contract).record.version == record.version


def test_unreadable_lines_are_kept_aside_as_text(
    store: LocalStore, tmp_path: Path, contract: Contract
) -> None:
    path = tmp_path / "patients.jsonl"
    path.write_text(LINES + '{"id": "3", "name": "secret", "age": 1, "day": "2020-03-01"}\n')
    with pytest.raises(UnreadableError) as caught:
        add_file(store, path, "patients", contract)
    assert [(cell.id, cell.count) for cell in caught.value.unreadable] == [("id.type", 1)]
    assert "secret" not in f"{caught.value}{caught.value.remedy}"
    assert store.names() == ()
    add_file(store, path, "patients", contract, reject_to="rejected")
    assert rows(store) == ROWS
    assert rows(store, "rejected") == [{"id": "3", "name": "secret", "age": "1", "day": "2020-03-01"}]


def test_a_refused_line_late_in_the_file_commits_nothing(
    store: LocalStore, tmp_path: Path, contract: Contract
) -> None:
    path = tmp_path / "patients.jsonl"
    path.write_text('{"id": 1, "day": "2020-03-01"}\n' * 70_000 + '{"id": 1, "id": 2}\n')
    with pytest.raises(DataBreaksContractError, match=r"patients\.jsonl:70001: "):
        add_file(store, path, "patients", contract, reject_to="rejected")
    assert store.names() == ()


@pytest.mark.parametrize("kind", ["file", "partitioned"])
def test_other_columns_are_refused(store: LocalStore, tmp_path: Path, contract: Contract, kind: str) -> None:
    path = write(tmp_path, kind)
    table = pa.table({"id": [1], "secret": ["x"], "age": ["old"]})
    if kind == "file":
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
    else:
        pq.write_table(table, path / "day=2020-03-01" / "part-0.parquet")
    with pytest.raises(DataBreaksContractError) as caught:
        add_file(store, path, "patients", contract)
    assert "name: is missing" in str(caught.value)
    assert "age: string, expected double" in str(caught.value)
    assert "column 2 of the file is not declared" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert store.names() == ()
