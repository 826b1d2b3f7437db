"""The record of one environment: what is added stays, and every change is found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError
from environments.home import EnvironmentFolder
from environments.identity import Identity, create_identity, load_identity
from environments.ledger import Ledger, check_head, verify_ledger, witness_head, witnessed_head


@pytest.fixture
def folder(tmp_path: Path) -> EnvironmentFolder:
    made = EnvironmentFolder(tmp_path / "onprem").create()
    create_identity(made, "onprem")
    return made


@pytest.fixture
def identity(folder: EnvironmentFolder) -> Identity:
    return load_identity(folder)


@pytest.fixture
def ledger(folder: EnvironmentFolder, identity: Identity) -> Ledger:
    made = Ledger(folder.ledger, identity)
    for number in range(5):
        made.append("note", {"number": number})
    return made


def log(folder: EnvironmentFolder) -> Path:
    return folder.ledger / "entries.log"


def findings(folder: EnvironmentFolder, identity: Identity) -> list[tuple[str, int]]:
    return [(p.id, p.sequence) for p in verify_ledger(folder.ledger, identity.public).problems]


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
        (lambda ls: [*ls[:2], ls[2].replace(b'"number":2', b'"number":7'), *ls[3:]], ("altered", 3)),
        (lambda ls: [*ls[:4], ls[4].replace(b'"number":4', b'"number":7')], ("signature", 5)),
        (lambda ls: [*ls[:2], *ls[3:]], ("removed", 3)),
        (lambda ls: ls[1:], ("removed", 1)),
        (_swap, ("reordered", 2)),
        (lambda ls: ls[:3], ("truncated", 3)),
        (lambda _: [], ("truncated", 0)),
        (lambda ls: [*ls[:2], b"{}\n", *ls[2:]], ("unreadable", 3)),
        (lambda ls: [*ls[:2], ls[1], *ls[2:]], ("reordered", 2)),
    ],
    ids=[
        "altered",
        "last altered",
        "removed",
        "first removed",
        "swapped",
        "cut",
        "emptied",
        "added",
        "twice",
    ],
)
@pytest.mark.usefixtures("ledger")
def test_every_change_is_found(
    folder: EnvironmentFolder,
    identity: Identity,
    change: Callable[[list[bytes]], list[bytes]],
    expected: tuple[str, int],
) -> None:
    log(folder).write_bytes(b"".join(change(log(folder).read_bytes().splitlines(keepends=True))))
    assert expected in findings(folder, identity)


def test_nothing_is_added_to_a_cut_ledger(ledger: Ledger, folder: EnvironmentFolder) -> None:
    log(folder).write_bytes(b"".join(log(folder).read_bytes().splitlines(keepends=True)[:3]))
    before = log(folder).read_bytes()
    with pytest.raises(NotVerifiableError, match="entry 5"):
        ledger.append("note", {})
    assert log(folder).read_bytes() == before


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


def test_a_torn_append_is_cut_off_by_the_next(
    ledger: Ledger, folder: EnvironmentFolder, identity: Identity
) -> None:
    with log(folder).open("ab") as file:
        file.write(b'{"body":{"half')
    assert verify_ledger(folder.ledger, identity.public).success
    assert ledger.append("note", {}).sequence == 6
    assert verify_ledger(folder.ledger, identity.public).entries == 6


def test_a_head_that_lags_is_no_fault(ledger: Ledger, folder: EnvironmentFolder, identity: Identity) -> None:
    head = (folder.ledger / "head.json").read_bytes()
    ledger.append("note", {})
    (folder.ledger / "head.json").write_bytes(head)
    assert verify_ledger(folder.ledger, identity.public).success
    assert ledger.append("note", {}).sequence == 7


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


@pytest.fixture
def witness(tmp_path: Path) -> EnvironmentFolder:
    return EnvironmentFolder(tmp_path / "cloud").create()


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
