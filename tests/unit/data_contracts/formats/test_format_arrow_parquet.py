"""Arrow IPC and Parquet, alone and partitioned: whole or refused, at every byte where a file can end."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import DataBreaksContractError, IsthmusError, UsageError
from data_contracts.formats import open_source
from data_contracts.loading import contract_from_document

TABLE = pa.table({"x": pa.array([1, 2, 3]), "z": pa.array(["a", "b", None])})


def arrow(path: Path, *tables: pa.Table, stream: bool = False, **options: Any) -> Path:
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(str(path), tables[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for table in tables:
            writer.write_table(table)
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [row for table in open_source(path).read() for row in table.to_pylist()]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["t.arrow", "t.arrows", "t.feather", "t.ipc"])
def test_both_forms_are_told_by_their_bytes(tmp_path: Path, name: str, stream: bool) -> None:
    path = arrow(tmp_path / name, TABLE, TABLE, stream=stream)
    assert rows(path) == TABLE.to_pylist() * 2
    assert [part.column_names for part in open_source(path).read(["z"])] == [["z"], ["z"]]


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_compressed_batches_and_dictionaries_are_read(tmp_path: Path, compression: str) -> None:
    table = TABLE.append_column("d", pa.array(["p", "q", "p"]).dictionary_encode())
    path = arrow(tmp_path / "t.arrow", table, compression=compression)
    assert rows(path) == table.to_pylist()


def test_a_large_batch_comes_in_parts(tmp_path: Path) -> None:
    path = arrow(tmp_path / "t.arrow", pa.table({"x": pa.array(range(200_000))}))
    sizes = [table.num_rows for table in open_source(path).read()]
    assert sum(sizes) == 200_000
    assert max(sizes) <= 65_536


@pytest.mark.parametrize("stream", [False, True])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, stream: bool) -> None:
    raw = arrow(tmp_path / "t.arrow", TABLE, TABLE, stream=stream).read_bytes()
    cut = tmp_path / "cut.arrow"
    for length in range(len(raw)):
        cut.write_bytes(raw[:length])
        with pytest.raises(DataBreaksContractError):
            rows(cut)


@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
def test_a_changed_byte_never_crashes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    if suffix == ".arrow":
        arrow(path, TABLE)
    else:
        pq.write_table(TABLE, path)
    raw, chosen = path.read_bytes(), random.Random(7)  # noqa: S311 - which bytes, not a secret
    answers: list[str] = []
    for _ in range(400):
        changed = bytearray(raw)
        changed[chosen.randrange(len(raw))] ^= 1 << chosen.randrange(8)
        path.write_bytes(bytes(changed))
        try:
            rows(path)
        except DataBreaksContractError:
            answers.append("refused")
        else:
            answers.append("read")
    assert answers.count("refused") > 20


def test_text_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
    )
    with pytest.raises(DataBreaksContractError, match="damaged"):
        rows(arrow(tmp_path / "t.arrow", pa.table({"s": bad})))


@pytest.mark.parametrize("stream", [False, True])
def test_rows_that_no_byte_holds_are_refused(tmp_path: Path, stream: bool) -> None:
    path = arrow(tmp_path / "t.arrow", pa.table({"n": pa.nulls(123_457)}), stream=stream)
    raw = path.read_bytes()
    true, claimed = (number.to_bytes(8, "little") for number in (123_457, 2**50))
    assert true in raw
    path.write_bytes(raw.replace(true, claimed))
    with pytest.raises(DataBreaksContractError, match="more rows than it can hold"):
        rows(path)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["secret", "secret"])
    with pytest.raises(DataBreaksContractError) as caught:
        open_source(arrow(tmp_path / "t.arrow", twice))
    assert "secret" not in str(caught.value)


def test_no_rows_are_one_empty_table(tmp_path: Path) -> None:
    for stream in (False, True):
        (table,) = open_source(arrow(tmp_path / "t.arrow", TABLE.slice(0, 0), stream=stream)).read()
        assert (table.num_rows, table.column_names) == (0, ["x", "z"])
    pq.write_table(TABLE.slice(0, 0), tmp_path / "t.parquet")
    assert [table.num_rows for table in open_source(tmp_path / "t.parquet").read()] == [0]


def partition(root: Path, place: str, table: pa.Table = TABLE, name: str = "part-0.parquet") -> Path:
    (root / place).mkdir(parents=True, exist_ok=True)
    pq.write_table(table, root / place / name)
    return root


def test_folders_become_columns_and_only_hives_word_is_null(tmp_path: Path) -> None:
    root = partition(tmp_path / "t", "country=DE/day=2020-03-01")
    partition(root, "country=Cura%C3%A7ao%2FX/day=null")
    partition(root, "country=__HIVE_DEFAULT_PARTITION__/day=NA", TABLE.slice(0, 1))
    for beside in ("_SUCCESS", "_metadata", ".part-0.parquet.crc"):
        (root / beside).write_bytes(b"")
    assert sorted({(row["country"] or "", row["day"]) for row in rows(root)}) == [
        ("", "NA"),
        ("Curaçao/X", "null"),
        ("DE", "2020-03-01"),
    ]
    assert open_source(root).schema.names == ["x", "z", "country", "day"]
    assert {tuple(t.column_names) for t in open_source(root).read(["country", "x"])} == {("country", "x")}


def contract(day: str) -> Any:
    kinds = {"x": "integer", "z": "string", "day": day}
    columns = [{"name": n, "logicalType": k, "classification": "internal"} for n, k in kinds.items()]
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "t.t",
        "version": "1.0.0",
        "status": "active",
    }
    return contract_from_document({**document, "schema": [{"name": "t", "properties": columns}]})


def test_a_folders_value_has_the_contracts_type_or_is_unreadable(tmp_path: Path) -> None:
    root = partition(tmp_path / "t", "day=2020-03-01")
    source = open_source(root, contract("date"))
    assert [row["day"] for table in source.read() for row in table.to_pylist()] == [dt.date(2020, 3, 1)] * 3
    assert dict(source.unreadable) == {}
    partition(root, "day=soon")
    source = open_source(root, contract("date"))
    list(source.read())
    assert dict(source.unreadable) == {"day": 3}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda root: partition(root, "day=2/part=1"),
        lambda root: partition(root, "month=2"),
        lambda root: partition(root, "plain"),
        lambda root: partition(root, "day=1", name="x.csv"),
        lambda root: partition(root, "day=2", pa.table({"x": ["1"], "z": ["a"]})),
        lambda root: partition(root, "day=2", TABLE.append_column("day", pa.array(["1"] * 3))),
        lambda root: (root / "day=3").mkdir(),
        lambda root: (root / "day=3").symlink_to(root / "day=1"),
        lambda root: (root / "day=1" / "q.parquet").write_bytes(b"PAR1secret"),
        lambda root: partition(root, "day=1/" + "/".join(f"k{n}=1" for n in range(20))),
        lambda root: partition(root, "day=%FF"),
    ],
    ids=["depth", "key", "plain", "other", "types", "both", "empty", "link", "damaged", "deep", "utf8"],
)
def test_a_folder_that_is_not_of_one_piece_is_refused(tmp_path: Path, spoil: Any) -> None:
    root = partition(tmp_path / "t", "day=1")
    spoil(root)
    with pytest.raises(DataBreaksContractError) as caught:
        rows(root)
    assert "secret" not in str(caught.value)
    assert "day=" not in str(caught.value), "a folder's name is a value"


def test_other_names_and_empty_folders_are_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t.json").write_text("{}")
    for path in (tmp_path / "t", tmp_path / "t.json", tmp_path / "absent.arrow", tmp_path / "absent"):
        with pytest.raises(UsageError) as caught:
            open_source(path)
        assert caught.value.remedy


def test_an_empty_file_is_refused_in_every_format(tmp_path: Path) -> None:
    for suffix in (".csv", ".jsonl", ".arrow", ".parquet"):
        path = tmp_path / f"empty{suffix}"
        path.write_bytes(b"")
        with pytest.raises(IsthmusError):
            open_source(path)
