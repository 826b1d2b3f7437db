from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.home import STATE_VERSION, EnvironmentFolder, Home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_is_private_and_its_parents_keep_their_modes(tmp_path: Path) -> None:
    parent = tmp_path / "shared"
    parent.mkdir()
    parent.chmod(0o755)
    before = os.umask(0)
    try:
        home = Home(parent / "deep" / "home").create()
        home.environment("cloud").create()
    finally:
        os.umask(before)
    assert mode(parent) == 0o755
    inside = [home.root, *home.root.rglob("*")]
    assert all(mode(path) == (0o700 if path.is_dir() else 0o600) for path in inside)
    assert (home.root / "STATE_VERSION").read_text() == f"{STATE_VERSION}\n"


def test_creating_twice_is_one_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    home.write_state({"port": 1})
    assert Home(tmp_path / "home").create().check().read_state() == {"port": 1}
    assert mode(home.system / "state.json") == 0o600


def test_an_empty_folder_of_our_own_is_taken_and_made_private(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    Home(tmp_path / "home").create()
    assert mode(tmp_path / "home") == 0o700


def test_a_folder_with_other_files_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)
    (tmp_path / "home" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not Isthmus"):
        Home(tmp_path / "home").create()
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.txt"]
    assert mode(tmp_path / "home") == 0o755


@pytest.mark.parametrize(("found", "word"), [("0", "an older"), ("2", "a newer")])
def test_state_of_another_version_is_recognised_and_left_alone(tmp_path: Path, found: str, word: str) -> None:
    home = Home(tmp_path / "home").create()
    (home.root / "STATE_VERSION").write_text(found)
    for call in (home.create, home.check):
        with pytest.raises(UsageError, match=word):
            call()
    assert (home.root / "STATE_VERSION").read_text() == found


def test_a_damaged_mark_is_not_guessed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    (home.root / "STATE_VERSION").write_text("one")
    with pytest.raises(NotVerifiableError):
        home.check()


def test_a_home_that_others_may_open_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    home.root.chmod(0o750)
    with pytest.raises(NotVerifiableError, match="others may open"):
        home.create()
    assert mode(home.root) == 0o750


@pytest.mark.attack
def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    home.environments.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    home.environments.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotVerifiableError, match="symbolic link"):
        home.create()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.attack
@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", "A", "a.b", "x" * 64])
def test_names_are_checked_before_they_are_paths(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(UsageError):
        home.environment(name)
    with pytest.raises(UsageError):
        home.transit(name, "cloud")
    with pytest.raises(UsageError):
        home.transit("cloud", name)


def test_a_home_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as caught:
        Home(tmp_path / "home").check()
    assert "isthmus up" in caught.value.remedy
    with pytest.raises(UnreachableError):
        Home(tmp_path / "home").environment("cloud").check()
    assert not (tmp_path / "home").exists()


def test_a_transit_has_two_ends(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert home.transit("a", "b") != home.transit("b", "a")
    with pytest.raises(UsageError):
        home.transit("a", "a")


def test_an_environments_folder_leads_nowhere_else(tmp_path: Path) -> None:
    folder = EnvironmentFolder(tmp_path / "cloud").create()
    named = [getattr(folder, part) for part in ("store", "keys", "ledger", "run", "peers", "tmp", "prefect")]
    assert all(path.is_dir() and path.parent == folder.root for path in named)
    assert folder.name == "cloud"


def test_run_state_that_is_not_ours_is_not_believed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    assert home.read_state() == {}
    home.write_state({"port": 1})
    (home.system / "state.json").write_text("[1")
    with pytest.raises(NotVerifiableError):
        home.read_state()
    home.write_state({"port": 1})
    (home.system / "state.json").chmod(0o644)
    with pytest.raises(NotVerifiableError):
        home.read_state()


def test_two_homes_of_which_one_is_a_prefix_are_two(tmp_path: Path) -> None:
    one, two = Home(tmp_path / "home").create(), Home(tmp_path / "home2").create()
    one.write_state({"port": 1})
    assert two.read_state() == {}
