"""Output files that carry more than their rows: each place where an original could stay is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data_contracts.obligations.pages import check_output_file
from data_contracts.obligations.parquet.compression import expanded
from data_contracts.obligations.parquet.thrift import UnaccountedError

pytestmark = pytest.mark.attack

ROWS = 200
ORIGINAL = b"Adelheid"
MASKED = [f"masked{x % 10:02}" for x in range(ROWS)]
LEAST, GREATEST = b"masked00", b"masked09"


def failed(path: Path, table: pa.Table | None = None) -> set[str]:
    """What is found; the same where the rows are read for it, and beside rows that were read already."""
    alone = {rule.rule for rule in check_output_file(path) if not rule.success}
    try:
        table = pq.ParquetFile(path).read() if table is None else table
    except OSError:
        return alone
    beside = {rule.rule for rule in check_output_file(path, table) if not rule.success}
    assert alone == beside or not alone
    return beside


def write(path: Path, table: pa.Table, **options: Any) -> bytes:
    pq.write_table(table, path, store_schema=False, **{"compression": "none", **options})
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "part-00000.parquet"


def test_the_honest_file_passes(path: Path) -> None:
    write(path, pa.table({"name": MASKED}), write_page_index=True, bloom_filter_options={"name": True})
    assert failed(path) == set()


def test_rows_that_are_not_the_files(path: Path) -> None:
    table = pa.table({"name": MASKED, "number": range(ROWS)})
    write(path, table, row_group_size=70)
    assert failed(path, table) == set()
    assert "structure" in failed(path, table.slice(0, ROWS - 1))
    assert "structure" in failed(path, pa.concat_tables([table, table.slice(0, 1)]))
    other = table.set_column(0, "name", pa.array(["masked11", *MASKED[1:]]))
    assert "pages" in failed(path, other)


COLUMNS: dict[str, Any] = {
    "whole": pa.array(range(ROWS), pa.int64()),
    "narrow": pa.array(range(ROWS), pa.int32()),
    "unsigned": pa.array(range(1 << 63, (1 << 63) + ROWS), pa.uint64()),
    "double": pa.array([x / 7 for x in range(ROWS)], pa.float64()),
    "float": pa.array([x / 8 for x in range(ROWS)], pa.float32()),
    "moment": pa.array(range(ROWS), pa.timestamp("us")),
    "day": pa.array(range(ROWS), pa.date32()),
    "truth": pa.array([x % 3 == 0 for x in range(ROWS)]),
    "decimal": pa.array(range(ROWS), pa.int32()).cast(pa.decimal128(12, 2)),
    "one width": pa.array([f"{x:05}" for x in range(ROWS)]),
    "sixteen": pa.array([f"{x:016}".encode() for x in range(ROWS)], pa.binary()),
    "widths": pa.array([str(x * x) for x in range(ROWS)]),
    "fixed": pa.array([f"{x:08}".encode() for x in range(ROWS)], pa.binary(8)),
}


@pytest.mark.parametrize("dictionary", [True, False], ids=["dictionary", "plain"])
@pytest.mark.parametrize("nulls", [True, False], ids=["nulls", "no nulls"])
@pytest.mark.parametrize("name", COLUMNS)
def test_one_value_that_is_not_the_files(path: Path, name: str, nulls: bool, dictionary: bool) -> None:
    """Wherever it stands, in every type: a page is compared with the very rows that were judged."""
    values = COLUMNS[name]
    if nulls:
        values = pc.if_else(pa.array([x % 5 != 0 for x in range(ROWS)]), values, pa.scalar(None, values.type))
    write(
        path, pa.table({name: values}), use_dictionary=dictionary, row_group_size=90, write_statistics=False
    )
    assert failed(path) == set()
    for at, other in ((1, 3), (94, 3), (ROWS - 1, 1)):
        posing = [*values[:at].to_pylist(), values[other].as_py(), *values[at + 1 :].to_pylist()]
        if posing != values.to_pylist():
            assert "pages" in failed(path, pa.table({name: pa.array(posing, values.type)}))


def test_a_zero_of_the_other_sign_is_not_the_files(path: Path) -> None:
    write(path, pa.table({"x": [0.0, 1.0]}), use_dictionary=False)
    assert failed(path) == set()
    assert "pages" in failed(path, pa.table({"x": [-0.0, 1.0]}))


def test_a_stale_dictionary(path: Path) -> None:
    names = pa.array([ORIGINAL.decode(), *sorted(set(MASKED))])
    indices = pa.array([x % 10 + 1 for x in range(ROWS)], pa.int32())
    raw = write(path, pa.table({"name": pa.DictionaryArray.from_arrays(indices, names)}))
    assert ORIGINAL in raw
    assert ORIGINAL.decode() not in pq.read_table(path)["name"].to_pylist()
    assert "dictionaries" in failed(path)


@pytest.mark.parametrize("value", [LEAST, GREATEST])
def test_stale_statistics(path: Path, value: bytes) -> None:
    raw = write(path, pa.table({"name": MASKED}))
    place = raw.rfind(value)
    path.write_bytes(raw[:place] + ORIGINAL + raw[place + len(value) :])
    assert pq.read_table(path)["name"].to_pylist() == MASKED
    assert "statistics" in failed(path)


def test_a_page_index_with_originals(path: Path) -> None:
    raw = write(path, pa.table({"name": MASKED}), write_page_index=True)
    footer = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    place = raw.rfind(LEAST, 0, footer)
    path.write_bytes(raw[:place] + ORIGINAL + raw[place + len(LEAST) :])
    assert pq.read_table(path)["name"].to_pylist() == MASKED
    assert "indexes" in failed(path)


def test_a_bloom_filter_of_originals(path: Path, tmp_path: Path) -> None:
    options = {"bloom_filter_options": {"name": {"ndv": 100}}}
    raw = write(path, pa.table({"name": MASKED}), **options)
    other = tmp_path / "other.parquet"
    write(other, pa.table({"name": [f"origin{x % 10:02}" for x in range(ROWS)]}), **options)
    with other.open("rb") as stream, path.open("rb") as own:
        from data_contracts.obligations.parquet.footer import open_file

        theirs = open_file(stream, other.stat().st_size).footer["groups"][0]["chunks"][0]["column"]
        ours = open_file(own, len(raw)).footer["groups"][0]["chunks"][0]["column"]
    assert theirs["bloom_length"] == ours["bloom_length"]
    start, size = ours["bloom_offset"], ours["bloom_length"]
    begin = theirs["bloom_offset"]
    bits = other.read_bytes()[begin : begin + size]
    path.write_bytes(raw[:start] + bits + raw[start + size :])
    assert pq.read_table(path)["name"].to_pylist() == MASKED
    assert "bloom" in failed(path)


@pytest.mark.parametrize("where", ["before the footer", "after the magic number"])
def test_bytes_that_no_reader_takes(path: Path, where: str) -> None:
    raw = write(path, pa.table({"name": MASKED}))
    place = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    if where == "before the footer":
        path.write_bytes(raw[:place] + ORIGINAL + raw[place:])
        assert pq.read_table(path)["name"].to_pylist() == MASKED
    else:
        path.write_bytes(raw[:4] + ORIGINAL + raw[4:])
    assert "bytes" in failed(path)


@pytest.mark.parametrize("key", [b"pandas", b"note", b""])
def test_metadata_of_the_source(path: Path, key: bytes) -> None:
    from data_contracts.loading import parse_contract
    from data_contracts.obligations import verify_file

    arrival = parse_contract(
        b"apiVersion: v3.1.0\nkind: DataContract\nid: my.names\nversion: 1.0.0\nstatus: active\n"
        b"schema:\n- {name: t, properties: [{name: name, logicalType: string}]}\n",
        file="x",
    )
    table = pa.table({"name": pa.array(MASKED)})
    pq.write_table(table, path, compression="zstd")
    assert all(rule.success for rule in verify_file(path, arrival))
    # The last one hides in the copy of Arrow's schema, as a field's own metadata.
    field = pa.field("name", pa.string(), metadata={"note": ORIGINAL})
    schema = table.schema.with_metadata({key: ORIGINAL}) if key else pa.schema([field])
    pq.write_table(table.cast(schema), path, compression="zstd")
    assert "output.file.metadata" in {rule.id for rule in verify_file(path, arrival) if not rule.success}


def test_a_frame_that_decompressors_skip() -> None:
    page = b"masked00" * 50
    frame = pa.Codec("zstd").compress(page, asbytes=True)
    hidden = b"\x50\x2a\x4d\x18" + len(ORIGINAL).to_bytes(4, "little") + ORIGINAL
    assert bytes(expanded(memoryview(frame), 6, len(page))) == page
    for raw in (frame + hidden, hidden + frame, frame + ORIGINAL):
        with pytest.raises(UnaccountedError):
            expanded(memoryview(raw), 6, len(page))
