"""Cuts follow the content, sizes stay with the record, and a file that was verified is told from another."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_basis import LABELS, contract

from data_contracts.digest import canonical, digest_bytes, digest_json
from data_contracts.errors import NotVerifiableError, UsageError
from environments.stores import AssetRecord, FileEntry, LocalStore, Written, version_of
from environments.stores.cutting import cut, keep, stamped, verify_file, written_whole
from environments.stores.lanes import flushing, in_lanes
from environments.stores.record import CHUNK, canonical_list

BYTES = random.Random(5).randbytes(9_000_000)  # noqa: S311 - the same bytes in every run


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_bytes_in_the_middle_change_the_chunks_around_them_only(tmp_path: Path) -> None:
    before = cut(write(tmp_path / "a", BYTES), "a")
    after = cut(write(tmp_path / "b", BYTES[:4_000_000] + b"inserted" + BYTES[4_000_000:]), "b")
    assert len(before.chunks) > 5
    assert len(set(after.chunks) - set(before.chunks)) <= 2


def test_the_pieces_are_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a", BYTES)
    entry = cut(path, "a")
    assert max(entry.sizes) <= CHUNK
    for offset, size, digest in entry.pieces():
        assert "sha256:" + hashlib.sha256(BYTES[offset : offset + size]).hexdigest() == digest
    verify_file(path, entry, "a")


@pytest.mark.parametrize("sizes", [(1,), (9_000_000,), (-1, 9_000_001), (4_500_000,) * 2, (0,) * 3])
def test_sizes_that_are_not_those_of_the_chunks(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    path = write(tmp_path / "a", BYTES)
    entry = cut(path, "a")
    with pytest.raises(NotVerifiableError):
        verify_file(path, replace(entry, sizes=sizes), "a")


def test_a_version_that_was_cut_every_four_mebibytes_is_read_as_ever(tmp_path: Path) -> None:
    """A record of format 1, as an earlier Isthmus wrote it: no sizes, the same version, the same digest."""
    store = LocalStore(tmp_path / "store")
    with store.begin("readings") as draft:
        write(draft.path / "data.bin", BYTES)
        now = draft.commit(contract(), LABELS)
    pieces = [BYTES[at : at + CHUNK] for at in range(0, len(BYTES), CHUNK)]
    entry = FileEntry("data.bin", len(BYTES), tuple(map(digest_bytes, pieces)))
    old = replace(now, files=(entry,), version=version_of([entry]))
    assert "sizes" not in old.to_json()
    assert old.to_json()["format"] == 1
    [folder] = (tmp_path / "store" / "assets" / "readings").glob("0*")
    body = old.to_json()
    (folder / "record.json").chmod(0o600)
    (folder / "record.json").write_bytes(canonical({"record": body, "digest": digest_json(body)}))
    folder.rename(folder.with_name(f"00000001-{old.version[7:]}"))
    again = LocalStore(tmp_path / "store").record("readings")
    assert again == old
    store.verify(again)


def test_sizes_are_read_back_strictly(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    with store.begin("readings") as draft:
        write(draft.path / "data.bin", BYTES)
        record = draft.commit(contract(), LABELS)
    good = record.to_json()
    assert AssetRecord.from_json(json.loads(json.dumps(good))) == record
    for sizes in ([], [["1"]], [[1.5]], "x", None, [[True]]):
        with pytest.raises(NotVerifiableError):
            AssetRecord.from_json({**good, "sizes": sizes})
    with pytest.raises(NotVerifiableError):
        AssetRecord.from_json({**good, "format": 1})


def _written(folder: Path, data: bytes = BYTES) -> Written:
    path = write(folder / "data.bin", data)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return stamped(path, FileEntry("data.bin", len(data), (digest,), (len(data),)))


def test_a_file_that_was_verified_is_committed_as_it_was_cut(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    with store.begin("readings") as draft:
        written = _written(draft.path)
        record = draft.commit(contract(), LABELS, written=[written])
    assert record.files == (written.entry,)
    store.verify(record)


def _rewrite(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(BYTES[:-1] + b"!")
    path.chmod(0o400)


def _replaced(path: Path) -> None:
    path.rename(path.with_name("old"))
    write(path, path.with_name("old").read_bytes())
    path.with_name("old").unlink()


def _set_times(path: Path) -> None:
    found = path.stat()
    _rewrite(path)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def _added(path: Path) -> None:
    write(path.with_name("more.bin"), b"more")


@pytest.mark.parametrize("change", [_rewrite, _replaced, _set_times, _added, Path.unlink])
def test_what_was_verified_is_what_is_committed(tmp_path: Path, change: Callable[[Path], object]) -> None:
    store = LocalStore(tmp_path / "store")
    with store.begin("readings") as draft:
        written = _written(draft.path)
        change(draft.path / "data.bin")
        with pytest.raises((NotVerifiableError, UsageError)):
            draft.commit(contract(), LABELS, written=[written])
    assert store.names() == ()


def test_a_file_that_changed_is_named(tmp_path: Path) -> None:
    written = _written(tmp_path)
    _rewrite(tmp_path / "data.bin")
    with pytest.raises(NotVerifiableError, match="changed after it was verified"):
        keep(tmp_path / "data.bin", "data.bin", written)


def test_lanes_end_with_the_first_error() -> None:
    seen: list[int] = []

    def work(item: int) -> None:
        seen.append(item)
        if item == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        in_lanes(range(100_000), lambda: work)
    assert len(seen) < 100_000
    in_lanes([], lambda: work)


def test_a_disk_that_refuses_to_flush_is_told(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")

    def late() -> None:
        with flushing([tmp_path / "link"]):
            time.sleep(0.2)

    with pytest.raises(OSError, match="symbolic links"):
        late()


_TEXT = st.text(st.characters(max_codepoint=126), max_size=20)
_VALUES = st.recursive(
    _TEXT | st.integers(0, 2**53 - 1),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_the_quick_form_is_the_canonical_one(value: object) -> None:
    assert canonical_list(value) == canonical(value)


def test_a_file_written_whole_is_kept_as_one_that_was_stamped(tmp_path: Path) -> None:
    path, data = tmp_path / "data.bin", b"x" * 10_000
    entry = FileEntry("data.bin", len(data), (digest_bytes(data),), (len(data),))
    made = written_whole(path, entry, memoryview(data))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (data, 0o400)
    assert made.entry == entry
    assert keep(path, "data.bin", made) == entry
    path.chmod(0o600)
    path.write_bytes(b"y" * 10_000)
    with pytest.raises(NotVerifiableError):
        keep(path, "data.bin", made)


def test_a_file_written_whole_is_written_over_nothing(tmp_path: Path) -> None:
    entry = FileEntry("data.bin", 1, (digest_bytes(b"x"),), (1,))
    (tmp_path / "elsewhere").write_bytes(b"kept")
    (tmp_path / "data.bin").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        written_whole(tmp_path / "data.bin", entry, memoryview(b"x"))
    assert (tmp_path / "elsewhere").read_bytes() == b"kept"
