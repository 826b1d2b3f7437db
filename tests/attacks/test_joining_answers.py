"""Attacks with what answers an invitation, and what admits: exchanged on its way, forged, of another home.

What is refused leaves both homes as they were, byte for byte.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from joining_forgery import member, own_signer, payload, refused, signed_anew, stranger, unsigned
from joining_world import RIGHT, SECRET, File, JoiningWorld, Refused

from environments.encoding import decode, encode
from environments.folder import EnvironmentFolder

pytestmark = [pytest.mark.attack, pytest.mark.xdist_group("joining")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JoiningWorld]:
    """Return a world with one host that has invited nobody; each test takes names of homes of its own."""
    with JoiningWorld(tmp_path_factory.mktemp("joining")) as made:
        yield made


@pytest.fixture
def host(world: JoiningWorld) -> str:
    return world.host(f"host-{secrets.token_hex(4)}")


# Exchanged on the way


def test_an_answer_that_was_exchanged_is_not_what_the_other_side_reads(
    world: JoiningWorld, host: str
) -> None:
    """Whoever reads the invitation can answer it; the fingerprint is that of the genuine answer alone."""
    invitation = world.invite(host, "cloud")
    genuine, forged = world.join(member(host), invitation), world.join(f"{member(host)}-evil", invitation)
    before = world.files(host)
    with refused("fingerprint"):
        world.admit(host, forged, genuine.fingerprint)
    assert world.files(host) == before
    world.admit(host, genuine, genuine.fingerprint)


def test_an_invitation_that_was_exchanged_is_not_what_the_other_side_reads(
    world: JoiningWorld, host: str
) -> None:
    """An attacker with a system of its own invites in our name, and answers our genuine one itself."""
    evil = world.host(f"{host}-evil")
    theirs = world.join(member(host), world.invite(evil, "cloud"))
    ours = world.join(f"{member(host)}-evil", world.invite(host, "cloud"))
    assert theirs.fingerprint != ours.fingerprint
    before = world.files(host, member(host))
    with refused("foreign"):
        world.admit(host, theirs, theirs.fingerprint)
    with refused("fingerprint"):
        world.admit(host, ours, theirs.fingerprint)
    # The attacker admits whom it deceived; the person there hears another fingerprint from us.
    admission = world.admit(evil, theirs, theirs.fingerprint)
    with refused("fingerprint"):
        world.complete(member(host), admission, ours.fingerprint)
    assert world.files(host, member(host)) == before


def test_nobody_says_that_the_fingerprint_is_right(world: JoiningWorld, host: str) -> None:
    answer = world.join(member(host), world.invite(host, "cloud"))
    before = world.files(host)
    for given in ("", " ".join(answer.fingerprint.split()[:-1]), "00000 " * 12):
        with pytest.raises(Refused, check=lambda error: error.code in (2, 4)):
            world.admit(host, answer, given)
    assert world.files(host) == before
    admission = world.admit(host, answer, answer.fingerprint)
    before = world.files(member(host))
    with pytest.raises(Refused, check=lambda error: error.code == 2):
        world.complete(member(host), admission, "")
    assert world.files(member(host)) == before


def test_an_answer_that_was_changed(world: JoiningWorld, host: str) -> None:
    answer = world.join(member(host), world.invite(host, "cloud"))
    other = payload(world.join(f"{member(host)}-2", world.invite(host, "edge")).raw)["public"]
    before = world.files(host)
    for key, value in {
        "nonce": "0" * 32,
        "invitation": f"sha256:{'0' * 64}",
        "public": other,
        "dask_ca": f"sha256:{'0' * 64}",
    }.items():
        with refused("signature"):
            world.admit(host, answer.changed(unsigned(answer.raw, **{key: value})), RIGHT)
    with refused("signature"):
        world.admit(host, answer.changed(signed_anew(answer.raw, stranger())), RIGHT)
    assert world.files(host) == before


def test_an_answer_under_another_environments_name(world: JoiningWorld, host: str) -> None:
    """The invitation is for cloud; whoever answers would rather be edge."""
    answer = world.join(member(host), world.invite(host, "cloud"))
    public = payload(answer.raw)["public"] | {"name": "edge"}
    signer = own_signer(world, member(host), "cloud")
    before = world.files(host)
    with refused("name"):
        world.admit(host, answer.changed(signed_anew(answer.raw, signer, public=public)), RIGHT)
    assert world.files(host) == before


def test_an_answer_with_keys_that_another_environment_has(world: JoiningWorld, host: str) -> None:
    """Signed by its own key, and with the pair key of another: two would address the same chunks."""
    answer = world.join(member(host), world.invite(host, "cloud"))
    folder = EnvironmentFolder(world.home(host) / "environments" / "onprem")
    theirs = json.loads((folder.keys / "identity.json").read_text())
    public = payload(answer.raw)["public"] | {"pair": theirs["pair"]}
    signer = own_signer(world, member(host), "cloud")
    before = world.files(host)
    with pytest.raises(Refused, match="stands in two places", check=lambda error: error.code == 4):
        world.admit(host, answer.changed(signed_anew(answer.raw, signer, public=public)), RIGHT)
    assert world.files(host) == before
    world.admit(host, answer, answer.fingerprint)


def test_an_answer_to_a_home_that_never_invited(world: JoiningWorld, host: str) -> None:
    other = world.host(f"{host}-other")
    answer = world.join(member(host), world.invite(host, "cloud"))
    before = world.files(other)
    with refused("foreign"):
        world.admit(other, answer, answer.fingerprint)
    assert world.files(other) == before


# The admission


def admitted(world: JoiningWorld, host: str) -> tuple[File, File]:
    answer = world.join(member(host), world.invite(host, "cloud"))
    return answer, world.admit(host, answer, answer.fingerprint)


def test_an_admission_that_was_changed(world: JoiningWorld, host: str) -> None:
    _, admission = admitted(world, host)
    before = world.files(member(host))
    for changes in ({"api": "https://elsewhere.example.org/api"}, {"credential": encode(b"x" * 1200)}):
        with refused("signature"):
            world.complete(member(host), admission.changed(unsigned(admission.raw, **changes)), RIGHT)
        with refused("signature"):
            forged = signed_anew(admission.raw, stranger(), **changes)
            world.complete(member(host), admission.changed(forged), RIGHT)
    for changes in ({"name": "edge"}, {"nonce": "0" * 32}, {"answer": f"sha256:{'0' * 64}"}):
        with refused("foreign"):
            world.complete(member(host), admission.changed(unsigned(admission.raw, **changes)), RIGHT)
    assert world.files(member(host)) == before


def test_a_credential_for_another_address(world: JoiningWorld, host: str) -> None:
    """Even the inviting environment cannot have a sealed credential sent to another server than its own."""
    _, admission = admitted(world, host)
    signer = own_signer(world, host, "onprem")
    before = world.files(member(host))
    forged = signed_anew(admission.raw, signer, api="https://elsewhere.example.org/api")
    with pytest.raises(Refused, match="cannot open", check=lambda error: error.code == 4):
        world.complete(member(host), admission.changed(forged), RIGHT)
    assert world.files(member(host)) == before


def test_the_admission_of_another_home(world: JoiningWorld, host: str) -> None:
    answer = world.join(f"{member(host)}-2", world.invite(host, "edge"))
    other = world.admit(host, answer, answer.fingerprint)
    world.join(member(host), world.invite(host, "cloud"))
    before = world.files(member(host))
    with refused("foreign"):
        world.complete(member(host), other, RIGHT)
    assert world.files(member(host)) == before


def test_an_admission_by_the_trust_document_of_other_roots(world: JoiningWorld, host: str) -> None:
    """The attacker has a system of its own, in which it admitted a copy of the answer's keys."""
    evil = world.host(f"{host}-evil")
    _, admission = admitted(world, host)
    theirs = world.ask("newest", evil).encode()
    signer = own_signer(world, evil, "onprem")
    before = world.files(member(host))
    with refused("trust"):
        forged = signed_anew(admission.raw, signer, trust=encode(theirs))
        world.complete(member(host), admission.changed(forged), RIGHT)
    assert world.files(member(host)) == before


def test_an_admission_with_a_trust_document_that_does_not_name_us(world: JoiningWorld, host: str) -> None:
    invitation = world.invite(host, "cloud")
    answer = world.join(member(host), invitation)
    admission = world.admit(host, answer, answer.fingerprint)
    before = world.files(member(host))
    with refused("keys"):
        old = signed_anew(
            admission.raw, own_signer(world, host, "onprem"), trust=payload(invitation.raw)["trust"]
        )
        world.complete(member(host), admission.changed(old), RIGHT)
    assert world.files(member(host)) == before


def test_no_file_that_travels_holds_a_private_key_or_the_credential(world: JoiningWorld, host: str) -> None:
    invitation = world.invite(host, "cloud")
    answer = world.join(member(host), invitation)
    admission = world.admit(host, answer, answer.fingerprint)
    secret = [SECRET, f"isthmus:{SECRET}"]
    for home, name in ((host, "onprem"), (member(host), "cloud")):
        for file in (world.home(home) / "environments" / name / "keys").glob("*.key"):
            raw = file.read_bytes()
            secret += list(_texts(json.loads(raw))) if raw.startswith(b"{") else [encode(raw)]
    root = (world.home(host) / "secrets" / "trust" / "root.key").read_bytes()
    secret.append(encode(root))
    assert len(secret) >= 8
    for file in (invitation, answer, admission):
        envelope = file.raw.decode()
        said = decode(json.loads(envelope)["payload"], what="a payload").decode()
        inside = [
            decode(value, what="x")
            for key, value in json.loads(said).items()
            if key in ("trust", "credential")
        ]
        for value in secret:
            assert value not in envelope
            assert value not in said
            assert all(value.encode() not in part for part in inside)


def _texts(value: Any) -> Iterator[str]:
    """Return the longer texts in a key file: seeds as base64."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str) and len(value) > 40:
        yield value
