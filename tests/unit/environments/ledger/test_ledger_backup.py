"""A restore says that it is one: peers take it by their operator's word, and another history never."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import NotVerifiableError, UsageError
from environments.home import EnvironmentFolder
from environments.identity import Identity, create_identity, load_identity
from environments.ledger import Ledger, export_lines, verify_ledger, witness_head, witnessed_head
from environments.ledger.backup import accept, announcement, restore

AUDITOR = Path(__file__).parents[4] / "infra" / "auditor" / "verify_ledger.py"


class Two:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.here, self.peer = (EnvironmentFolder(root / name).create() for name in ("onprem", "cloud"))
        for folder in (self.here, self.peer):
            create_identity(folder, folder.name)
        self.identity: Identity = load_identity(self.here)
        self.other: Identity = load_identity(self.peer)
        self.ledger = Ledger(self.here.ledger, self.identity)

    def cross(self, number: int) -> None:
        self.ledger.append("egress", {"number": number})
        head = self.ledger.show("cloud")
        witness_head(self.peer.ledger, self.identity.public, head)
        self.ledger.acknowledged("cloud", head.sequence)

    def backup(self) -> Path:
        path = self.root / "backup.jsonl"
        with path.open("wb") as file:
            export_lines(self.here.ledger, self.identity.public, file)
        return path

    def accept(self, told: Any) -> Any:
        return accept(self.peer.ledger, self.other, self.identity.public, told)

    def files(self, folder: EnvironmentFolder) -> dict[Path, bytes]:
        found = {path: path.read_bytes() for path in folder.ledger.rglob("*") if path.is_file()}
        return {path: data for path, data in found.items() if not path.name.endswith("-journal")}


@pytest.fixture
def two(tmp_path: Path) -> Two:
    made = Two(tmp_path)
    for number in range(3):
        made.cross(number)
    return made


@pytest.fixture
def restored(two: Two) -> Two:
    """Backed up at entry 3, lost at entry 5, restored."""
    backup = two.backup()
    two.cross(3)
    two.cross(4)
    shutil.rmtree(two.here.ledger)
    entry = restore(two.here.ledger, two.identity, backup)
    assert (entry.sequence, entry.kind, entry.body["from"][0]) == (4, "restored", 3)
    return two


def test_a_restored_ledger_verifies_and_goes_on(restored: Two) -> None:
    assert restored.ledger.append("note", {}).sequence == 5
    assert verify_ledger(restored.here.ledger, restored.identity.public).success


def test_a_peer_refuses_until_its_operator_accepts(restored: Two) -> None:
    before = restored.files(restored.peer)
    with pytest.raises(NotVerifiableError, match="does not agree with its entry 5"):
        witness_head(restored.peer.ledger, restored.identity.public, restored.ledger.show("cloud"))
    assert restored.files(restored.peer) == before
    lost = witnessed_head(restored.peer.ledger, "onprem")
    restored.ledger.append("note", {})
    entry = restored.accept(announcement(restored.here.ledger, restored.identity, "cloud"))
    assert lost is not None
    assert entry.body["lost"] == [5, lost.digest]
    assert entry.body["entry"][0] == 4
    kept = json.loads((restored.peer.ledger / "lost" / "onprem-5.json").read_bytes())
    assert kept == lost.to_json()
    restored.cross(9)
    assert restored.accept(announcement(restored.here.ledger, restored.identity, "cloud")) is None
    report = verify_ledger(restored.here.ledger, restored.identity.public, witnessed=[lost])
    assert [problem.id for problem in report.problems] == ["forked"]


def test_an_auditor_sees_a_declared_restore(restored: Two) -> None:
    exports = []
    restored.accept(announcement(restored.here.ledger, restored.identity, "cloud"))
    for folder, identity in ((restored.here, restored.identity), (restored.peer, restored.other)):
        exports.append(restored.root / f"{folder.name}.jsonl")
        with exports[-1].open("wb") as file:
            export_lines(folder.ledger, identity.public, file)
    done = subprocess.run(
        [sys.executable, "-I", AUDITOR, *exports], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_a_rewrite_is_no_restore(two: Two) -> None:
    """The owner, with its keys, forges a backup whose history differs where the peer has seen it."""
    forged = Two(two.root / "forged")
    shutil.rmtree(forged.here.keys)
    shutil.copytree(two.here.keys, forged.here.keys)
    forged.identity = two.identity
    forged.ledger = Ledger(forged.here.ledger, two.identity)
    forged.ledger.append("egress", {"another": "history"})
    forged.ledger.show("cloud")
    forged.ledger.append("egress", {"another": "history"})
    restore(two.here.ledger, two.identity, forged.backup(), replacing=True)
    told = announcement(two.here.ledger, two.identity, "cloud")
    before = two.files(two.peer)
    with pytest.raises(NotVerifiableError, match="does not agree with what was witnessed"):
        two.accept(told)
    assert two.files(two.peer) == before


def _entry(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda told: told | {"entry": told["entry"] | changes}


@pytest.mark.parametrize(
    "change",
    [
        _entry(kind="note"),
        _entry(body={"from": [1, "sha256:" + "0" * 64]}),
        _entry(environment="edge"),
        lambda told: told | {"head": told["head"] | {"sequence": 99}},
        lambda told: told | {"head": told["head"] | {"signature": "A" * 86 + "=="}},
        lambda told: told | {"more": 1},
        lambda _: None,
        lambda _: {},
    ],
)
def test_a_changed_announcement_is_refused(restored: Two, change: Callable[[dict[str, Any]], Any]) -> None:
    told = announcement(restored.here.ledger, restored.identity, "cloud")
    before = restored.files(restored.peer)
    with pytest.raises(NotVerifiableError):
        restored.accept(change(told))
    assert restored.files(restored.peer) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b'"number":1', b'"number":7'),
        lambda raw: raw[:-5],
        lambda raw: raw.rpartition(b'{"digest"')[0],
        lambda raw: raw + raw,
        lambda raw: raw.split(b"\n", 1)[1],
        lambda _: b"",
        lambda _: b"[" * 100_000 + b"\n",
    ],
)
def test_a_damaged_backup_changes_nothing(two: Two, change: Callable[[bytes], bytes]) -> None:
    backup = two.backup()
    backup.write_bytes(change(backup.read_bytes()))
    before = two.files(two.here)
    with pytest.raises(NotVerifiableError):
        restore(two.here.ledger, two.identity, backup, replacing=True)
    assert two.files(two.here) == before
    assert not (two.here.ledger / ".restoring").exists()


def test_a_ledger_that_stands_is_kept(two: Two) -> None:
    backup, before = two.backup(), two.files(two.here)
    with pytest.raises(UsageError, match="a ledger stands there"):
        restore(two.here.ledger, two.identity, backup)
    assert two.files(two.here) == before
    two.cross(3)
    data = (two.here.ledger / "ledger.db").read_bytes()
    entry = restore(two.here.ledger, two.identity, backup, replacing=True)
    assert entry.body["replaced"][0] == 4
    [aside] = (two.here.ledger / "replaced").iterdir()
    assert (aside / "ledger.db").read_bytes() == data


def test_another_environments_backup_is_refused(two: Two) -> None:
    stranger = replace(two.other)
    with pytest.raises(UsageError, match="not a backup of cloud"):
        restore(two.peer.ledger, stranger, two.backup(), replacing=True)


def test_nothing_lost_needs_no_acceptance(two: Two) -> None:
    backup = two.backup()
    restore(two.here.ledger, two.identity, backup, replacing=True)
    assert two.accept(announcement(two.here.ledger, two.identity, "cloud")) is None
    two.cross(4)


def test_a_ledger_that_was_never_restored_announces_nothing(two: Two) -> None:
    with pytest.raises(UsageError, match="never restored"):
        announcement(two.here.ledger, two.identity, "cloud")
