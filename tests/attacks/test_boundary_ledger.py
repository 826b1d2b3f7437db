"""Attacks on the record: whoever holds a ledger's disk rewrites what happened.

Each test says what the attacker did, that the ledger's own verification or the peer finds it, and that what
the peer keeps did not change. An attacker here may write any byte of the file; some also hold the keys.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError
from environments.home import EnvironmentFolder
from environments.identity import Identity, create_identity, load_identity
from environments.ledger import Ledger, verify_ledger, witness_head, witnessed_head

pytestmark = pytest.mark.attack

CROSSING = "sha256:" + "c" * 64


class Two:
    """An environment that crossed to a peer, and the peer, which keeps its heads."""

    def __init__(self, root: Path) -> None:
        self.folder = EnvironmentFolder(root / "onprem").create()
        self.peer = EnvironmentFolder(root / "cloud").create()
        create_identity(self.folder, "onprem")
        self.identity: Identity = load_identity(self.folder)
        self.ledger = Ledger(self.folder.ledger, self.identity)
        for number in range(4):
            self.cross(number)

    def cross(self, number: int) -> None:
        self.ledger.append("egress", {"crossing": CROSSING, "number": number, "outcome": "permitted"})
        self.ledger.append("note", {"number": number})
        head = self.ledger.show("cloud")
        witness_head(self.peer.ledger, self.identity.public, head)
        self.ledger.acknowledged("cloud", head.sequence)

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.folder.ledger / "ledger.db")) as database, database:
            for statement in statements:
                database.execute(statement)

    def found(self, *, with_peer: bool) -> set[str]:
        kept = witnessed_head(self.peer.ledger, "onprem")
        assert kept is not None
        witnessed = [kept] if with_peer else []
        report = verify_ledger(self.folder.ledger, self.identity.public, witnessed=witnessed)
        return {problem.id for problem in report.problems}

    def refused_by_the_peer(self) -> None:
        before = {path: path.read_bytes() for path in self.peer.root.rglob("*") if path.is_file()}
        with pytest.raises(NotVerifiableError, match="does not agree with its entry 8"):
            witness_head(self.peer.ledger, self.identity.public, self.ledger.show("cloud"))
        assert {path: path.read_bytes() for path in self.peer.root.rglob("*") if path.is_file()} == before


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def test_an_old_backup_is_put_back(two: Two, tmp_path: Path) -> None:
    """Everything of the folder, copied before; then history goes on as if nothing had happened."""
    shutil.copytree(two.folder.ledger, tmp_path / "old")
    two.ledger.append("egress", {"crossing": CROSSING, "secret": "deed"})
    witness_head(two.peer.ledger, two.identity.public, two.ledger.show("cloud"))
    head = witnessed_head(two.peer.ledger, "onprem")
    shutil.rmtree(two.folder.ledger)
    shutil.copytree(tmp_path / "old", two.folder.ledger)
    for _ in range(3):
        two.ledger.append("note", {"nothing": "happened"})
    assert two.found(with_peer=False) == set()
    assert two.found(with_peer=True) == {"forked"}
    with pytest.raises(NotVerifiableError, match="does not agree with its entry 9"):
        witness_head(two.peer.ledger, two.identity.public, two.ledger.show("cloud"))
    assert witnessed_head(two.peer.ledger, "onprem") == head


def test_the_tail_is_deleted_with_its_heads(two: Two) -> None:
    """By SQL, so that the file is a whole and signed ledger again; only what was shown says otherwise."""
    two.sql("DELETE FROM entries WHERE sequence > 5", "DELETE FROM heads WHERE sequence > 5")
    assert two.found(with_peer=False) == {"truncated"}
    assert two.found(with_peer=True) == {"truncated"}
    for _ in range(6):
        two.ledger.append("note", {"other": "history"})
    assert two.found(with_peer=False) == set()
    assert two.found(with_peer=True) == {"forked"}
    two.refused_by_the_peer()


def test_the_whole_ledger_is_deleted(two: Two) -> None:
    (two.folder.ledger / "ledger.db").unlink()
    assert two.found(with_peer=False) == {"truncated"}
    with pytest.raises(NotVerifiableError, match="it was deleted"):
        two.ledger.append("note", {})
    shutil.rmtree(two.folder.ledger / "shown")
    for _ in range(12):
        two.ledger.append("note", {"other": "history"})
    assert two.found(with_peer=False) == set()
    assert two.found(with_peer=True) == {"forked"}
    two.refused_by_the_peer()


def test_two_histories_are_told_to_two_peers(two: Two, tmp_path: Path) -> None:
    """A fork, one copy for each peer. Whoever compares heads holds two signed ones for one entry."""
    other = EnvironmentFolder(tmp_path / "fork" / "onprem").create()
    shutil.rmtree(other.root)
    shutil.copytree(two.folder.root, other.root)
    fork = Ledger(other.ledger, two.identity)
    two.ledger.append("note", {"told": "to cloud"})
    fork.append("note", {"told": "to edge"})
    edge = EnvironmentFolder(tmp_path / "edge").create()
    witness_head(edge.ledger, two.identity.public, fork.show("edge"))
    witness_head(two.peer.ledger, two.identity.public, two.ledger.show("cloud"))
    told = witnessed_head(edge.ledger, "onprem")
    assert told is not None
    report = verify_ledger(two.folder.ledger, two.identity.public, witnessed=[told])
    assert [(problem.id, problem.sequence) for problem in report.problems] == [("forked", 9)]
    with pytest.raises(NotVerifiableError, match="does not agree with its entry 9"):
        witness_head(two.peer.ledger, two.identity.public, fork.show("cloud"))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE entries SET payload = replace(payload, '\"number\":1', '\"number\":9')", {"altered"}),
        ("UPDATE entries SET payload = replace(payload, 'permitted', 'denied')", {"altered"}),
        ("DELETE FROM entries WHERE sequence = 4", {"removed"}),
        ("UPDATE entries SET sequence = 99 WHERE sequence = 8", {"reordered"}),
        ("DELETE FROM heads", {"head"}),
        ("DELETE FROM heads WHERE sequence = 8", {"head", "signature"}),
        ("UPDATE heads SET signature = zeroblob(64) WHERE sequence = 8", {"signature"}),
        ("UPDATE heads SET digest = 'sha256:' || hex(randomblob(32)) WHERE sequence = 3", {"altered"}),
        ("INSERT INTO heads VALUES (50, 'sha256:00', zeroblob(64), '')", {"signature", "truncated"}),
    ],
)
def test_the_database_is_edited_by_sql(two: Two, statement: str, expected: set[str]) -> None:
    two.sql(statement)
    found = two.found(with_peer=False)
    assert found & expected
    assert found <= expected | {"altered", "head"}


def test_an_edit_of_the_last_entry_is_not_signed_by_the_next(two: Two) -> None:
    """Entry and head's digest changed together: the next append would sign what the attacker wrote."""
    from data_contracts.digest import digest_bytes

    last = list(two.ledger.entries())[-1]
    forged = last.payload().replace(b'"number":3', b'"number":4')
    two.sql(
        f"UPDATE entries SET payload = '{forged.decode()}' WHERE sequence = 8",  # noqa: S608 - an attack
        f"UPDATE heads SET digest = '{digest_bytes(forged)}' WHERE sequence = 8",  # noqa: S608 - an attack
    )
    before = (two.folder.ledger / "ledger.db").read_bytes()
    with pytest.raises(NotVerifiableError, match="signature"):
        two.ledger.append("note", {})
    assert (two.folder.ledger / "ledger.db").read_bytes() == before
    assert "signature" in two.found(with_peer=False)


@pytest.mark.parametrize("at", [0, 30, 100, 4096, 5000, 9000])
def test_bytes_of_the_file_are_flipped(two: Two, at: int) -> None:
    path = two.folder.ledger / "ledger.db"
    data = bytearray(path.read_bytes())
    genuine = [entry.payload() for entry in two.ledger.entries()]
    for place in range(at, min(at + 40, len(data))):
        data[place] ^= 0xFF
    path.write_bytes(data)
    report = verify_ledger(two.folder.ledger, two.identity.public)
    same: Callable[[], list[bytes]] = lambda: [entry.payload() for entry in two.ledger.entries()]  # noqa: E731
    # Free space of a page may hold anything; what verifies is what was written.
    assert not report.success or same() == genuine
