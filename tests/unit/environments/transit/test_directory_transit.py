"""The transit in a directory: the suite, and what only a file system can be attacked with."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from pathlib import Path

import pytest
from transit_suite import ADDRESS, CROSSING, TransitSuite

from data_contracts.errors import IsthmusError, NotVerifiableError, UnreachableError, UsageError
from environments.transit import (
    DirectoryTransit,
    Transit,
    chunk_name,
    crossing_prefix,
    directory,
    manifest_name,
    open_transit,
)
from environments.transit.shared import SharedDirectoryTransit


class TestDirectoryTransit(TransitSuite):
    def open_transit(self, place: Path) -> Transit:
        return DirectoryTransit(place)


class TestSharedDirectoryTransit(TransitSuite):
    def open_transit(self, place: Path) -> Transit:
        exchange = place.with_name("exchange")
        exchange.mkdir(exist_ok=True)
        exchange.chmod(0o2770)
        return SharedDirectoryTransit(exchange, "onprem", "cloud")


@pytest.mark.parametrize("mode", [0o770, 0o2750, 0o2771, 0o2777, 0o700])
def test_a_shared_transit_that_is_not_of_one_group_is_refused(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "exchange"
    place.mkdir()
    place.chmod(mode)
    shared = SharedDirectoryTransit(place, "onprem", "cloud")
    for use in (
        lambda: shared.put(manifest_name(CROSSING), b"x"),
        lambda: shared.get(manifest_name(CROSSING), limit=9),
        shared.crossings,
    ):
        with pytest.raises(NotVerifiableError, match="exchange"):
            use()
    assert not list(place.iterdir())


def test_a_shared_transit_that_is_not_there_is_no_missing_object(tmp_path: Path) -> None:
    shared = SharedDirectoryTransit(tmp_path / "exchange", "onprem", "cloud")
    with pytest.raises(UnreachableError, match="exchange"):
        shared.get(manifest_name(CROSSING), limit=9)
    with pytest.raises(UnreachableError, match="exchange"):
        shared.put(manifest_name(CROSSING), b"x")
    assert not (tmp_path / "exchange").exists()


def test_what_lies_in_a_shared_transit_is_the_groups_whatever_the_umask(tmp_path: Path) -> None:
    place = tmp_path / "exchange"
    place.mkdir()
    place.chmod(0o2770)
    before = os.umask(0o077)
    try:
        SharedDirectoryTransit(place, "onprem", "cloud").put(chunk_name(CROSSING, ADDRESS), b"x")
    finally:
        os.umask(before)
    below = [*(place / "onprem").rglob("*"), place / "onprem"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in below if path.is_dir()} == {0o2770}
    assert {stat.S_IMODE(path.stat().st_mode) for path in below if path.is_file()} == {0o640}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "transit"


@pytest.fixture
def transit(place: Path) -> DirectoryTransit:
    made = DirectoryTransit(place)
    made.put(manifest_name(CROSSING), b"genuine")
    return made


def test_a_planted_link_to_a_file_is_not_followed(transit: DirectoryTransit, place: Path) -> None:
    secret = place.parent / "secret"
    secret.write_bytes(b"secret")
    path = place / manifest_name(CROSSING)
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(NotVerifiableError, match="link"):
        transit.get(manifest_name(CROSSING), limit=100)


def test_a_planted_link_to_a_folder_is_not_followed(transit: DirectoryTransit, place: Path) -> None:
    outside = place.parent / "outside"
    outside.mkdir()
    (place / crossing_prefix(CROSSING) / "chunks").symlink_to(outside)
    with pytest.raises(NotVerifiableError, match="link"):
        transit.put(chunk_name(CROSSING, ADDRESS), b"x")
    (outside / ADDRESS).write_bytes(b"elsewhere")
    with pytest.raises(NotVerifiableError, match="link"):
        transit.get(chunk_name(CROSSING, ADDRESS), limit=100)
    assert list(outside.iterdir()) == [outside / ADDRESS]


def test_a_transit_that_is_a_link_is_refused(tmp_path: Path, place: Path) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    place.symlink_to(real)
    for use in (
        lambda: DirectoryTransit(place).put(manifest_name(CROSSING), b"x"),
        lambda: DirectoryTransit(place).get(manifest_name(CROSSING), limit=9),
    ):
        with pytest.raises(IsthmusError):
            use()
    assert not list(real.iterdir())


def test_a_pipe_does_not_hang_the_reader(transit: DirectoryTransit, place: Path) -> None:
    path = place / manifest_name(CROSSING)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(NotVerifiableError):
        transit.get(manifest_name(CROSSING), limit=100)


def test_what_grows_while_it_is_read_is_refused(
    transit: DirectoryTransit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes to the folder appends after the reader looked how large the object is."""
    transit.put(manifest_name(CROSSING), b"12345678")
    before = directory._size
    monkeypatch.setattr(directory, "_size", lambda descriptor, limit: before(descriptor, limit) - 1)
    with pytest.raises(NotVerifiableError, match="grew"):
        transit.get(manifest_name(CROSSING), limit=99)
    with pytest.raises(NotVerifiableError, match="grew"):
        transit.get_into(manifest_name(CROSSING), memoryview(bytearray(99)))


def test_what_a_killed_put_left_is_cleared(transit: DirectoryTransit, place: Path) -> None:
    left = place / crossing_prefix(CROSSING) / ".0123456789abcdef"
    left.write_bytes(b"half")
    assert list(transit.names(crossing_prefix(CROSSING))) == [manifest_name(CROSSING)]
    transit.clear(crossing_prefix(CROSSING))
    assert not (place / crossing_prefix(CROSSING)).exists()


def in_a_batch(transit: DirectoryTransit, count: int) -> None:
    with transit.batch() as put:
        for number in range(count):
            put(chunk_name(CROSSING, f"{number:064x}"), b"x" * 100)


def test_objects_of_a_batch_appear_when_they_are_on_disk_and_names_are_flushed_once(
    transit: DirectoryTransit, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks, flushed, real = place / crossing_prefix(CROSSING) / "chunks", Counter[str](), os.fsync

    def fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        flushed[kind] += 1
        if kind == "file":
            appeared = [path for path in chunks.iterdir() if not path.name.startswith(".")]
            assert len(appeared) < flushed["file"]
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    in_a_batch(transit, 20)
    assert flushed == {"file": 20, "folder": 2}, "the folder of chunks was made, and got its names"
    assert len(list(chunks.iterdir())) == 20


@pytest.mark.parametrize("failing", [1, 5, 20, 21])
def test_a_batch_that_the_disk_refuses_fails_and_leaves_nothing_half(
    transit: DirectoryTransit, place: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    transit.put(chunk_name(CROSSING, ADDRESS), b"genuine")
    count, real = iter(range(1, 1000)), os.fsync

    def fsync(descriptor: int) -> None:
        if next(count) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(UnreachableError, match="transit cannot be written"):
            in_a_batch(transit, 20)
    there = list((place / crossing_prefix(CROSSING) / "chunks").iterdir())
    assert {path.stat().st_size for path in there} <= {7, 100}
    assert not [path for path in there if path.name.startswith(".")]
    in_a_batch(transit, 20)
    assert len(list(transit.names(crossing_prefix(CROSSING)))) == 22


def test_a_planted_link_to_a_folder_is_not_followed_by_a_batch(
    transit: DirectoryTransit, place: Path
) -> None:
    outside = place.parent / "outside"
    outside.mkdir()
    (place / crossing_prefix(CROSSING) / "chunks").symlink_to(outside)
    with pytest.raises(NotVerifiableError, match="link"):
        in_a_batch(transit, 3)
    assert not list(outside.iterdir())


def test_objects_and_folders_are_private(transit: DirectoryTransit, place: Path) -> None:
    transit.put(chunk_name(CROSSING, ADDRESS), b"x")
    in_a_batch(transit, 3)
    modes = {path.stat().st_mode & 0o777 for path in place.rglob("*")}
    assert modes == {0o600, 0o700}


def test_a_transit_is_between_two(tmp_path: Path) -> None:
    for source, destination in (("onprem", "onprem"), ("../x", "cloud"), ("onprem", "")):
        with pytest.raises(UsageError):
            open_transit(tmp_path, source, destination)
