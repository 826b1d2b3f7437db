"""A machine joins: from the invitation to a member, cut off anywhere, and what each may do afterwards."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from joining_forgery import member
from joining_world import API, RIGHT, SECRET, JoiningWorld, Refused
from trust_builder import root, roots

from data_contracts.errors import UnreachableError
from environments.embedded.api import read_api
from environments.folder import EnvironmentFolder
from environments.home import Home
from environments.joining import open_answer
from environments.ledger import read_entries
from environments.members import Invitations, read_membership
from environments.trust import Authority, load_pinned
from environments.trust.changing import with_roots
from environments.trust.envelope import add_signatures, sign_document

pytestmark = pytest.mark.xdist_group("joining")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JoiningWorld]:
    with JoiningWorld(tmp_path_factory.mktemp("joining")) as made:
        yield made


@pytest.fixture
def host(world: JoiningWorld) -> str:
    return world.host(f"host-{secrets.token_hex(4)}")


def folder(world: JoiningWorld, home: str, name: str) -> EnvironmentFolder:
    return EnvironmentFolder(world.home(home) / "environments" / name)


def test_a_machine_joins(world: JoiningWorld, host: str) -> None:
    home = Home(world.home(member(host)))
    answer = world.join(member(host), world.invite(host, "cloud"))
    assert world.ask("list", host) == {"cloud": "invited", "edge": "unknown", "onprem": "here"}
    assert world.ask("list", member(host)) == {"cloud": "waiting", "edge": "unknown", "onprem": "elsewhere"}
    admission = world.admit(host, answer, answer.fingerprint)
    assert world.complete(member(host), admission, answer.fingerprint) == ["cloud", 2, API]
    assert world.ask("list", host) == {"cloud": "joined", "edge": "unknown", "onprem": "here"}
    assert world.ask("list", member(host)) == {"cloud": "here", "edge": "unknown", "onprem": "elsewhere"}
    # Both sides pin the one document, and it names the keys that lie on each.
    pinned = [load_pinned(folder(world, *each)) for each in ((host, "onprem"), (member(host), "cloud"))]
    assert len({one.digest for one in pinned if one}) == 1
    shown = json.loads((folder(world, member(host), "cloud").keys / "identity.json").read_text())
    assert pinned[0] is not None
    assert pinned[0].document.environments["cloud"].to_json()["pair"] == shown["pair"]
    assert read_api(home).url == API
    assert read_api(home).auth_string == f"isthmus:{SECRET}"
    for each in ((host, "onprem"), (member(host), "cloud")):
        kinds = [entry.kind for entry in read_entries(folder(world, *each).ledger)]
        assert kinds == ["trust"], each


def test_each_step_again_gives_the_same(world: JoiningWorld, host: str) -> None:
    invitation = world.invite(host, "cloud")
    answer = world.join(member(host), invitation)
    assert world.join(member(host), invitation).raw == answer.raw
    first = world.admit(host, answer, answer.fingerprint)
    before = world.ask("newest", host)
    second = world.admit(host, answer, answer.fingerprint)
    assert world.ask("newest", host) == before
    assert first.raw != second.raw  # the credential is sealed anew
    world.complete(member(host), first, RIGHT)
    world.complete(member(host), second, RIGHT)
    assert world.complete(member(host), first, RIGHT) == ["cloud", 2, API]


def test_an_admission_that_was_cut_off_goes_on_with_its_answer_alone(world: JoiningWorld, host: str) -> None:
    """Killed when the invitation was bound, and again when the document was issued: as the disk is then."""
    invitation = world.invite(host, "cloud")
    answer, other = world.join(member(host), invitation), world.join(f"{member(host)}-2", invitation)
    invitations = Invitations(Home(world.home(host)))
    [one] = invitations.all()
    with invitations.locked():
        invitations.bind(one.nonce, _digest(answer.raw))
    with pytest.raises(Refused, match="another answer", check=lambda error: error.code == 4):
        world.admit(host, other, other.fingerprint)
    # Not even its end takes it back: what was begun is ended.
    assert world.admit(host, answer, answer.fingerprint, later=7200).raw
    [one] = invitations.all()
    assert one.state == "used"


def _digest(raw: bytes) -> str:
    return open_answer(raw).digest


def test_root_keys_whose_holders_do_not_sign_block_no_name(world: JoiningWorld, host: str) -> None:
    authority = Authority(world.home(host) / "secrets" / "trust")
    now = dt.datetime.now(dt.UTC)
    changed = with_roots(authority.need().document, roots(1, 7), now)
    authority.take(sign_document(changed, [*authority.signers(), root(7)]), now)
    answer = world.join(member(host), world.invite(host, "cloud"))
    world.admit(host, answer, answer.fingerprint)
    assert world.ask("withdraw", host, name="cloud") == "withdrawn"
    with pytest.raises(Refused, check=lambda error: error.reason == "withdrawn"):
        world.admit(host, answer, answer.fingerprint)
    assert world.invite(host, "cloud")


def test_a_changed_credential_reaches_a_member_by_a_new_admission(world: JoiningWorld, host: str) -> None:
    answer = world.join(member(host), world.invite(host, "cloud"))
    world.complete(member(host), world.admit(host, answer, RIGHT), RIGHT)
    (world.home(host) / "secrets" / "api").write_text("another")
    world.complete(member(host), world.admit(host, answer, RIGHT), RIGHT)
    assert read_api(Home(world.home(member(host)))).auth_string == "isthmus:another"


def test_a_join_that_was_cut_off_goes_on(world: JoiningWorld, host: str) -> None:
    invitation = world.invite(host, "cloud")
    answer = world.join(member(host), invitation)
    (folder(world, member(host), "cloud").trust / "pinned.json").unlink()
    assert world.join(member(host), invitation).raw == answer.raw


DELAYS = (0.01, 0.03, 0.05, 0.06, 0.07, 0.08, 0.1, 0.15, 0.25, 0.4)
"""Seconds; an admission takes about 0.1, a completion 0.3, on a machine that does nothing else."""


def test_an_admission_that_is_killed_anywhere_names_one_environment(world: JoiningWorld, host: str) -> None:
    """Killed at several moments, one after another, until it is done: one document, one answer."""
    invitation = world.invite(host, "cloud")
    answer, other = world.join(member(host), invitation), world.join(f"{member(host)}-2", invitation)
    there = world.folder / f"{host}.admission"
    middles = [
        world.killed(after, "admit", host, file=answer.path, to=there, fingerprint=RIGHT) for after in DELAYS
    ]
    assert any(middles), "it was never in the middle"
    admission = world.admit(host, answer, answer.fingerprint)
    documents = sorted(path.name for path in (world.home(host) / "secrets" / "trust").glob("0*.json"))
    assert documents == ["00000001.json", "00000002.json"]
    with pytest.raises(Refused, check=lambda error: error.reason == "used"):
        world.admit(host, other, other.fingerprint)
    for after in DELAYS[::2]:
        world.killed(after, "complete", member(host), file=admission.path, fingerprint=RIGHT)
    assert world.complete(member(host), admission, answer.fingerprint) == ["cloud", 2, API]
    entries = read_entries(folder(world, member(host), "cloud").ledger)
    assert [entry.kind for entry in entries] == ["trust"]


def test_a_join_that_is_killed_anywhere_makes_one_set_of_keys(world: JoiningWorld, host: str) -> None:
    invitation = world.invite(host, "cloud")
    there = world.folder / f"{host}.answer"
    middles = [
        world.killed(after, "join", member(host), file=invitation.path, to=there) for after in DELAYS[::2]
    ]
    assert any(middles), "it was never in the middle"
    answer = world.join(member(host), invitation)
    assert world.join(member(host), invitation).raw == answer.raw
    assert world.complete(member(host), world.admit(host, answer, answer.fingerprint), RIGHT)[:2] == [
        "cloud",
        2,
    ]


def test_root_keys_that_people_hold_decide(world: JoiningWorld, host: str, tmp_path: Path) -> None:
    """`admit` gives a proposal; once it was signed and issued, the same command gives the admission."""
    authority = Authority(world.home(host) / "secrets" / "trust")
    now = dt.datetime.now(dt.UTC)
    changed = with_roots(authority.need().document, roots(1, 7), now)
    authority.take(sign_document(changed, [*authority.signers(), root(7)]), now)
    answer = world.join(member(host), world.invite(host, "cloud"))
    proposal = world.admit(host, answer, answer.fingerprint)
    assert world.ask("list", host)["cloud"] == "being-admitted"
    before = world.files(host)
    with pytest.raises(Refused, match="being admitted"):
        world.invite(host, "cloud")
    assert world.files(host) == before
    signed = tmp_path / "trust-3.json"
    signed.write_bytes(add_signatures(proposal.raw, [root(7)]))
    assert world.ask("update", host, file=signed) == 3
    admission = world.admit(host, answer, answer.fingerprint)
    assert world.complete(member(host), admission, answer.fingerprint) == ["cloud", 3, API]


def test_a_home_that_joined_follows_newer_documents_and_issues_none(
    world: JoiningWorld, host: str, tmp_path: Path
) -> None:
    world.joined(host, member(host), "cloud")
    world.joined(host, f"{member(host)}-edge", "edge")
    newest = tmp_path / "trust-3.json"
    newest.write_text(world.ask("newest", host))
    assert world.ask("update", member(host), file=newest) == 3
    assert world.ask("list", member(host))["edge"] == "elsewhere"
    assert not (world.home(member(host)) / "secrets" / "trust").exists()
    before = world.files(member(host))
    old = world.home(host) / "secrets" / "trust" / "00000001.json"
    with pytest.raises(Refused, check=lambda error: error.reason == "rollback"):
        world.ask("update", member(host), file=old)
    with pytest.raises(Refused, match="issued there", check=lambda error: error.code == 2):
        world.invite(member(host), "edge")
    assert world.files(member(host)) == before


def test_a_home_that_waits_has_no_api(world: JoiningWorld, host: str) -> None:
    world.join(member(host), world.invite(host, "cloud"))
    with pytest.raises(UnreachableError, match="waits to be admitted"):
        read_api(Home(world.home(member(host))))


def test_a_site_without_a_link_gets_no_credential(world: JoiningWorld, host: str) -> None:
    answer = world.join(member(host), world.invite(host, "edge", api=""))
    admission = world.admit(host, answer, answer.fingerprint)
    assert world.complete(member(host), admission, answer.fingerprint) == ["edge", 2, ""]
    home = Home(world.home(member(host)))
    assert not (home.secrets / "joined").exists()
    with pytest.raises(UnreachableError, match="without an API"):
        read_api(home)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"name": "onprem"}, "lives in this home"),
        ({"name": "nowhere"}, "no environment is named"),
        ({"name": "cloud", "lasts": 32 * 86400}, "at most 31 days"),
        ({"name": "cloud", "by": "edge"}, "could sign"),
        ({"name": "cloud", "api": "http://isthmus.example.org/api"}, "no address"),
        ({"name": "cloud", "api": "https://user:word@isthmus.example.org/api"}, "no address"),
    ],
)
def test_what_is_no_invitation_is_told_and_leaves_nothing(
    world: JoiningWorld, host: str, more: dict[str, object], text: str
) -> None:
    before = world.files(host)
    with pytest.raises(Refused, match=text, check=lambda error: error.code == 2):
        world.invite(host, **more)  # type: ignore[arg-type]
    assert world.files(host) == before


def test_a_home_joins_once_and_is_new(world: JoiningWorld, host: str) -> None:
    cloud, edge = world.invite(host, "cloud"), world.invite(host, "edge")
    world.join(member(host), cloud)
    before = world.files(member(host), host)
    with pytest.raises(Refused, match="another invitation", check=lambda error: error.code == 2):
        world.join(member(host), edge)
    with pytest.raises(Refused, match="system of its own", check=lambda error: error.code == 2):
        world.join(host, edge)
    assert world.files(member(host), host) == before
    joined = read_membership(Home(world.home(member(host))))
    assert joined is not None
    assert (joined.name, joined.state) == ("cloud", "waiting")


def test_who_joined_is_not_invited_again(world: JoiningWorld, host: str) -> None:
    world.joined(host, member(host), "cloud")
    with pytest.raises(Refused, match="has joined already", check=lambda error: error.code == 2):
        world.invite(host, "cloud")
