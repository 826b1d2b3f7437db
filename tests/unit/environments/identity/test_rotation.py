"""Generations of keys: added beside the old, acting when named, opening what was sealed before."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from trust_builder import Folder

from data_contracts.digest import canonical
from environments.identity import (
    PublicIdentity,
    add_generation,
    create_identity,
    let_act,
    load_identity,
    pending,
)


@pytest.fixture
def cloud(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "cloud")
    create_identity(folder, "cloud")
    return folder


def test_a_new_generation_does_not_act_before_it_is_named(cloud: Folder) -> None:
    old = load_identity(cloud).public
    fresh = add_generation(cloud)
    assert pending(cloud) == fresh
    assert load_identity(cloud).public.key_id == old.key_id
    assert not let_act(cloud, {"sha256:" + "0" * 64})
    assert let_act(cloud, {old.key_id})
    assert load_identity(cloud).public == old
    assert let_act(cloud, {old.key_id, fresh.key_id})
    assert (load_identity(cloud).public, pending(cloud)) == (fresh, None)
    assert PublicIdentity.from_json(json.loads((cloud.keys / "identity.json").read_bytes())) == fresh


def test_what_was_sealed_before_the_rotation_opens_after_it(cloud: Folder) -> None:
    old = load_identity(cloud).public
    sealed = old.wrap(b"k" * 32, info=b"crossing")
    fresh = add_generation(cloud)
    for _ in range(2):
        assert load_identity(cloud).unwrap(sealed, info=b"crossing") == b"k" * 32
        assert load_identity(cloud).unwrap(fresh.wrap(b"j" * 32, info=b"c"), info=b"c") == b"j" * 32
        let_act(cloud, {fresh.key_id})


def test_the_own_past_verifies_after_a_rotation(cloud: Folder) -> None:
    signature = load_identity(cloud).sign(b"head")
    let_act(cloud, {add_generation(cloud).key_id})
    load_identity(cloud).public.verify(b"head", signature)


def test_pair_and_pseudonym_keys_stay(cloud: Folder) -> None:
    before = load_identity(cloud)
    let_act(cloud, {add_generation(cloud).key_id})
    after = load_identity(cloud)
    assert (before.public.pair, before.pseudonym_key()) == (after.public.pair, after.pseudonym_key())


def test_the_file_of_version_1_is_read_and_left_as_it_is_until_a_rotation(cloud: Folder) -> None:
    path = cloud.keys / "identity.key"
    now = json.loads(path.read_bytes())
    old = {"version": 1, "name": "cloud", "pair": now["pair"]} | now["generations"][0]
    public = load_identity(cloud).public
    path.write_bytes(canonical(old))
    assert create_identity(cloud, "cloud") == public
    assert json.loads(path.read_bytes()) == old
    add_generation(cloud)
    changed = json.loads(path.read_bytes())
    assert (changed["version"], len(changed["generations"]), changed["acting"]) == (2, 2, 1)
    assert load_identity(cloud).public == public
