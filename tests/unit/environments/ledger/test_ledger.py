"""The record of one environment: what is added stays, and every change is found."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError
from environments.home import EnvironmentFolder
from environments.identity import Identity, create_identity, load_identity
from environments.ledger import Ledger, check_head, verify_ledger, witness_head, witnessed_head
from environments.ledger.database import DATABASE


@pytest.fixture
def ledger(folder: EnvironmentFolder, identity: Identity) -> Ledger:
    made = Ledger(folder.ledger, identity)
    for number in range(5):
        made.append("note", {"number": number})
    return made


Findings = Callable[[], list[tuple[str, int]]]


def rows(folder: EnvironmentFolder) -> list[bytes]:
    with sqlite3.connect(folder.ledger / DATABASE) as database:
        return [payload.encode() for (payload,) in database.execute("SELECT payload FROM entries")]


def rewrite(folder: EnvironmentFolder, payloads: list[bytes]) -> None:
    """Put other entries in place of those that are there; the signed heads stay."""
    with closing(sqlite3.connect(folder.ledger / DATABASE)) as database, database:
        database.execute("DELETE FROM entries")
        for number, payload in enumerate(payloads, 1):
            database.execute("INSERT INTO entries VALUES (?, ?)", (number, payload.decode()))


def test_an_empty_ledger_verifies(folder: EnvironmentFolder, identity: Identity) -> None:
    assert verify_ledger(folder.ledger, identity.public).success


@pytest.mark.usefixtures("ledger")
def test_appended_entries_verify(folder: EnvironmentFolder, identity: Identity) -> None:
    report = verify_ledger(folder.ledger, identity.public)
    assert (report.success, report.entries, report.sequence) == (True, 5, 5)


def test_find_gives_the_newest(ledger: Ledger) -> None:
    ledger.append("note", {"number": 1, "again": True})
    found = ledger.find("note", number=1)
    assert found is not None
    assert found.sequence == 6
    assert ledger.find("note", number=99) is None


def _swap(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rs: [*rs[:2], rs[2].replace(b'"number":2', b'"number":7'), *rs[3:]], ("altered", 3)),
        (lambda rs: [*rs[:4], rs[4].replace(b'"number":4', b'"number":7')], ("altered", 5)),
        (lambda rs: [rs[0].replace(b'"kind":"note"', b'"kind":"n\\u006fte"'), *rs[1:]], ("altered", 1)),
        (lambda rs: [*rs[:2], *rs[3:]], ("removed", 3)),
        (lambda rs: rs[1:], ("removed", 1)),
        (_swap, ("reordered", 2)),
        (lambda rs: rs[:3], ("truncated", 3)),
        (lambda _: [], ("truncated", 0)),
        (lambda rs: [*rs[:2], b"{}", *rs[2:]], ("unreadable", 3)),
        (lambda rs: [*rs[:2], rs[1], *rs[2:]], ("reordered", 2)),
        (lambda rs: [*rs, rs[4]], ("reordered", 5)),
        (lambda rs: [r.replace(b'"onprem"', b'"cloud"') for r in rs], ("foreign", 1)),
    ],
    ids=[
        "altered",
        "last altered",
        "first written otherwise",
        "removed",
        "first removed",
        "swapped",
        "cut",
        "emptied",
        "added",
        "twice",
        "last twice",
        "another's",
    ],
)
@pytest.mark.usefixtures("ledger")
def test_every_change_is_found(
    folder: EnvironmentFolder,
    findings: Findings,
    change: Callable[[list[bytes]], list[bytes]],
    expected: tuple[str, int],
) -> None:
    rewrite(folder, change(rows(folder)))
    assert expected in findings()


def test_nothing_is_added_to_a_cut_ledger(ledger: Ledger, folder: EnvironmentFolder) -> None:
    rewrite(folder, rows(folder)[:3])
    with pytest.raises(NotVerifiableError, match="entry 5"):
        ledger.append("note", {})
    assert len(rows(folder)) == 3


def test_another_environments_ledger_is_found(
    tmp_path: Path, ledger: Ledger, folder: EnvironmentFolder
) -> None:
    other = EnvironmentFolder(tmp_path / "cloud").create()
    create_identity(other, "cloud")
    report = verify_ledger(folder.ledger, load_identity(other).public)
    assert not report.success
    with pytest.raises(NotVerifiableError, match="onprem"):
        Ledger(folder.ledger, load_identity(other)).append("note", {})
    assert sum(1 for _ in ledger.entries()) == 5


def test_writers_take_turns(folder: EnvironmentFolder, identity: Identity) -> None:
    def write(_: int) -> None:
        Ledger(folder.ledger, identity).append("note", {})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(24)))
    report = verify_ledger(folder.ledger, identity.public)
    assert (report.success, report.sequence) == (True, 24)


def test_kill_9_while_appending_leaves_every_returned_entry(
    folder: EnvironmentFolder, identity: Identity
) -> None:
    code = (
        "import sys; from pathlib import Path; from environments.home import EnvironmentFolder\n"
        "from environments.identity import load_identity; from environments.ledger import Ledger\n"
        "f = EnvironmentFolder(Path(sys.argv[1])); ledger = Ledger(f.ledger, load_identity(f))\n"
        "while True: print(ledger.append('note', {}).sequence, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(folder.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        returned = [int(process.stdout.readline()) for _ in range(30)]
        os.kill(process.pid, signal.SIGKILL)
    report = verify_ledger(folder.ledger, identity.public)
    assert report.success
    assert report.sequence >= returned[-1]
    assert Ledger(folder.ledger, identity).append("note", {}).sequence == report.sequence + 1


def test_a_growing_ledger_is_witnessed(
    ledger: Ledger, identity: Identity, witness: EnvironmentFolder
) -> None:
    for _ in range(3):
        witness_head(witness.ledger, identity.public, ledger.show("cloud"))
        ledger.append("note", {})
    kept = witnessed_head(witness.ledger, "onprem")
    assert kept is not None
    assert kept.sequence == 7


def test_heads_are_trailed_until_acknowledged(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.show("cloud")
        ledger.append("note", {})
    assert sorted(ledger.show("cloud").trail) == [5, 6, 7]
    ledger.acknowledged("cloud", 7)
    ledger.append("note", {})
    assert sorted(ledger.show("cloud").trail) == [7, 8]


def test_a_restored_backup_is_found_by_the_peer(
    ledger: Ledger, folder: EnvironmentFolder, identity: Identity, witness: EnvironmentFolder
) -> None:
    ledger.show("cloud")
    backup = {path: path.read_bytes() for path in folder.ledger.rglob("*") if path.is_file()}
    ledger.append("note", {"secret": "deed"})
    witness_head(witness.ledger, identity.public, ledger.show("cloud"))
    for path, data in backup.items():
        path.write_bytes(data)
    for _ in range(4):
        ledger.append("note", {"nothing": "happened"})
    assert verify_ledger(folder.ledger, identity.public).success
    before = witnessed_head(witness.ledger, "onprem")
    with pytest.raises(NotVerifiableError, match="does not agree with its entry 6"):
        witness_head(witness.ledger, identity.public, ledger.show("cloud"))
    assert witnessed_head(witness.ledger, "onprem") == before
    assert before is not None
    found = verify_ledger(folder.ledger, identity.public, witnessed=[before])
    assert [(p.id, p.sequence) for p in found.problems] == [("forked", 6)]


def test_a_head_that_was_overtaken_is_taken_and_lowers_nothing(
    ledger: Ledger, identity: Identity, witness: EnvironmentFolder
) -> None:
    heads = []
    for _ in range(3):
        heads.append(ledger.show("cloud"))
        ledger.append("note", {})
    for head in (heads[2], heads[0], heads[1]):
        witness_head(witness.ledger, identity.public, head)
    kept = witnessed_head(witness.ledger, "onprem")
    assert kept is not None
    assert kept.sequence == 7


def test_a_forged_head_is_refused(tmp_path: Path, ledger: Ledger, witness: EnvironmentFolder) -> None:
    other = EnvironmentFolder(tmp_path / "forger" / "onprem").create()
    create_identity(other, "onprem")
    head = ledger.head()
    assert head is not None
    with pytest.raises(NotVerifiableError):
        check_head(witness.ledger, load_identity(other).public, head)
    assert not (witness.ledger / "witnessed").exists()
