"""Requesters of a home: made with what they may ask, signed with, taken back; through the commands too."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import UsageError
from environments.embedded import requesters
from environments.embedded.prepare import issue_trust, make_environment, meet_peers
from environments.embedded.trustwork import authority
from environments.encoding import encode
from environments.home import Home
from environments.identity.signers import make_file_signer
from environments.trust import load_pinned
from environments.trust.requests import attribute
from environments.trust.tokens import read_token, write_token

DAY = dt.timedelta(days=1)
NAMES = ("onprem", "cloud")
ANNA = ("--from", "onprem", "--asset", "visits", "--to", "cloud", "--purpose", "training")


def make_home(root: Path) -> Home:
    made = Home(root / "home").create()
    identities = {name: make_environment(made.environment(name)) for name in NAMES}
    document = issue_trust(made, identities)
    for name in NAMES:
        meet_peers(made.environment(name), identities, document)
    return made


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home for what is refused: nothing in it changes."""
    return make_home(tmp_path_factory.mktemp("requesters"))


def time() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def cli(home: Home, *words: str, code: int = 0) -> str:
    """Run `isthmus requester` as a user does: what it forks must have no thread beside it."""
    done = subprocess.run(
        [sys.executable, "-c", "from flows.cli.main import main; main()", "requester", *words],
        env=os.environ | {"ISTHMUS_HOME": str(home.root)},
        cwd=home.root.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + (done.stderr if code else "")


def told(home: Home, *words: str) -> Any:
    return json.loads(cli(home, *words, "--json"))


def whose(home: Home, token: str | None, now: dt.datetime | None = None) -> tuple[str, str]:
    """Return whose a token is, as an environment's own pinned document says."""
    pinned = load_pinned(home.environment("cloud"))
    assert pinned is not None
    found = attribute(
        None if token is None else read_token(token), pinned.document, now=now or time(), used=()
    )
    return found.requester, found.reason


def test_a_requester_signs_as_soon_as_it_is_made(home: Home) -> None:
    assert requesters.sign_with(home, None, "sync", "visits", time()) is None
    made = told(home, "add", "anna", *ANNA)
    assert (made["version"], set(made["pinned"])) == (2, set(NAMES))
    assert whose(home, requesters.sign_with(home, None, "sync", "visits", time())) == ("anna", "verified")
    key = home.secrets / "requesters" / "user" / "anna.key"
    assert key.stat().st_mode & 0o777 == 0o600


def test_which_key_signs_is_never_guessed(home: Home) -> None:
    cli(home, "add", "anna", *ANNA)
    cli(home, "add", "nightly", "--kind", "service", *ANNA)
    assert requesters.requester_here(home, None) == "anna"
    cli(home, "add", "bob", *ANNA)
    with pytest.raises(UsageError, match="several"):
        requesters.sign_with(home, None, "run", "clinic", time())
    assert whose(home, requesters.sign_with(home, "bob", "run", "clinic", time())) == ("bob", "verified")
    assert whose(home, requesters.sign_with(home, "nightly", "run", "clinic", time())) == (
        "nightly",
        "verified",
    )
    with pytest.raises(UsageError, match="no key of this requester"):
        requesters.sign_with(home, "carol", "run", "clinic", time())


def test_revoked_and_made_anew(home: Home) -> None:
    cli(home, "add", "anna", *ANNA)
    old = requesters.sign_with(home, "anna", "run", "clinic", time())
    assert "has a key that counts" in cli(home, "add", "anna", *ANNA, code=2)
    cli(home, "revoke", "anna")
    assert whose(home, old) == ("unattributed", "unknown")
    assert "no requester with a key" in cli(home, "revoke", "anna", code=2)
    cli(home, "add", "anna", *ANNA)
    assert whose(home, old) == ("unattributed", "unknown")
    assert whose(home, requesters.sign_with(home, "anna", "run", "clinic", time())) == ("anna", "verified")


@pytest.mark.parametrize("name", ["cloud", "unattributed", "Anna", "../anna"])
def test_names_that_are_none(untouched: Home, name: str) -> None:
    before = authority(untouched).need().raw
    cli(untouched, "add", name, *ANNA, code=2)
    assert authority(untouched).need().raw == before
    assert not (untouched.secrets / "requesters").exists()


def test_a_deploy_signs_the_same_again_until_half_of_its_life_is_over(home: Home) -> None:
    cli(home, "add", "nightly", "--kind", "service", *ANNA)
    first = requesters.deploy_token(home, "nightly", "clinic", time())
    assert requesters.deploy_token(home, "nightly", "clinic", time() + 100 * DAY) == first
    assert requesters.deploy_token(home, "nightly", "other", time()) != first
    later = requesters.deploy_token(home, "nightly", "clinic", time() + 200 * DAY)
    assert later != first
    assert whose(home, later, time() + 201 * DAY) == ("nightly", "verified")
    cli(home, "revoke", "nightly")
    cli(home, "add", "nightly", "--kind", "service", *ANNA)
    assert whose(home, requesters.deploy_token(home, "nightly", "clinic", time())) == ("nightly", "verified")


def test_a_key_that_was_made_elsewhere_never_comes_here(home: Home, tmp_path: Path) -> None:
    signer = make_file_signer(tmp_path / "carol.key")
    (tmp_path / "carol.pub").write_text(encode(signer.public) + "\n")
    cli(home, "add", "carol", *ANNA, "--public", str(tmp_path / "carol.pub"))
    assert not requesters.has_key(home, "carol")
    assert authority(home).need().document.requesters["carol"].keys[0].public == signer.public


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
def test_what_may_be_asked_is_said_whole(untouched: Home, words: tuple[str, ...]) -> None:
    cli(untouched, "add", "anna", *words, code=2)
    assert not authority(untouched).need().document.requesters


@pytest.mark.parametrize("option", ["--from", "--to", "--approves"])
def test_an_environment_that_the_trust_document_does_not_name_is_told(untouched: Home, option: str) -> None:
    told = cli(untouched, "add", "anna", *ANNA, option, "moon", code=2)
    assert "moon" in told
    assert "cloud, onprem" in told
    assert not authority(untouched).need().document.requesters


@pytest.mark.parametrize("token", ["", "a", "====", "e30=", "e31", "e30 ", "ü" * 8, "A" * 5000, 7, None])
def test_a_token_has_one_form(token: object) -> None:
    with pytest.raises(UsageError, match="one form"):
        read_token(token)
    assert read_token(write_token(b"{}")) == b"{}"
