"""The table of random codes: one value, one code, for ever, and nothing to read in the file."""

from __future__ import annotations

import pickle
import sqlite3
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError
from environments.codes import LocalCodes, open_codes
from environments.home import EnvironmentFolder, Home
from environments.identity import create_identity

VALUES = [f"Sentinel-{index:04d}".encode() for index in range(1200)]


@pytest.fixture
def folder(tmp_path: Path) -> EnvironmentFolder:
    made = Home(tmp_path / "home").create().environment("onprem").create()
    create_identity(made, "onprem")
    return made


def path_of(folder: EnvironmentFolder) -> Path:
    return folder.root / "codes" / "codes.sqlite"


def assigned(table: LocalCodes) -> list[bytes]:
    return table.assign(b"domain", VALUES)


def test_a_value_has_one_code_in_one_domain_for_ever(folder: EnvironmentFolder) -> None:
    first = open_codes(folder).assign(b"a", [b"x", b"y", b"x"])
    assert first[0] == first[2] != first[1]
    assert all(len(code) == 16 for code in first)
    assert open_codes(folder).assign(b"a", [b"y", b"x"]) == [first[1], first[0]]
    assert open_codes(folder).assign(b"b", [b"x"])[0] not in first
    assert open_codes(folder).find(b"a", [b"x", b"z"]) == [first[0], None]
    assert open_codes(folder).find(b"a", [b"z"]) == [None]


def test_codes_are_drawn_not_computed(tmp_path: Path) -> None:
    seen = set()
    for name in ("one", "two"):
        folder = Home(tmp_path / name).create().environment("onprem").create()
        create_identity(folder, "onprem")
        (folder.keys / "pseudonym.key").unlink()
        key = folder.keys / "pseudonym.key"
        key.touch(0o600)
        key.write_bytes(bytes(range(32)))  # The same key, the same value, the same domain.
        seen.update(open_codes(folder).assign(b"a", [b"x"]))
    assert len(seen) == 2


def test_processes_that_ask_at_once_get_the_same_codes(folder: EnvironmentFolder) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        answers = list(pool.map(assigned, [open_codes(folder)] * 3))
    assert answers[0] == answers[1] == answers[2]
    assert len(set(answers[0])) == len(VALUES)


@pytest.mark.attack
def test_the_file_is_its_owners_and_tells_no_value(folder: EnvironmentFolder) -> None:
    assigned(open_codes(folder))
    assert stat.S_IMODE(path_of(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE(path_of(folder).parent.stat().st_mode) == 0o700
    assert b"Sentinel" not in path_of(folder).read_bytes()
    path_of(folder).chmod(0o644)
    with pytest.raises(NotVerifiableError):
        open_codes(folder).find(b"domain", VALUES[:1])


def test_it_travels_without_its_keys(folder: EnvironmentFolder) -> None:
    table = open_codes(folder)
    made = assigned(table)
    sent = pickle.dumps(table)
    assert (folder.keys / "pseudonym.key").read_bytes() not in sent
    assert assigned(pickle.loads(sent)) == made  # noqa: S301 - ours
    assert "key" not in repr(table)


def test_codes_are_turned_back_in_their_own_domain_only(folder: EnvironmentFolder) -> None:
    table = open_codes(folder)
    codes = assigned(table)
    assert table.originals(b"domain", codes) == dict(zip(codes, VALUES, strict=True))
    assert table.originals(b"another", codes) == {}
    assert table.originals(b"domain", [bytes(16)]) == {}


@pytest.mark.attack
def test_an_altered_table_is_seen(folder: EnvironmentFolder) -> None:
    codes = assigned(open_codes(folder))
    with sqlite3.connect(path_of(folder)) as table:
        # Two entries exchange what they hold.
        [(one, first), (two, second)] = table.execute("SELECT place, sealed FROM codes LIMIT 2")
        table.execute("UPDATE codes SET sealed = ? WHERE place = ?", (second, one))
        table.execute("UPDATE codes SET sealed = ? WHERE place = ?", (first, two))
    table.close()
    with pytest.raises(NotVerifiableError, match="damaged"):
        open_codes(folder).originals(b"domain", codes)
    path_of(folder).write_bytes(b"no table" * 1000)
    with pytest.raises(NotVerifiableError, match="damaged"):
        open_codes(folder).find(b"domain", VALUES)


@pytest.mark.attack
def test_a_link_in_the_tables_place_is_not_followed(folder: EnvironmentFolder, tmp_path: Path) -> None:
    path_of(folder).parent.mkdir(mode=0o700)
    path_of(folder).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotVerifiableError):
        assigned(open_codes(folder))
    assert not (tmp_path / "elsewhere").exists()
