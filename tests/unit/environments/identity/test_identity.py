"""One environment's keys and pinned peers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError, UsageError
from environments.identity import (
    PublicIdentity,
    create_identity,
    load_identity,
    load_peer,
    load_peers,
    pin_peer,
)


@dataclass(frozen=True)
class Folder:
    root: Path

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def peers(self) -> Path:
        return self.root / "peers"


@pytest.fixture
def onprem(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "onprem")
    create_identity(folder, "onprem")
    return folder


@pytest.fixture
def cloud(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "cloud")
    create_identity(folder, "cloud")
    return folder


def test_made_twice_is_the_same(onprem: Folder) -> None:
    before = {path: path.read_bytes() for path in onprem.keys.iterdir()}
    create_identity(onprem, "onprem")
    assert {path: path.read_bytes() for path in onprem.keys.iterdir()} == before


def test_a_folder_keeps_one_environments_keys(onprem: Folder) -> None:
    with pytest.raises(UsageError, match="onprem"):
        create_identity(onprem, "cloud")


def test_files_are_private(onprem: Folder) -> None:
    assert onprem.keys.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in onprem.keys.iterdir()} == {0o600}


def test_no_key_in_repr(onprem: Folder) -> None:
    identity = load_identity(onprem)
    assert repr(identity) == "Identity(name='onprem')"
    assert repr(identity.public) == "PublicIdentity(name='onprem')"


def test_public_identity_survives_json(onprem: Folder) -> None:
    public = load_identity(onprem).public
    assert PublicIdentity.from_json(public.to_json()) == public


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"name": "../evil"},
        {"signing": "AAAA"},
        {"signing": 7},
        {"pair": "A" * 43 + "!"},
        {"extra": 1},
    ],
)
def test_a_public_identity_has_one_form(onprem: Folder, change: dict[str, object]) -> None:
    document = load_identity(onprem).public.to_json() | change
    with pytest.raises(NotVerifiableError):
        PublicIdentity.from_json(document)


def test_signature_verifies_and_no_other(onprem: Folder, cloud: Folder) -> None:
    identity = load_identity(onprem)
    signature = identity.sign(b"payload")
    identity.public.verify(b"payload", signature)
    for payload, key in ((b"payloae", identity.public), (b"payload", load_identity(cloud).public)):
        with pytest.raises(NotVerifiableError):
            key.verify(payload, signature)


def test_only_the_named_peer_unwraps_and_only_with_the_same_info(onprem: Folder, cloud: Folder) -> None:
    sealed = load_identity(cloud).public.wrap(b"k" * 32, info=b"one")
    assert load_identity(cloud).unwrap(sealed, info=b"one") == b"k" * 32
    for folder, info in ((onprem, b"one"), (cloud, b"two")):
        with pytest.raises(NotVerifiableError):
            load_identity(folder).unwrap(sealed, info=info)


def test_pair_key_is_shared_and_directed(onprem: Folder, cloud: Folder) -> None:
    a, b = load_identity(onprem), load_identity(cloud)
    there = a.pair_key(b.public, source="onprem", destination="cloud")
    assert there == b.pair_key(a.public, source="onprem", destination="cloud")
    assert there != a.pair_key(b.public, source="cloud", destination="onprem")


def test_a_pinned_peer_is_never_replaced(tmp_path: Path, onprem: Folder, cloud: Folder) -> None:
    genuine = load_identity(cloud).public
    pin_peer(onprem, genuine)
    pin_peer(onprem, genuine)
    impostor = create_identity(Folder(tmp_path / "impostor"), "cloud")
    with pytest.raises(NotVerifiableError, match="other keys"):
        pin_peer(onprem, impostor)
    assert load_peers(onprem) == {"cloud": genuine}


def test_unknown_peer(onprem: Folder) -> None:
    with pytest.raises(NotVerifiableError, match="edge"):
        load_peer(onprem, "edge")


def test_a_key_that_others_could_replace_is_refused(onprem: Folder) -> None:
    (onprem.keys / "identity.key").chmod(0o640)
    with pytest.raises(NotVerifiableError, match="others"):
        load_identity(onprem)


def test_a_linked_key_is_refused(onprem: Folder, cloud: Folder) -> None:
    key = onprem.keys / "identity.key"
    key.unlink()
    key.symlink_to(cloud.keys / "identity.key")
    with pytest.raises(NotVerifiableError):
        load_identity(onprem)


def test_a_damaged_key_is_refused_and_not_replaced(onprem: Folder) -> None:
    key = onprem.keys / "identity.key"
    key.write_bytes(key.read_bytes()[:-20])
    with pytest.raises(NotVerifiableError, match="not an identity"):
        create_identity(onprem, "onprem")


def test_a_lost_pseudonym_key_is_not_silently_replaced(onprem: Folder) -> None:
    (onprem.keys / "pseudonym.key").unlink()
    with pytest.raises(UsageError, match=r"pseudonym\.key"):
        create_identity(onprem, "onprem")
