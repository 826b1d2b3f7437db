"""What a home knows of other machines: which environments live in it, and what became of invitations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts.errors import ConflictError, NotVerifiableError, UsageError
from environments.home import Home
from environments.members import (
    Invitations,
    Issued,
    JoiningRefusedError,
    Membership,
    check_here,
    environments_here,
    keep_only,
    read_membership,
    write_membership,
)

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
DECLARED = ("onprem", "cloud", "edge")
DIGEST, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def issued(name: str = "cloud", nonce: str = "a" * 32) -> Issued:
    return Issued(name, "onprem", nonce, DIGEST, NOW, NOW + DAY, "https://isthmus.example.org/api")


def named() -> bool:
    """Say that a trust document names the environment: what is bound is not withdrawn then."""
    return True


def joined(state: str = "member", name: str = "cloud") -> Membership:
    return Membership(name, "onprem", "a" * 32, DIGEST, "", "member" if state == "member" else "waiting")


def test_without_a_word_everything_lives_here(home: Home) -> None:
    assert environments_here(home, DECLARED) == ("cloud", "edge", "onprem")
    assert not home.members.exists()


def test_what_was_named_lives_here_and_nothing_else(home: Home) -> None:
    keep_only(home, ["onprem", "edge"], DECLARED)
    assert environments_here(home, DECLARED) == ("edge", "onprem")
    assert environments_here(home, ["onprem"]) == ("onprem",)
    with pytest.raises(UsageError, match="another machine"):
        check_here(home, DECLARED, "cloud")
    with pytest.raises(UsageError, match="no environment"):
        keep_only(home, ["clod"], DECLARED)
    assert environments_here(home, DECLARED) == ("edge", "onprem")


def test_what_was_invited_lives_elsewhere_until_it_is_withdrawn(home: Home) -> None:
    invitations = Invitations(home)
    invitations.add(issued(), NOW)
    assert environments_here(home, DECLARED) == ("edge", "onprem")
    assert invitations.standing("cloud") == issued()
    assert issued().shown(NOW + DAY) == "expired"
    with pytest.raises(UsageError, match="cloud"):
        keep_only(home, ["cloud"], DECLARED)
    invitations.withdraw("cloud", named)
    assert environments_here(home, DECLARED) == ("cloud", "edge", "onprem")
    with pytest.raises(UsageError, match="no invitation"):
        invitations.withdraw("cloud", named)


def test_a_home_that_joined_holds_its_environment(home: Home) -> None:
    write_membership(home, joined("waiting"))
    assert read_membership(home) == joined("waiting")
    write_membership(home, joined())
    assert read_membership(home) == joined()
    assert environments_here(home, DECLARED) == ("cloud",)
    with pytest.raises(UsageError, match="declares no such environment"):
        environments_here(home, ["onprem"])
    with pytest.raises(UsageError, match="edge"):
        keep_only(home, ["edge"], DECLARED)


def test_an_environment_has_one_invitation_that_counts(home: Home) -> None:
    invitations = Invitations(home)
    invitations.add(issued(), NOW)
    with pytest.raises(UsageError, match="counts already"):
        invitations.add(issued(nonce="b" * 32), NOW)
    # One that nobody answered in time makes way, and is not open again.
    later = replace(issued(nonce="b" * 32), issued=NOW + DAY, expires=NOW + 2 * DAY)
    invitations.add(later, NOW + DAY)
    assert [one.state for one in invitations.all()] == ["withdrawn", "open"]
    assert invitations.standing("cloud") == later


def test_an_invitation_is_bound_to_one_answer(home: Home) -> None:
    invitations = Invitations(home)
    invitations.add(issued(), NOW)
    with invitations.locked():
        assert invitations.bind("a" * 32, DIGEST).state == "bound"
        assert invitations.bind("a" * 32, DIGEST).answer == DIGEST
        with pytest.raises(ConflictError):
            invitations.bind("a" * 32, OTHER)
        invitations.use("a" * 32)
        with pytest.raises(ConflictError):
            invitations.bind("a" * 32, OTHER)
    with pytest.raises(UsageError, match="has joined"):
        invitations.withdraw("cloud", named)
    with pytest.raises(UsageError, match="has joined"):
        invitations.add(issued(nonce="b" * 32), NOW + 2 * DAY)


def test_one_that_is_bound_is_withdrawn_until_a_document_names_its_environment(home: Home) -> None:
    """Whoever holds the root keys may not sign; a name must not be blocked for ever by that."""
    invitations = Invitations(home)
    invitations.add(issued(), NOW)
    with invitations.locked():
        invitations.bind("a" * 32, DIGEST)
    with pytest.raises(UsageError, match="has joined"):
        invitations.withdraw("cloud", named)
    assert invitations.withdraw("cloud", lambda: False).state == "withdrawn"
    invitations.add(issued(nonce="b" * 32), NOW)


def test_a_withdrawn_invitation_is_bound_to_nothing(home: Home) -> None:
    invitations = Invitations(home)
    invitations.add(issued(), NOW)
    invitations.withdraw("cloud", named)
    with invitations.locked(), pytest.raises(JoiningRefusedError, match="withdrawn"):
        invitations.bind("a" * 32, DIGEST)


def _membership(home: Home) -> Path:
    write_membership(home, joined())
    return home.members / "joined.json"


def _only(home: Home) -> Path:
    keep_only(home, ["onprem"], DECLARED)
    return home.members / "here.json"


def _invitation(home: Home) -> Path:
    Invitations(home).add(issued(), NOW)
    return home.members / "invitations" / f"{'a' * 32}.json"


@pytest.mark.parametrize("make", [_membership, _only, _invitation])
@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "environments": [1]}', b"\xff"]
)
def test_a_damaged_record_is_told_and_never_taken_for_none(
    home: Home, make: Callable[[Home], Path], raw: bytes
) -> None:
    path = make(home)
    path.write_bytes(raw)
    with pytest.raises(NotVerifiableError, match=path.name):
        environments_here(home, DECLARED)
    path.chmod(0o644)
    with pytest.raises(NotVerifiableError, match="others may open it"):
        environments_here(home, DECLARED)
