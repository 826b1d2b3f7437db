from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import NotVerifiableError, UsageError
from data_contracts.model import Contract
from environments.assets import PartWriter, add_file, get_file
from environments.stores import AssetRecord, LocalStore


@pytest.fixture
def record(store: LocalStore, csv: Callable[..., Path], contract: Contract) -> AssetRecord:
    return add_file(store, csv("1,Ann,47,2020-03-01"), "patients", contract, check=False).record


def test_it_writes_the_verified_bytes_for_its_owner_alone(
    store: LocalStore, record: AssetRecord, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    assert get_file(store, record, out) == record.size
    assert out.read_bytes() == store.open(record)[0].read_bytes()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.stat().st_nlink == 1


def test_it_never_overwrites_unless_asked(store: LocalStore, record: AssetRecord, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    out.write_text("mine")
    with pytest.raises(UsageError, match="already exists"):
        get_file(store, record, out)
    assert out.read_text() == "mine"
    get_file(store, record, out, force=True)
    assert pq.read_table(out).num_rows == 1


@pytest.mark.attack
def test_a_link_at_the_target_is_replaced_not_followed(
    store: LocalStore, record: AssetRecord, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("mine")
    out = tmp_path / "out.parquet"
    out.symlink_to(tmp_path / "precious")
    with pytest.raises(UsageError):
        get_file(store, record, out)
    get_file(store, record, out, force=True)
    assert (tmp_path / "precious").read_text() == "mine"


def test_an_altered_store_gives_nothing(store: LocalStore, record: AssetRecord, tmp_path: Path) -> None:
    [path] = store.open(record)
    path.chmod(0o600)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(NotVerifiableError):
        get_file(store, record, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
    assert not list(tmp_path.glob(".out*"))


def test_parts_are_joined_in_order(store: LocalStore, contract: Contract, tmp_path: Path) -> None:
    schema = pa.schema([("id", pa.int64())])
    with store.begin("parts") as draft:
        with PartWriter(draft.path, schema, part_rows=1000) as writer:
            for start in range(0, 3500, 700):
                writer.write(pa.table({"id": list(range(start, start + 700))}, schema=schema))
        assert len(writer.paths) == 4
        record = draft.commit(contract, contract.labels, rows=writer.rows)
    get_file(store, record, tmp_path / "all.parquet")
    assert pq.read_table(tmp_path / "all.parquet").column("id").to_pylist() == list(range(3500))


def test_of_a_model_it_gives_the_model(store: LocalStore, contract: Contract, tmp_path: Path) -> None:
    with store.begin("model") as draft:
        (draft.path / "model.onnx").write_bytes(b"onnx")
        (draft.path / "parity.parquet").write_bytes(b"parity")
        record = draft.commit(contract, contract.labels)
    get_file(store, record, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == b"onnx"


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    store: LocalStore, record: AssetRecord, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"

    class Slow(LocalStore):
        def open(self, record: AssetRecord) -> tuple[Path, ...]:
            out.write_text("somebody else's")
            return super().open(record)

    with pytest.raises(UsageError, match="already exists"):
        get_file(Slow(store.folder), record, out)
    assert out.read_text() == "somebody else's"


def test_a_folder_that_is_not_there(store: LocalStore, record: AssetRecord, tmp_path: Path) -> None:
    for out in (tmp_path / "no" / "file", tmp_path):
        with pytest.raises(UsageError):
            get_file(store, record, out)
