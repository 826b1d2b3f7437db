"""Attacks with what asks for new keys of an environment that joined: forged, replayed, of a stolen key.

What is refused leaves the home that issues the trust document as it was, byte for byte.
"""

from __future__ import annotations

import datetime as dt
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from joining_forgery import member, own_signer, payload, refused, signed_anew, stranger, unsigned
from joining_world import RIGHT, JoiningWorld, Refused

from environments.encoding import encode
from environments.folder import EnvironmentFolder
from environments.identity import load_identity
from environments.identity.keys import load_keyring
from environments.trust import Authority, load_pinned
from environments.trust.changing import revoked

pytestmark = [pytest.mark.attack, pytest.mark.xdist_group("joining")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JoiningWorld]:
    with JoiningWorld(tmp_path_factory.mktemp("renewals")) as made:
        yield made


@pytest.fixture
def host(world: JoiningWorld) -> str:
    """Return a home that cloud has joined."""
    host = world.host(f"host-{secrets.token_hex(4)}")
    world.joined(host, member(host), "cloud")
    return host


def cloud(world: JoiningWorld, host: str) -> EnvironmentFolder:
    return EnvironmentFolder(world.home(member(host)) / "environments" / "cloud")


def told(world: JoiningWorld, host: str, tmp_path: Path) -> int:
    """Carry the newest trust document to the home that joined."""
    newest = tmp_path / f"{secrets.token_hex(4)}.json"
    newest.write_text(world.ask("newest", host))
    version: int = world.ask("update", member(host), file=newest)
    return version


def test_new_keys_act_once_the_document_names_them(world: JoiningWorld, host: str, tmp_path: Path) -> None:
    old = load_identity(cloud(world, host)).public.signing
    renewal = world.rotate(member(host), "cloud")
    # Asked for twice: the same keys; and the old ones sign until the document is here.
    assert payload(world.rotate(member(host), "cloud").raw)["public"] == payload(renewal.raw)["public"]
    assert world.ask("renew", host, file=renewal.path, fingerprint=renewal.fingerprint) == 3
    assert load_keyring(cloud(world, host)).acting_number == 1
    assert told(world, host, tmp_path) == 3
    assert load_keyring(cloud(world, host)).acting_number == 2
    pinned = load_pinned(EnvironmentFolder(world.home(host) / "environments" / "onprem"))
    assert pinned is not None
    known = [key.public for key in pinned.document.environments["cloud"].signing]
    assert known == [old, load_identity(cloud(world, host)).public.signing]


def test_a_renewal_that_was_changed_or_that_another_signed(world: JoiningWorld, host: str) -> None:
    renewal = world.rotate(member(host), "cloud")
    before = world.files(host)
    public, own = payload(renewal.raw)["public"], own_signer(world, member(host), "cloud")
    for raw in (
        unsigned(renewal.raw, issued="2026-11-29T00:00:00Z"),
        unsigned(renewal.raw, public=public | {"name": "onprem"}),
        signed_anew(renewal.raw, stranger()),
        signed_anew(renewal.raw, own_signer(world, host, "onprem")),
        # By the environment's genuine key: what it asks for, it asks for itself alone.
        signed_anew(renewal.raw, own, public=public | {"name": "onprem"}),
    ):
        with refused("signature"):
            world.ask("renew", host, file=renewal.changed(raw).path, fingerprint=RIGHT)
    for raw in (b"", renewal.raw[:-2], renewal.raw + b"\n"):
        with refused("shape"):
            world.ask("renew", host, file=renewal.changed(raw).path, fingerprint=RIGHT)
    assert world.files(host) == before


def test_a_thief_of_the_old_key_asks_for_keys_of_its_own(world: JoiningWorld, host: str) -> None:
    """It signs well; but the person at the environment reads no such fingerprint."""
    genuine = world.rotate(member(host), "cloud")
    thief = own_signer(world, member(host), "cloud")
    theirs = payload(genuine.raw)["public"] | {"signing": thiefs_key()}
    forged = genuine.changed(signed_anew(genuine.raw, thief, public=theirs))
    before = world.files(host)
    with refused("fingerprint"):
        world.ask("renew", host, file=forged.path, fingerprint=genuine.fingerprint)
    with pytest.raises(Refused, check=lambda error: error.code == 2):
        world.ask("renew", host, file=forged.path, fingerprint="")
    assert world.files(host) == before


def thiefs_key() -> str:
    """Return a public key of the thief's, as files show it."""
    return encode(stranger().public)


def test_a_renewal_with_another_pair_key(world: JoiningWorld, host: str) -> None:
    renewal = world.rotate(member(host), "cloud")
    signer = own_signer(world, member(host), "cloud")
    public = payload(renewal.raw)["public"] | {"pair": thiefs_key()}
    before = world.files(host)
    with refused("keys"):
        changed = renewal.changed(signed_anew(renewal.raw, signer, public=public))
        world.ask("renew", host, file=changed.path, fingerprint=RIGHT)
    assert world.files(host) == before


def test_a_renewal_that_is_old_or_was_taken(world: JoiningWorld, host: str) -> None:
    renewal = world.rotate(member(host), "cloud")
    before = world.files(host)
    with refused("expired"):
        world.ask("renew", host, file=renewal.path, fingerprint=RIGHT, later=8 * 86400)
    early = world.rotate(member(host), "cloud", later=3600)
    with refused("early"):
        world.ask("renew", host, file=early.path, fingerprint=RIGHT)
    assert world.files(host) == before
    world.ask("renew", host, file=renewal.path, fingerprint=RIGHT)
    before = world.files(host)
    with refused("used"):
        world.ask("renew", host, file=renewal.path, fingerprint=RIGHT)
    assert world.files(host) == before


def test_a_renewal_under_a_key_that_was_revoked(world: JoiningWorld, host: str) -> None:
    """The key was stolen and revoked; what it signed asks for nothing any more."""
    renewal = world.rotate(member(host), "cloud")
    authority = Authority(world.home(host) / "secrets" / "trust")
    now = dt.datetime.now(dt.UTC)
    key = load_identity(cloud(world, host)).public.key_id
    authority.issue(revoked(authority.need().document, "cloud", key, now), now)
    before = world.files(host)
    with refused("signature"):
        world.ask("renew", host, file=renewal.path, fingerprint=RIGHT)
    assert world.files(host) == before
