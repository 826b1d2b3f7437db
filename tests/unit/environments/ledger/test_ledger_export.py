"""The export, and the auditor's one file, run as its own process: genuine ones pass, no changed one does."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data_contracts.digest import canonical, digest_bytes
from environments.home import EnvironmentFolder
from environments.identity import Identity, create_identity, load_identity
from environments.ledger import Ledger, export_lines, export_parquet, witness_head

AUDITOR = Path(__file__).parents[4] / "infra" / "auditor" / "verify_ledger.py"
CROSSING = "sha256:" + "c" * 64
Change = Callable[[list[bytes]], list[bytes]]


class Pair:
    """Two environments whose ledgers name and keep each other's heads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.names = ("onprem", "cloud")
        self.folders = {name: EnvironmentFolder(root / name).create() for name in self.names}
        for name, folder in self.folders.items():
            create_identity(folder, name)
        self.identities: dict[str, Identity] = {n: load_identity(f) for n, f in self.folders.items()}
        for number in range(3):
            self.cross(number)

    def ledger(self, name: str) -> Ledger:
        return Ledger(self.folders[name].ledger, self.identities[name])

    def cross(self, number: int) -> None:
        source, destination = self.ledger("onprem"), self.ledger("cloud")
        head = source.show("cloud")
        about = {"crossing": CROSSING, "outcome": "permitted", "name": "prüfungen", "number": number}
        source.append("egress", about | {"destination": "cloud"})
        destination.append(
            "ingress", about | {"source": "onprem", "source_head": [head.sequence, head.digest]}
        )
        witness_head(self.folders["cloud"].ledger, self.identities["onprem"].public, head)
        answer = destination.show("onprem")
        source.append(
            "settle", about | {"destination": "cloud", "peer_head": [answer.sequence, answer.digest]}
        )
        witness_head(self.folders["onprem"].ledger, self.identities["cloud"].public, answer)

    def export(self, name: str) -> Path:
        path = self.root / f"{name}.jsonl"
        with path.open("wb") as file:
            export_lines(self.folders[name].ledger, self.identities[name].public, file)
        return path

    def keys(self) -> list[str]:
        return [f"--key={name}={self.identities[name].public.key_id}" for name in self.names]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def audit(*arguments: Path | str) -> tuple[int, str]:
    command = [sys.executable, "-I", str(AUDITOR), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.stderr == "" or done.returncode == 2
    return done.returncode, done.stdout + done.stderr


def test_the_auditors_file_shares_no_code() -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(AUDITOR.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_genuine_exports_verify(pair: Pair) -> None:
    code, text = audit(pair.export("onprem"), pair.export("cloud"), *pair.keys())
    assert code == 0
    assert "onprem: verified: 7 entries" in text
    assert "1 heads kept by peers" in text
    assert "note" not in text
    code, text = audit(pair.export("onprem"))
    assert code == 0
    assert f"compare them: {pair.identities['onprem'].public.key_id}" in text


def _entries(lines: list[bytes]) -> list[int]:
    return [number for number, line in enumerate(lines) if line.startswith(b'{"body"')]


def _rechained(lines: list[bytes]) -> list[bytes]:
    """Change one entry and everything that hangs on it, but for what only a key can make."""
    made, previous = list(lines), ""
    for place, number in enumerate(_entries(lines)):
        entry = json.loads(lines[number])
        if place == 2:
            entry["body"]["number"] = 99
        if place:
            entry["previous"] = previous
        made[number] = canonical(entry) + b"\n"
        previous = digest_bytes(made[number][:-1])
    end = json.loads(made[-1])
    return [*made[:-1], canonical(end | {"digest": previous}) + b"\n"]


def _without_kind(kind: bytes) -> Change:
    return lambda lines: [line for line in lines if b'"isthmus":"%b"' % kind not in line]


CHANGES: dict[str, Change] = {
    "a value": lambda ls: [line.replace(b'"number":1', b'"number":2') for line in ls],
    "an entry removed": lambda ls: [*ls[:3], *ls[4:]],
    "two entries swapped": lambda ls: [*ls[:2], ls[3], ls[2], *ls[4:]],
    "an entry twice": lambda ls: [*ls[:3], ls[2], *ls[3:]],
    "chained anew": _rechained,
    "cut": lambda ls: ls[:-1],
    "cut in a line": lambda ls: [*ls[:-1], ls[-1][:-1]],
    "tail removed": lambda ls: [line for n, line in enumerate(ls) if n not in _entries(ls)[-2:]],
    "no heads": _without_kind(b"head"),
    "no end": _without_kind(b"end"),
    "a line behind the end": lambda ls: [*ls, ls[2]],
    "two headers": lambda ls: [ls[0], *ls],
    "no header": lambda ls: ls[1:],
    "another's name": lambda ls: [line.replace(b'"onprem"', b'"edge"') for line in ls],
    "a key twice": lambda ls: [*ls[:2], ls[2].replace(b'{"body"', b'{"kind":"x","body"'), *ls[3:]],
    "a head of the wrong shape": lambda ls: [*ls[:-1], b'{"isthmus":"head"}\n', ls[-1]],
    "an unknown line": lambda ls: [*ls[:-1], b'{"isthmus":"more"}\n', ls[-1]],
    "no JSON": lambda ls: [*ls[:2], b"\xff\xfe\n", *ls[2:]],
    "a signature": lambda ls: [
        line.replace(b'"signature":"', b'"signature":"AAAA') if b'"isthmus":"head"' in line else line
        for line in ls
    ],
    "nothing at all": lambda _: [],
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_no_changed_export_verifies(pair: Pair, name: str) -> None:
    path = pair.export("onprem")
    lines = path.read_bytes().splitlines(keepends=True)
    changed = CHANGES[name](lines)
    assert changed != lines
    path.write_bytes(b"".join(changed))
    code, text = audit(path, *pair.keys())
    assert (code, "NOT VERIFIED" in text) == (4, True), text


def test_a_forger_signs_with_another_key(pair: Pair, tmp_path: Path) -> None:
    """A whole ledger of the same name, made with the forger's own keys: only the named key tells."""
    forger = Pair(tmp_path / "forger")
    export = forger.export("onprem")
    assert audit(export)[0] == 0
    code, text = audit(export, *pair.keys())
    assert code == 4
    assert "none of its keys" in text
    code, text = audit(export, pair.export("cloud"))
    assert code == 4
    assert "is not signed by onprem" in text


def test_a_rewritten_history_is_found_by_what_the_peer_wrote_down(pair: Pair) -> None:
    """The owner itself, with its key, tells another history than the one that its peer saw."""
    cloud = pair.export("cloud")
    (pair.folders["onprem"].ledger / "ledger.db").unlink()
    for path in (pair.folders["onprem"].ledger / "shown").iterdir():
        path.unlink()
    for number in range(9):
        pair.ledger("onprem").append("note", {"number": number})
    rewritten = pair.export("onprem")
    assert audit(rewritten, *pair.keys())[0] == 0
    code, text = audit(rewritten, cloud, *pair.keys())
    assert code == 4
    assert "history was rewritten" in text
    assert "cloud's entry" in text
    assert "cloud: verified" in text


@pytest.mark.parametrize(
    "arguments", [("/nowhere",), (), ("--key=onprem",), ("--key=onprem=123", "/dev/null")], ids=str
)
def test_wrong_use(arguments: tuple[str, ...]) -> None:
    assert audit(*arguments)[0] == 2


def test_parquet(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "onprem.parquet"
    identity = pair.identities["onprem"]
    with path.open("wb") as file:
        assert export_parquet(pair.folders["onprem"].ledger, identity.public, file) == 7
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    entries = list(pair.ledger("onprem").entries())
    assert [row["sequence"] for row in rows] == list(range(1, 8))
    assert [row["digest"] for row in rows] == [digest_bytes(entry.payload()) for entry in entries]
    assert [json.loads(row["body"]) for row in rows] == [entry.body for entry in entries]
    assert {row["crossing"] for row in rows} == {None, CROSSING}
