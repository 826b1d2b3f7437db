from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import DataBreaksContractError
from data_contracts.model import Contract
from environments.assets import add_file
from environments.stores import LocalStore

GOOD: dict[str, Any] = {
    "id": pa.array([1, 2, 3], pa.int32()),
    "name": pa.array(["Ann", None, "nan"]),
    "age": pa.array([47, None, 3], pa.int16()),
    "day": pa.array([dt.date(2020, 3, 1)] * 3),
}


def write(tmp_path: Path, **columns: Any) -> Path:
    path = tmp_path / "patients.parquet"
    table = {name: values for name, values in {**GOOD, **columns}.items() if values is not None}
    pq.write_table(pa.table(table), path)
    return path


def refused(store: LocalStore, file: Path, contract: Contract) -> str:
    with pytest.raises(DataBreaksContractError) as caught:
        add_file(store, file, "patients", contract)
    assert store.names() == ()
    assert caught.value.exit_code == 1
    assert caught.value.__cause__ is None
    return f"{caught.value} {caught.value.remedy}"


def test_narrower_types_widen_and_no_text_becomes_null(
    store: LocalStore, tmp_path: Path, contract: Contract
) -> None:
    report = add_file(store, write(tmp_path), "patients", contract)
    [path] = store.open(report.record)
    table = pq.read_table(path)
    assert table.schema.types == [pa.int64(), pa.string(), pa.float64(), pa.date32()]
    assert table.column("name").to_pylist() == ["Ann", None, "nan"]
    assert table.column("age").to_pylist() == [47.0, None, 3.0]


def test_dictionaries_are_read_as_their_values(store: LocalStore, tmp_path: Path, contract: Contract) -> None:
    file = write(tmp_path, name=pa.array(["a", "b", "a"]).dictionary_encode())
    report = add_file(store, file, "patients", contract)
    assert pq.read_table(store.open(report.record)[0]).column("name").to_pylist() == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("id", pa.array(["1", "2", "3"])),
        ("id", pa.array([1.0, 2.0, 3.0])),
        ("age", pa.array(["47", "48", "49"])),
        ("age", pa.array([Decimal("1.10")] * 3)),
        ("day", pa.array(["2020-03-01"] * 3)),
        ("day", pa.array([dt.datetime(2020, 3, 1)] * 3)),  # noqa: DTZ001 - a local time is the point
        ("name", pa.array([[1]] * 3)),
        ("name", pa.array([b"x"] * 3)),
    ],
)
def test_another_type_is_refused_never_cast(
    store: LocalStore, tmp_path: Path, contract: Contract, column: str, values: pa.Array
) -> None:
    text = refused(store, write(tmp_path, **{column: values}), contract)
    assert f"{column}: " in text
    assert "expected" in text


def test_all_columns_are_told_at_once(store: LocalStore, tmp_path: Path, contract: Contract) -> None:
    text = refused(
        store, write(tmp_path, id=None, age=pa.array(["x"] * 3), secret=pa.array([1] * 3)), contract
    )
    assert "id: is missing" in text
    assert "age: string, expected double" in text
    assert "column 4 of the file is not declared" in text
    assert "secret" not in text


def test_a_value_that_the_type_cannot_hold_is_refused_without_it(
    store: LocalStore, tmp_path: Path, contract: Contract
) -> None:
    text = refused(store, write(tmp_path, age=pa.array([1, 2, 2**53 + 1])), contract)
    assert "column age" in text
    assert "9007199254740993" not in text


def test_a_truncated_file_is_told_so_wherever_it_was_cut(
    store: LocalStore, tmp_path: Path, contract: Contract
) -> None:
    whole = write(tmp_path).read_bytes()
    file = tmp_path / "cut.parquet"
    for size in (0, 3, 4, 11, 12, len(whole) // 2, len(whole) - 8, len(whole) - 1):
        file.write_bytes(whole[:size])
        assert "Parquet" in refused(store, file, contract)


@pytest.mark.attack
def test_changed_bytes_are_refused_or_harmless_and_never_a_crash(
    store: LocalStore, tmp_path: Path, contract: Contract
) -> None:
    whole = write(tmp_path).read_bytes()
    file = tmp_path / "changed.parquet"
    chance = random.Random(81)  # noqa: S311 - a seed, no secret
    for _ in range(80):  # each in a child of its own
        changed = bytearray(whole)
        for _ in range(chance.choice([1, 1, 8])):
            changed[chance.randrange(4, len(changed))] = chance.randrange(256)
        file.write_bytes(changed)
        try:
            add_file(store, file, "patients", contract, check=False)
        except DataBreaksContractError:
            continue


@pytest.mark.attack
def test_a_footer_that_claims_more_than_the_file_is_refused(
    store: LocalStore, tmp_path: Path, contract: Contract
) -> None:
    file = tmp_path / "lying.parquet"
    file.write_bytes(b"PAR1" + b"\0" * 16 + (2**31).to_bytes(4, "little") + b"PAR1")
    assert "footer" in refused(store, file, contract)


def test_a_csv_that_is_called_parquet(store: LocalStore, tmp_path: Path, contract: Contract) -> None:
    file = tmp_path / "a.parquet"
    file.write_text("id,name,age,day\n1,secret,2,3\n")
    assert "secret" not in refused(store, file, contract)
