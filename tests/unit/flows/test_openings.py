"""What a deploy remembers, and what it will not do without a word."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError, UsageError
from environments.home import Home
from environments.site import Site
from flows.cli.init import write_site
from flows.deployment.openings import CrossingsOpenedError, guard, remember, remember_first

CONTRACT = "data_contracts/clinic.readings.odcs.yaml"
ID = "clinic.readings:cloud:statistics"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_site(tmp_path / "site")
    return tmp_path / "site"


def changed(root: Path, file: str, old: str, new: str) -> Site:
    path = root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return Site.load(root)


def deployed(home: Home, root: Path) -> None:
    remember(home, guard(home, Site.load(root), ()))


def test_the_first_deploy_asks_for_nothing_and_remembers(home: Home, root: Path) -> None:
    deployed(home, root)
    assert guard(home, Site.load(root), ()).news == ()
    assert (home.system / "crossings.json").stat().st_mode & 0o777 == 0o600


def test_a_start_is_the_first_deploy_and_no_later_one(home: Home, root: Path) -> None:
    remember_first(home, Site.load(root))
    site = changed(root, CONTRACT, "patient_name: drop", "patient_name: {pseudonymise: {}}")
    remember_first(home, site)
    with pytest.raises(CrossingsOpenedError):
        guard(home, site, ())


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (CONTRACT, "patient_name: drop", "patient_name: {pseudonymise: {}}", "column patient_name"),
        (CONTRACT, "age: {generalise: {bands: [0, 18, 40, 65, 90]}}", "age: keep", "which crossed as"),
        ("environments/onprem.yaml", "purposes: [statistics]", 'purposes: [statistics, "*"]', None),
        ("environments/cloud.yaml", "clearance: confidential", "clearance: restricted", None),
    ],
)
def test_what_opens_a_crossing_blocks_until_it_is_acknowledged_by_name(
    home: Home, root: Path, file: str, old: str, new: str, reason: str | None
) -> None:
    deployed(home, root)
    site = changed(root, file, old, new)
    if reason is None:  # A wider rule that opens nothing for this contract.
        assert guard(home, site, ()).news == ()
        return
    before = (home.system / "crossings.json").read_bytes()
    with pytest.raises(CrossingsOpenedError) as caught:
        guard(home, site, ())
    assert (caught.value.exit_code, reason in str(caught.value), ID in caught.value.remedy) == (3, True, True)
    assert (home.system / "crossings.json").read_bytes() == before
    remember(home, guard(home, site, (ID,)))
    assert guard(home, site, ()).news == ()


def test_a_profile_can_open_a_crossing_as_well(home: Home, root: Path) -> None:
    changed(root, "environments/cloud.yaml", "from: [onprem]", "from: [elsewhere]")
    deployed(home, root)
    site = changed(root, "environments/cloud.yaml", "from: [elsewhere]", "from: [onprem]")
    with pytest.raises(CrossingsOpenedError, match="nothing could cross there"):
        guard(home, site, ())


def test_closing_needs_nobodys_word_and_opening_again_does(home: Home, root: Path) -> None:
    deployed(home, root)
    shutil.rmtree(root / "data_contracts")
    remember(home, guard(home, Site.load(root), ()))
    write_site(root.parent / "again")
    shutil.copytree(root.parent / "again" / "data_contracts", root / "data_contracts")
    with pytest.raises(CrossingsOpenedError):
        guard(home, Site.load(root), ())


def test_acknowledging_what_is_not_new_is_a_typing_error(home: Home, root: Path) -> None:
    deployed(home, root)
    with pytest.raises(UsageError, match="not a crossing that became possible"):
        guard(home, Site.load(root), (ID,))


@pytest.mark.attack
@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"version": 2, "crossings": []}', '{"version": 1, "crossings": [1]}']
)
def test_a_record_that_cannot_be_read_blocks(home: Home, root: Path, text: str) -> None:
    deployed(home, root)
    path = home.system / "crossings.json"
    path.write_text(text)
    with pytest.raises(NotVerifiableError):
        guard(home, Site.load(root), ())
    assert path.read_text() == text
