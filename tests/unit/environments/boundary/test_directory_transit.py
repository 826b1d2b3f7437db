"""The transit in a directory: the suite, and what only a file system can be attacked with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from transit_suite import ADDRESS, CROSSING, TransitSuite

from data_contracts.errors import IsthmusError, NotVerifiableError, UsageError
from environments.boundary.transit import (
    DirectoryTransit,
    Transit,
    chunk_name,
    crossing_prefix,
    manifest_name,
    open_transit,
)


class TestDirectoryTransit(TransitSuite):
    def open_transit(self, place: Path) -> Transit:
        return DirectoryTransit(place)


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


def test_what_a_killed_put_left_is_cleared(transit: DirectoryTransit, place: Path) -> None:
    left = place / crossing_prefix(CROSSING) / ".0123456789abcdef"
    left.write_bytes(b"half")
    assert list(transit.names(crossing_prefix(CROSSING))) == [manifest_name(CROSSING)]
    transit.clear(crossing_prefix(CROSSING))
    assert not (place / crossing_prefix(CROSSING)).exists()


def test_objects_and_folders_are_private(transit: DirectoryTransit, place: Path) -> None:
    transit.put(chunk_name(CROSSING, ADDRESS), b"x")
    modes = {path.stat().st_mode & 0o777 for path in place.rglob("*")}
    assert modes == {0o600, 0o700}


def test_a_transit_is_between_two(tmp_path: Path) -> None:
    for source, destination in (("onprem", "onprem"), ("../x", "cloud"), ("onprem", "")):
        with pytest.raises(UsageError):
            open_transit(tmp_path, source, destination)
