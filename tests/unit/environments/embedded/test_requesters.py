"""Requesters of a home: made with what they may ask, signed with, taken back; through the commands too."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from data_contracts.errors import UsageError
from environments.embedded import requesters
from environments.embedded.prepare import issue_trust, make_environment, meet_peers
from environments.embedded.trustwork import authority
from environments.home import Home
from environments.identity.signers import make_file_signer
from environments.trust import Permission, load_pinned
from environments.trust.requests import attribute
from environments.trust.tokens import read_token, write_token
from flows.cli.requester import command

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
MAY = Permission(("onprem",), ("visits",), ("cloud",), ("training",))
NAMES = ("onprem", "cloud")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home").create()
    identities = {name: make_environment(made.environment(name)) for name in NAMES}
    document = issue_trust(made, identities)
    for name in NAMES:
        meet_peers(made.environment(name), identities, document)
    return made


def whose(home: Home, token: str | None, now: dt.datetime = NOW) -> tuple[str, str]:
    """Return whose a token is, as an environment's own pinned document says."""
    pinned = load_pinned(home.environment("cloud"))
    assert pinned is not None
    found = attribute(None if token is None else read_token(token), pinned.document, now=now, used=())
    return found.requester, found.reason


def test_a_requester_signs_as_soon_as_it_is_made(home: Home) -> None:
    assert requesters.sign_with(home, None, "sync", "visits", NOW) is None
    made = requesters.add(home, "anna", "user", MAY, now=NOW)
    assert (made.version, set(made.pinned)) == (2, set(NAMES))
    assert whose(home, requesters.sign_with(home, None, "sync", "visits", NOW)) == ("anna", "verified")
    key = home.secrets / "requesters" / "user" / "anna.key"
    assert key.stat().st_mode & 0o777 == 0o600


def test_which_key_signs_is_never_guessed(home: Home) -> None:
    requesters.add(home, "anna", "user", MAY, now=NOW)
    requesters.add(home, "nightly", "service", MAY, now=NOW)
    assert requesters.requester_here(home, None) == "anna"
    requesters.add(home, "bob", "user", MAY, now=NOW)
    with pytest.raises(UsageError, match="several"):
        requesters.sign_with(home, None, "run", "clinic", NOW)
    assert whose(home, requesters.sign_with(home, "bob", "run", "clinic", NOW)) == ("bob", "verified")
    assert whose(home, requesters.sign_with(home, "nightly", "run", "clinic", NOW)) == ("nightly", "verified")
    with pytest.raises(UsageError, match="no key of this requester"):
        requesters.sign_with(home, "carol", "run", "clinic", NOW)


def test_revoked_and_made_anew(home: Home) -> None:
    requesters.add(home, "anna", "user", MAY, now=NOW)
    old = requesters.sign_with(home, "anna", "run", "clinic", NOW)
    with pytest.raises(UsageError, match="has a key that counts"):
        requesters.add(home, "anna", "user", MAY, now=NOW)
    requesters.revoke_all(home, "anna", now=NOW)
    assert whose(home, old) == ("unattributed", "unknown")
    with pytest.raises(UsageError, match="no requester with a key"):
        requesters.revoke_all(home, "anna", now=NOW)
    requesters.add(home, "anna", "user", MAY, now=NOW)
    assert whose(home, old) == ("unattributed", "unknown")
    assert whose(home, requesters.sign_with(home, "anna", "run", "clinic", NOW)) == ("anna", "verified")


@pytest.mark.parametrize("name", ["cloud", "unattributed", "Anna", "../anna"])
def test_names_that_are_none(home: Home, name: str) -> None:
    before = authority(home).need().raw
    with pytest.raises(UsageError):
        requesters.add(home, name, "user", MAY, now=NOW)
    assert authority(home).need().raw == before
    assert not (home.secrets / "requesters").exists()


def test_a_deploy_signs_the_same_again_until_half_of_its_life_is_over(home: Home) -> None:
    requesters.add(home, "nightly", "service", MAY, now=NOW)
    first = requesters.deploy_token(home, "nightly", "clinic", NOW)
    assert requesters.deploy_token(home, "nightly", "clinic", NOW + 100 * DAY) == first
    assert requesters.deploy_token(home, "nightly", "other", NOW) != first
    later = requesters.deploy_token(home, "nightly", "clinic", NOW + 200 * DAY)
    assert later != first
    assert whose(home, later, NOW + 201 * DAY) == ("nightly", "verified")
    requesters.revoke_all(home, "nightly", now=NOW)
    requesters.add(home, "nightly", "service", MAY, now=NOW)
    assert whose(home, requesters.deploy_token(home, "nightly", "clinic", NOW)) == ("nightly", "verified")


def test_a_key_that_was_made_elsewhere_never_comes_here(home: Home, tmp_path: Path) -> None:
    signer = make_file_signer(tmp_path / "carol.key")
    requesters.add(home, "carol", "user", MAY, now=NOW, public=signer.public)
    assert not requesters.has_key(home, "carol")
    assert authority(home).need().document.requesters["carol"].keys[0].public == signer.public


def cli(home: Home, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(command, [*words, "--home", str(home.root)])
    assert (done.exit_code if not isinstance(done.exception, UsageError) else 2) == code, done.output
    return done.output


ANNA = ("--from", "onprem", "--asset", "visits", "--to", "cloud", "--purpose", "training")


def told(home: Home, *words: str) -> Any:
    return json.loads(cli(home, *words, "--json"))


def test_add_allow_list_and_revoke_as_commands(home: Home) -> None:
    assert told(home, "add", "anna", *ANNA)["pinned"] == ["cloud", "onprem"]
    cli(home, "add", "bob", "--approves", "onprem")
    [anna, bob] = told(home, "list")["requesters"]
    assert (anna["name"], anna["counts"], anna["here"]) == ("anna", True, True)
    assert anna["may"]["purposes"] == ["training"]
    assert bob["may"] == {key: [] for key in anna["may"]} | {"approves": ["onprem"]}
    cli(home, "allow", "anna", *ANNA[:-2], "--purpose", "*")
    assert "for *" in cli(home, "list")
    cli(home, "revoke", "anna")
    assert "no key counts" in cli(home, "list")


@pytest.mark.parametrize(
    "words",
    [(), ANNA[:-2], (*ANNA, "--purpose", "*"), ("--from", "onprem"), (*ANNA[:-1], "not a name")],
    ids=["nothing", "no purpose", "a star beside a name", "one of four", "no name"],
)
def test_what_may_be_asked_is_said_whole(home: Home, words: tuple[str, ...]) -> None:
    cli(home, "add", "anna", *words, code=2)
    assert not authority(home).need().document.requesters


@pytest.mark.parametrize("token", ["", "a", "====", "e30=", "e31", "e30 ", "ü" * 8, "A" * 5000, 7, None])
def test_a_token_has_one_form(token: object) -> None:
    with pytest.raises(UsageError, match="one form"):
        read_token(token)
    assert read_token(write_token(b"{}")) == b"{}"
