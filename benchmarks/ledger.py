"""The ledger at a million entries: verify, look up, page, append; and what one would write otherwise.

The ledger is built by the code that appends, in one transaction and without a signature for each entry;
everything after that is the public interface, on the file as it lies on the disk. Each figure is the
median of the rounds; wall and CPU seconds.

    make bench NAME=ledger                                  about a minute
    python benchmarks/ledger.py --entries 100000 --rounds 3

    verify            `verify_ledger`: every entry hashed and compared, the signatures of the newest head and
                      of each thousandth verified
    bare loop         for comparison: the entries read and hashed by the shortest loop, nothing compared
    json loop         for comparison: each entry parsed, its canonical form computed again and hashed; a
                      sample, scaled
    signatures        for comparison: one Ed25519 verification for each entry, from a sample, scaled
    find              the newest entry of one crossing, by its id; scan is the same by reading all
    append            one entry, durable when it returns
    write + fsync     for comparison: a line of the same length at the end of a file, flushed
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from data_contracts.digest import canonical, digest_bytes  # noqa: E402 - after the path
from environments.home import EnvironmentFolder  # noqa: E402 - after the path
from environments.identity import Identity, create_identity, load_identity  # noqa: E402 - after the path
from environments.ledger import Entry, Head, Ledger, find_entries, verify_ledger  # noqa: E402 - after the path
from environments.ledger.database import Row, add, pages, reading, writing  # noqa: E402 - after the path
from environments.ledger.entry import GENESIS, HEAD_EVERY, head_payload  # noqa: E402 - after the path

LIMIT = 4.0
APPENDS = 200
TIME = "2026-11-23T20:02:49.707+00:00"


def crossing(number: int) -> str:
    """The id of one crossing."""
    return digest_bytes(b"%d" % number)


def body(number: int) -> dict[str, Any]:
    """What an egress writes down."""
    return {
        "crossing": crossing(number // 2),
        "name": "covid_tests",
        "source_version": crossing(number % 97),
        "destination": "cloud",
        "purpose": "model-training",
        "request": f"run-{number}",
        "requester": "pipeline",
        "outcome": "permitted",
        "rules": [],
        "manifest": crossing(-number),
        "bytes": number,
    }


def build(folder: EnvironmentFolder, identity: Identity, entries: int) -> None:
    """Fill the ledger with crossings."""
    previous = GENESIS
    with writing(folder.ledger) as database:
        for number in range(1, entries + 1):
            entry = Entry(number, identity.name, "egress", TIME, previous, body(number))
            payload = entry.payload()
            previous = digest_bytes(payload)
            # Every entry of a crossing keeps its head; real are those signatures that are verified.
            real = number % HEAD_EVERY == 0 or number == entries
            signature = identity.sign(head_payload(identity.name, number, previous)) if real else bytes(64)
            head = Head(identity.name, number, previous, signature)
            add(database, Row(number, payload), head, identity.public.key_id)


def timed(run: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Median wall and CPU seconds."""
    walls, cpus = [], []
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(cpus)


def loop(folder: EnvironmentFolder, digest: Callable[[bytes], object], until: int | None = None) -> None:
    """Read entries, and do one thing with each."""
    with reading(folder.ledger) as database:
        assert database is not None
        for page in pages(database, until=until):
            for _, payload in page:
                digest(payload)


def verify(folder: EnvironmentFolder, identity: Identity, entries: int) -> None:
    """Verify, and make sure that it read all."""
    report = verify_ledger(folder.ledger, identity.public)
    assert report.success
    assert report.entries == entries


def write_and_flush(folder: Path, length: int) -> None:
    """Add one line to a file, durably."""
    with closing(
        os.fdopen(os.open(folder / "peer", os.O_WRONLY | os.O_CREAT | os.O_APPEND), "wb", 0)
    ) as file:
        file.write(b"x" * length)
        os.fsync(file.fileno())


def measure(folder: EnvironmentFolder, entries: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Every figure, by name."""
    identity = load_identity(folder)
    ledger = Ledger(folder.ledger, identity)
    message = head_payload(identity.name, 1, GENESIS)
    signature = identity.sign(message)
    wanted = crossing(entries // 4)
    found = {
        "verify": timed(lambda: verify(folder, identity, entries), rounds),
        "bare loop": timed(lambda: loop(folder, lambda raw: hashlib.sha256(raw).hexdigest()), rounds),
    }
    share = max(1, entries // 20)
    parsed = timed(lambda: loop(folder, lambda raw: digest_bytes(canonical(json.loads(raw))), share), 1)
    found["json loop, scaled"] = (parsed[0] * entries / share, parsed[1] * entries / share)
    sample = timed(lambda: [identity.public.verify(message, signature) for _ in range(1000)], rounds)
    found["signatures, scaled"] = (sample[0] * entries / 1000, sample[1] * entries / 1000)
    found["find"] = timed(lambda: ledger.find("egress", crossing=wanted), 21)
    found["find, a scan"] = timed(lambda: ledger.find("egress", request="none such"), 1)
    found["page of 50"] = timed(lambda: find_entries(folder.ledger, after=entries // 2, last=50), 21)
    found["append"] = timed(lambda: ledger.append("egress", body(7)), APPENDS)
    found["write + fsync"] = timed(lambda: write_and_flush(folder.tmp, 700), APPENDS)
    return found


def main() -> int:
    """Build, measure, print; 1 if verifying a million takes longer than it may."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isthmus-ledger-", dir=ROOT / "benchmarks") as place:
        folder = EnvironmentFolder(Path(place) / "onprem").create()
        create_identity(folder, "onprem")
        begun = time.perf_counter()
        build(folder, load_identity(folder), given.entries)
        size = (folder.ledger / "ledger.db").stat().st_size
        print(f"{given.entries} entries, {size / 1e6:.0f} MB, built in {time.perf_counter() - begun:.0f} s")
        found = measure(folder, given.entries, given.rounds)
    print(f"{'':20}{'wall s':>12}{'CPU s':>12}")
    for name, (wall, cpu) in found.items():
        print(f"{name:20}{wall:12.4f}{cpu:12.4f}")
    limit = LIMIT * given.entries / 1_000_000
    ok = found["verify"][0] < limit
    print(json.dumps({"entries": given.entries, "limit": limit, "within": ok, "seconds": found}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
