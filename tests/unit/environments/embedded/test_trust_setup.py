"""The embedded set-up issues a trust document and pins it; an older home comes over."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError
from environments.embedded.doctor.environment import examine_environment
from environments.embedded.prepare import issue_trust, make_environment, meet_peers
from environments.home import Home
from environments.trust import Authority, load_pinned, peer_identity

NAMES = ("onprem", "cloud", "edge")


def now() -> dt.datetime:
    """Return the time: keys count from the moment that they are made, long after this file was read."""
    return dt.datetime.now(dt.UTC)


def come_up(home: Home, names: tuple[str, ...] = NAMES) -> None:
    folders = [home.environment(name) for name in names]
    identities = {folder.name: make_environment(folder) for folder in folders}
    document = issue_trust(home, identities)
    for folder in folders:
        meet_peers(folder, identities, document)


def versions(home: Home, names: tuple[str, ...] = NAMES) -> set[int]:
    pinned = [load_pinned(home.environment(name)) for name in names]
    return {one.document.version if one else 0 for one in pinned}


def test_the_first_start_makes_one_root_and_pins_one_document(home: Home) -> None:
    come_up(home)
    assert versions(home) == {1}
    assert {path.name for path in (home.secrets / "trust").iterdir()} == {
        ".lock",
        "root.key", "newest.json", "00000001.json",
    }  # fmt: skip
    shown = make_environment(home.environment("edge"))
    known = load_pinned(home.environment("cloud"))
    assert known is not None
    assert known.document.environments["edge"].dask_ca == shown["dask_ca"]
    assert peer_identity(home.environment("cloud"), "edge", now()).to_json().items() <= shown.items()


def test_the_next_start_changes_nothing(home: Home) -> None:
    come_up(home)
    before = {path: path.read_bytes() for path in home.root.rglob("*.json")}
    come_up(home)
    assert {path: path.read_bytes() for path in home.root.rglob("*.json")} == before


def test_a_new_environment_is_taken_up(home: Home) -> None:
    come_up(home, ("onprem", "cloud"))
    with pytest.raises(NotVerifiableError, match="edge"):
        peer_identity(home.environment("cloud"), "edge", now())
    come_up(home)
    assert versions(home) == {2}
    assert peer_identity(home.environment("cloud"), "edge", now()).name == "edge"


def test_a_home_from_before_trust_documents_comes_over_with_its_keys(home: Home) -> None:
    folders = [home.environment(name) for name in NAMES]
    identities = {folder.name: make_environment(folder) for folder in folders}
    for folder in folders:
        meet_peers(folder, identities)  # as it was: peers one by one
        (folder.root / "trust").rmdir()
        path = folder.keys / "identity.key"
        ring = json.loads(path.read_bytes())
        path.write_bytes(
            canonical({"version": 1, "name": folder.name, "pair": ring["pair"]} | ring["generations"][0])
        )
    before = {name: peer_identity(home.environment("onprem"), name, now()) for name in ("cloud", "edge")}
    come_up(home)
    assert versions(home) == {1}
    after = {name: peer_identity(home.environment("onprem"), name, now()) for name in ("cloud", "edge")}
    assert after == before


def test_an_environment_made_anew_under_an_old_name_is_refused(home: Home) -> None:
    come_up(home)
    before = {path: path.read_bytes() for path in home.secrets.rglob("*.json")}
    shutil.rmtree(home.environment("edge").root)
    with pytest.raises(NotVerifiableError, match="edge shows other keys"):
        come_up(home)
    assert {path: path.read_bytes() for path in home.secrets.rglob("*.json")} == before


def test_a_new_root_made_behind_our_back_moves_nobody(home: Home) -> None:
    come_up(home)
    shutil.rmtree(home.secrets / "trust")
    with pytest.raises(NotVerifiableError, match="pinned root"):
        come_up(home)
    assert versions(home) == {1}


def test_the_document_is_renewed_at_half_of_its_life(home: Home) -> None:
    come_up(home)
    authority = Authority(home.secrets / "trust")
    first = authority.need()
    assert authority.settle({}, {}, now() + dt.timedelta(days=180)) == first
    renewed = authority.settle({}, {}, now() + dt.timedelta(days=190))
    assert renewed.document.version == first.document.version + 1
    assert renewed.document.expires > first.document.expires


def test_doctor_tells_of_one_root_and_of_what_was_changed(home: Home) -> None:
    come_up(home)
    folder = home.environment("cloud")
    [found] = [one for one in examine_environment(folder) if one["check"] == "trust"]
    assert found["severity"] == "warning"
    assert "one root key" in found["what"]
    assert "isthmus trust upgrade" in found["remedy"]
    path: Path = folder.trust / "pinned.json"
    path.write_bytes(path.read_bytes()[:-9])
    [found] = [one for one in examine_environment(folder) if one["check"] == "trust"]
    assert (found["severity"], bool(found["remedy"])) == ("error", True)
