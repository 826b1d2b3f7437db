"""The ledger's database: durable, looked up by index, whole after kill -9, and nothing but a ledger."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.home import EnvironmentFolder
from environments.identity import Identity
from environments.ledger import Ledger, find_entries, lookup, verify_ledger
from environments.ledger.database import DATABASE, reading

Sql = Callable[..., list[tuple[object, ...]]]
Findings = Callable[[], list[tuple[str, int]]]
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
APPEND = (
    "import sys; from pathlib import Path; from environments.home import EnvironmentFolder\n"
    "from environments.identity import load_identity; from environments.ledger import Ledger\n"
    "f = EnvironmentFolder(Path(sys.argv[1])); ledger = Ledger(f.ledger, load_identity(f))\n"
)


@pytest.fixture
def ledger(folder: EnvironmentFolder, identity: Identity) -> Ledger:
    made = Ledger(folder.ledger, identity)
    made.append("egress", {"crossing": A, "manifest": B, "outcome": "permitted"})
    made.append("note", {})
    made.append("settle", {"crossing": A, "outcome": "permitted"})
    made.append("note", {"crossing": 7})
    return made


def test_append_returns_after_the_flush(ledger: Ledger, folder: EnvironmentFolder, tmp_path: Path) -> None:
    """The system calls of one append: what was written last is flushed before the process goes on."""
    assert ledger.head() is not None
    trace = tmp_path / "trace"
    code = APPEND + "ledger.append('note', {}); import os; os.write(1, b'returned')\n"
    command = [
        "strace",
        "-f",
        "-y",
        "-s",
        "16",
        "-o",
        str(trace),
        "-e",
        "trace=write,pwrite64,fsync,fdatasync,ftruncate",
    ]
    subprocess.run([*command, sys.executable, "-c", code, str(folder.root)], check=True, capture_output=True)
    calls = [line for line in trace.read_text().splitlines() if DATABASE in line or "returned" in line]
    assert "returned" in calls[-1]
    for name in (f"{DATABASE}>", f"{DATABASE}-journal>"):
        touched = [re.split(r"\d+ +", line, maxsplit=1)[1].split("(")[0] for line in calls if name in line]
        assert touched[-1] in {"fsync", "fdatasync"}
        assert {"pwrite64", "write"} & set(touched)
    journal, file = (
        next(i for i, line in enumerate(calls) if re.search(pattern, line))
        for pattern in (rf"sync\(.*{DATABASE}-journal>", rf"pwrite64\(.*{DATABASE}>")
    )
    assert journal < file


@pytest.mark.parametrize("after", [1, 7, 19])
def test_kill_9_leaves_a_whole_chain_for_readers_and_writers(
    folder: EnvironmentFolder, identity: Identity, after: int
) -> None:
    code = APPEND + "while True: print(ledger.append('egress', {}).sequence, flush=True)\n"
    command = [sys.executable, "-c", code, str(folder.root)]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            returned = [int(process.stdout.readline()) for _ in range(after)]
            os.kill(process.pid, signal.SIGKILL)
            # What was said before the signal arrived counts as returned too.
            returned += [int(line) for line in process.stdout if line.endswith("\n")]
        report = verify_ledger(folder.ledger, identity.public)
        assert report.success
        assert returned[-1] <= report.sequence <= returned[-1] + 1


def test_killed_between_the_two_flushes_is_undone(
    ledger: Ledger, folder: EnvironmentFolder, identity: Identity, sql: Sql
) -> None:
    before = sql("SELECT * FROM entries")
    code = APPEND + (  # noqa: S608 - no value is put in
        "from environments.ledger.database import writing; import os\n"
        "with writing(f.ledger) as database:\n"
        "    database.execute('PRAGMA cache_size=1')\n"
        "    database.execute('PRAGMA cache_spill=1')\n"
        "    for n in range(5, 400):\n"
        "        database.execute('INSERT INTO entries VALUES (?, ?)', (n, '{}' + ' ' * 4000))\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder.root)], check=False)
    assert (folder.ledger / f"{DATABASE}-journal").stat().st_size > 0
    assert verify_ledger(folder.ledger, identity.public).entries == 4
    assert sql("SELECT * FROM entries") == before
    assert ledger.append("note", {}).sequence == 5


def test_an_exception_in_the_middle_leaves_nothing(ledger: Ledger, sql: Sql) -> None:
    before = sql("SELECT * FROM heads")
    with pytest.raises(ValueError, match="nan"):
        ledger.append("note", {"not": float("nan")})
    assert sql("SELECT * FROM heads") == before


def test_heads_are_kept_for_crossings_and_thousands(
    folder: EnvironmentFolder, identity: Identity, ledger: Ledger, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sql("SELECT sequence FROM heads") == [(1,), (3,), (4,)]
    monkeypatch.setattr("environments.ledger.entry.HEAD_EVERY", 10)
    for _ in range(9):
        ledger.append("note", {})
    assert sql("SELECT sequence FROM heads") == [(1,), (3,), (10,), (13,)]
    assert verify_ledger(folder.ledger, identity.public).success


def test_find_by_crossing_and_manifest_uses_an_index(ledger: Ledger, folder: EnvironmentFolder) -> None:
    plans: list[str] = []
    with reading(folder.ledger) as database:
        assert database is not None

        class Watched:
            def execute(self, query: str, values: list[str]) -> sqlite3.Cursor:
                plans.extend(str(row[3]) for row in database.execute("EXPLAIN QUERY PLAN " + query, values))
                return database.execute(query, values)

        watched = Watched()
        for wanted in ({"crossing": A}, {"manifest": B}, {"crossing": A, "manifest": B}, {}):
            found = lookup.newest(watched, "egress", wanted)  # type: ignore[arg-type]
            assert found is not None
            assert found.sequence == 1
    assert all("SEARCH entries USING INDEX by_" in plan for plan in plans if "TEMP B-TREE" not in plan)
    assert any("by_crossing (<expr>=? AND <expr>=?)" in plan for plan in plans)
    assert ledger.find("note", crossing=7) is not None
    assert ledger.find("note", crossing=A) is None
    assert ledger.find("settle", manifest=B) is None


def test_what_was_refused_a_thousand_times_is_not_read_at_every_look(
    ledger: Ledger, folder: EnvironmentFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile transit has the same crossing refused again and again: each entry is of this crossing."""
    for _ in range(50):
        ledger.append("ingress", {"crossing": A, "manifest": B, "outcome": "failed"})
    read: list[str] = []
    parse = lookup.parse_entry
    monkeypatch.setattr(lookup, "parse_entry", lambda raw: read.append(parse(raw).kind) or parse(raw))
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    with reading(folder.ledger) as database:
        assert database is not None
        database.set_progress_handler(step, 1)
        assert lookup.newest(database, "recalled", {"crossing": A}) is None
        assert lookup.newest(database, "settle", {"crossing": A}) is not None
        assert lookup.newest(database, "recalled", {"manifest": B}) is None
    assert read == ["settle"]
    assert steps < 200, "machine instructions of SQLite: every refusal was looked at"


def test_an_older_file_is_read_and_brought_up_by_the_next_entry(
    ledger: Ledger, folder: EnvironmentFolder, identity: Identity, sql: Sql
) -> None:
    names = {"by_crossing": "crossing", "by_manifest": "manifest"}
    made = sql("SELECT name, sql FROM sqlite_schema ORDER BY name")
    for name, key in names.items():
        expression = f"json_extract(payload, '$.body.{key}')"
        sql(f"DROP INDEX {name}")
        sql(f"CREATE INDEX {name} ON entries ({expression}) WHERE {expression} IS NOT NULL")
    before = sql("SELECT * FROM entries")
    assert sql("SELECT name, sql FROM sqlite_schema ORDER BY name") != made
    assert ledger.find("settle", crossing=A) is not None
    assert ledger.find("recalled", crossing=A) is None
    assert verify_ledger(folder.ledger, identity.public).entries == 4
    assert ledger.append("note", {}).sequence == 5
    assert sql("SELECT * FROM entries WHERE sequence < 5") == before
    assert sql("SELECT name, sql FROM sqlite_schema ORDER BY name") == made
    assert verify_ledger(folder.ledger, identity.public).success


def test_entries_of_a_crossing_and_pages(ledger: Ledger, folder: EnvironmentFolder) -> None:
    def numbers(**wanted: object) -> list[int]:
        return [entry.sequence for entry in find_entries(folder.ledger, **wanted)]  # type: ignore[arg-type]

    assert ledger.head() is not None
    assert numbers(crossing="sha256:aa") == [1, 3]
    assert numbers(crossing="sha256:ab") == []
    assert numbers(kind="note") == [2, 4]
    assert numbers(last=2) == [3, 4]
    assert numbers(after=1, last=2) == [2, 3]
    assert numbers(crossing="sha256:a", last=1) == [3]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER lie AFTER INSERT ON entries BEGIN DELETE FROM heads; END",
        "CREATE VIEW more AS SELECT 1",
        "CREATE TABLE more (a)",
        "DROP INDEX by_crossing",
    ],
)
def test_a_file_with_other_tables_is_refused(
    ledger: Ledger, folder: EnvironmentFolder, sql: Sql, findings: Findings, statement: str
) -> None:
    sql(statement)
    before = (folder.ledger / DATABASE).read_bytes()
    assert findings() == [("unreadable", 0)]
    for use in (lambda: ledger.append("note", {}), lambda: ledger.find("note"), ledger.head):
        with pytest.raises(NotVerifiableError, match="not those of a ledger"):
            use()
    assert (folder.ledger / DATABASE).read_bytes() == before


def test_a_file_that_is_no_database_is_refused(
    ledger: Ledger, folder: EnvironmentFolder, findings: Findings
) -> None:
    (folder.ledger / DATABASE).write_bytes(b"garbage" * 1000)
    assert findings() == [("unreadable", 0)]
    with pytest.raises(NotVerifiableError, match="damaged"):
        ledger.append("note", {})
    assert (folder.ledger / DATABASE).read_bytes() == b"garbage" * 1000


def test_a_file_that_others_may_open_is_refused(ledger: Ledger, folder: EnvironmentFolder) -> None:
    (folder.ledger / DATABASE).chmod(0o644)
    with pytest.raises(NotVerifiableError, match="others may open it"):
        ledger.append("note", {})
    target = folder.ledger / "elsewhere"
    (folder.ledger / DATABASE).rename(target)
    (folder.ledger / DATABASE).symlink_to(target)
    with pytest.raises(NotVerifiableError, match="symbolic link"):
        ledger.append("note", {})


def test_a_ledger_that_another_process_holds_is_unreachable(
    ledger: Ledger, folder: EnvironmentFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.ledger.database._WAIT", 0.05)
    other = sqlite3.connect(folder.ledger / DATABASE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UnreachableError, match="locked"):
        ledger.append("note", {})
    other.close()
    assert ledger.append("note", {}).sequence == 5
