"""Attacks with the invitation by which an environment joins: changed, forged, too late, used twice.

What is refused leaves both homes as they were, byte for byte.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
import joining_world
from joining_forgery import member, own_signer, payload, refused, signed_anew, stranger, unsigned
from joining_world import RIGHT, JoiningWorld, Refused

from data_contracts.digest import canonical
from environments.encoding import decode, encode

pytestmark = [pytest.mark.attack, pytest.mark.xdist_group("joining")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JoiningWorld]:
    """Return a world with one host that has invited nobody; each test takes names of homes of its own."""
    with JoiningWorld(tmp_path_factory.mktemp("joining")) as made:
        yield made


@pytest.fixture
def host(world: JoiningWorld) -> str:
    return world.host(f"host-{secrets.token_hex(4)}")


# The invitation


def test_an_invitation_that_was_changed(world: JoiningWorld, host: str) -> None:
    genuine = world.invite(host, "cloud")
    changes: list[tuple[str, Any]] = [
        ("name", "edge"),
        ("inviter", "edge"),
        ("expires", "2026-12-24T00:00:00Z"),
        ("api", "https://elsewhere.example.org/api"),
        ("declared", payload(genuine.raw)["declared"] | {"clearance": "restricted"}),
        ("nonce", "0" * 32),
    ]
    for key, value in changes:
        with pytest.raises(Refused, check=lambda error: error.code == 4):
            world.join(member(host), genuine.changed(unsigned(genuine.raw, **{key: value})))
    for at in range(0, len(genuine.raw), len(genuine.raw) // 40):
        raw = bytearray(genuine.raw)
        raw[at] ^= 1
        with pytest.raises(Refused, check=lambda error: error.code == 4):
            world.join(member(host), genuine.changed(bytes(raw)))
    for raw in (b"", b"{}", b"[" * 100_000, genuine.raw[:-1], genuine.raw + b" ", genuine.raw * 100):
        with refused("shape"):
            world.join(member(host), genuine.changed(raw))
    assert not world.home(member(host)).exists()


def test_an_invitation_that_a_stranger_signed_in_the_inviters_name(world: JoiningWorld, host: str) -> None:
    genuine = world.invite(host, "cloud")
    with refused("signature"):
        world.join(member(host), genuine.changed(signed_anew(genuine.raw, stranger())))
    assert not world.home(member(host)).exists()


def test_an_invitation_with_a_trust_document_that_its_roots_did_not_sign(
    world: JoiningWorld, host: str
) -> None:
    genuine = world.invite(host, "cloud")
    trust = json.loads(decode(payload(genuine.raw)["trust"], what="trust"))
    trust["signatures"] = []
    changed = signed_anew(genuine.raw, own_signer(world, host, "onprem"), trust=encode(canonical(trust)))
    with refused("trust"):
        world.join(member(host), genuine.changed(changed))
    assert not world.home(member(host)).exists()


def test_an_invitation_after_its_end(world: JoiningWorld, host: str) -> None:
    invitation = world.invite(host, "cloud", lasts=60)
    with refused("expired"):
        world.join(member(host), invitation, later=61)
    assert not world.home(member(host)).exists()


def test_an_answer_after_the_end_of_its_invitation(world: JoiningWorld, host: str) -> None:
    answer = world.join(member(host), world.invite(host, "cloud", lasts=60))
    before = world.files(host)
    with refused("expired"):
        world.admit(host, answer, answer.fingerprint, later=61)
    assert world.files(host) == before
    assert world.ask("list", host, later=61)["cloud"] == "expired"
    # Nothing is lost: a new invitation, and another home of the same environment.
    again = world.join(f"{member(host)}-2", world.invite(host, "cloud", later=61), later=61)
    world.admit(host, again, again.fingerprint, later=61)


def test_an_invitation_from_the_future(world: JoiningWorld, host: str) -> None:
    invitation = world.invite(host, "cloud", later=3600)
    with refused("early"):
        world.join(member(host), invitation)
    assert not world.home(member(host)).exists()


def test_an_invitation_for_a_name_that_the_site_does_not_declare(
    world: JoiningWorld, host: str, tmp_path: Path
) -> None:
    invitation = world.invite(host, "cloud")
    shipped = Path(joining_world.__file__).parents[2] / "environments" / "profiles"
    (tmp_path / "environments").mkdir()
    declared = (shipped / "onprem.yaml").read_text().replace("name: onprem", "name: other")
    (tmp_path / "environments" / "other.yaml").write_text(declared)
    with pytest.raises(Refused, match="cloud", check=lambda error: error.code == 2):
        world.join(member(host), invitation, site=tmp_path)
    assert not world.home(member(host)).exists()


def test_an_invitation_for_an_environment_that_the_site_declares_otherwise(
    world: JoiningWorld, host: str, tmp_path: Path
) -> None:
    """Else a site would be talked into a clearance for which nothing was meant."""
    invitation = world.invite(host, "edge")
    shipped = Path(joining_world.__file__).parents[2] / "environments" / "profiles"
    (tmp_path / "environments").mkdir()
    for path in shipped.glob("*.yaml"):
        text = path.read_text()
        if path.stem == "edge":
            text = text.replace("kind: edge", "kind: onprem")
        (tmp_path / "environments" / path.name).write_text(text)
    with pytest.raises(Refused, match="declares another kind", check=lambda error: error.code == 2):
        world.join(member(host), invitation, site=tmp_path)
    assert not world.home(member(host)).exists()


def test_an_invitation_for_an_environment_that_has_keys_already(world: JoiningWorld, host: str) -> None:
    """Whoever holds the inviter's key would have another machine answer in a known environment's name."""
    genuine = world.invite(host, "cloud")
    forged = signed_anew(genuine.raw, own_signer(world, host, "onprem"), name="onprem")
    with refused("name"):
        world.join(member(host), genuine.changed(forged))
    assert not world.home(member(host)).exists()


# Used twice


def test_an_invitation_that_two_homes_answer(world: JoiningWorld, host: str) -> None:
    invitation = world.invite(host, "cloud")
    first, second = (world.join(f"{member(host)}-{number}", invitation) for number in (1, 2))
    world.admit(host, first, first.fingerprint)
    before = world.files(host)
    with refused("used"):
        world.admit(host, second, second.fingerprint)
    assert world.files(host) == before


def test_an_invitation_that_is_taken_up_again_by_a_member(world: JoiningWorld, host: str) -> None:
    invitation = world.invite(host, "cloud")
    answer = world.join(member(host), invitation)
    world.complete(member(host), world.admit(host, answer, RIGHT), RIGHT)
    before = world.files(member(host))
    with refused("used"):
        world.join(member(host), invitation)
    assert world.files(member(host)) == before


def test_two_admissions_at_once(world: JoiningWorld, host: str) -> None:
    """Each in a process of its own, with a fingerprint that is right: one environment, one answer."""
    invitation = world.invite(host, "cloud")
    answers = [world.join(f"{member(host)}-{number}", invitation) for number in (1, 2)]
    children = [
        subprocess.Popen(
            [sys.executable, "-P", joining_world.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in answers
    ]
    for child, answer in zip(children, answers, strict=True):
        assert child.stdin is not None
        wish = {"what": "admit", "home": str(world.home(host)), "file": str(answer.path)}
        child.stdin.write(json.dumps(wish | {"to": f"{answer.path}.to", "fingerprint": RIGHT}) + "\n")
    told = [json.loads(child.communicate(timeout=60)[0]) for child in children]
    done, lost = sorted(told, key=lambda one: "refused" in one)
    assert done == {"done": 2}
    assert (lost["refused"]["kind"], lost["refused"]["code"]) in [
        ("ConflictError", 7),
        ("JoiningRefusedError", 4),
    ]
    assert len(list((world.home(host) / "secrets" / "trust").glob("0*.json"))) == 2


def test_a_withdrawn_invitation(world: JoiningWorld, host: str) -> None:
    answer = world.join(member(host), world.invite(host, "cloud"))
    world.ask("withdraw", host, name="cloud")
    before = world.files(host)
    with refused("withdrawn"):
        world.admit(host, answer, answer.fingerprint)
    assert world.files(host) == before
