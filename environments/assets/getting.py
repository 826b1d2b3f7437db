"""A version becomes a file again: verified, written beside its place, and put there in one step.

Invariants:
1. Every byte was verified against the record before it is copied.
2. What stands at the target is never replaced unless asked for, and never half: the name appears when
   all is written and durable. The file is its owner's alone (0600): it may hold what is restricted.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UsageError
from environments.private import disk_errors, sync_folder
from environments.stores import AssetRecord, AssetStore

__all__ = ["get_file"]

_MODEL = "model.onnx"


def get_file(store: AssetStore, record: AssetRecord, out: Path, *, force: bool = False) -> int:
    """Write a version to one file and return its size.

    Parts of data are joined into one Parquet file; of a model, the model itself is written.

    Raises:
        UsageError: the target exists (and not `force`), its folder does not, or the version is no one file.
        NotVerifiableError: the store was altered.
        UnreachableError: the disk refuses.
    """
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"{out}: not a file in a folder that exists", remedy="name a file: --out FILE")
    if os.path.lexists(out) and not force:
        raise UsageError(f"{out}: already exists", remedy="name another file, or add --force to replace it")
    paths = _chosen(store, record)
    draft = out.with_name(f".{out.name}.{secrets.token_hex(6)}")
    with disk_errors(f"{out}: cannot be written"):
        try:
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            _fill(draft, paths)
            _publish(draft, out, force=force)
        finally:
            draft.unlink(missing_ok=True)
        return out.stat().st_size


def _chosen(store: AssetStore, record: AssetRecord) -> list[Path]:
    names = [entry.path for entry in record.files]
    if _MODEL in names:
        return [store.materialise(record, _MODEL)]
    if len(names) > 1 and not all(name.endswith(".parquet") for name in names):
        raise UsageError(f"{record.name}: {len(names)} files that do not join into one")
    return list(store.open(record))


def _fill(draft: Path, paths: list[Path]) -> None:
    if len(paths) == 1:
        shutil.copyfile(paths[0], draft)
    else:
        _join(draft, paths)
    with draft.open("rb") as stream:
        os.fsync(stream.fileno())


def _join(draft: Path, paths: list[Path]) -> None:
    """Join Parquet parts row group by row group: memory is one of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(paths[0])
        with pq.ParquetWriter(draft, schema, compression="zstd", store_schema=False) as writer:
            for path in paths:
                file = pq.ParquetFile(path)
                for number in range(file.num_row_groups):
                    writer.write_table(file.read_row_group(number))
    except pa.ArrowException as error:
        raise NotVerifiableError(f"the parts cannot be joined: {type(error).__name__}") from None


def _publish(draft: Path, out: Path, *, force: bool) -> None:
    if force:
        draft.replace(out)
    else:
        try:
            os.link(draft, out)  # unlike a rename, a link never replaces
        except FileExistsError:
            raise UsageError(
                f"{out}: already exists", remedy="name another file, or add --force to replace it"
            ) from None
    sync_folder(out.parent)
