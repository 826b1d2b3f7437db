"""The report of a proof, as a page of the documentation."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from story import Arm
from trials import WORDS, Trial

__all__ = ["report", "table"]

ROOT = Path(__file__).resolve().parents[2]
_HEAD = """\
Values that occur nowhere by chance were planted in every restricted column that can hold one: names and
record numbers of patients, numbers and amounts of a bank's clients, numbers of a factory's parts. Every
shipped pipeline and every way to fail ran over them. Then whatever another environment or the server can read
was searched for them: as text in either case, decimal digits, bytes of integers and floats, UTF-16,
hexadecimal and base64; Parquet decoded; gzip, zlib and zstd opened. A restricted column whose contract admits
a handful of values (a gender, a part's number of five digits) cannot hold such a value; in the same rows
others stand for it."""
_TAIL = """\
That there is no value where nobody looked, or in a form that the search does not know. What a person types as
the name of an asset is told as a name. Timing, sizes and
counts are not data here, and are told. All environments ran on one machine, under one user, and other
programs' loopback traffic is among the packets. PostgreSQL is spoken to through a socket in the file system,
which no capture sees: its files and rows are searched instead. Between a step and the gate of its own
environment the loopback is in the clear: what a step's own code tells Prefect's client is withheld there, and
whoever may open a packet socket on that machine reads it before. Those packets are searched for what belongs
to other environments."""


def table(arm: Arm) -> Iterator[str]:
    """Yield what was searched, as a table."""
    yield "| searched | things | MB | found |"
    yield "|---|---:|---:|---:|"
    for found in arm.found:
        if not found.place.startswith("control"):
            yield f"| {found.place} | {found.things:,} | {found.bytes / 1e6:.1f} | {len(found.leaks)} |"


def report(arms: list[tuple[Trial, Arm]], seconds: float) -> Iterator[str]:
    """Yield the page."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    whole = arms[0][1]
    yield "# Nothing leaks: the report of `make prove`"
    yield ""
    yield f"Written by the run of {datetime.now(UTC):%Y-%m-%d} on {commit or 'no commit'} ({seconds:.0f} s)."
    yield ""
    yield from _HEAD.splitlines()
    yield ""
    yield "## With all guards"
    yield ""
    yield from table(whole)
    yield ""
    if whole.segments is None:
        yield "Packets were not captured: this process may not open a packet socket."
    else:
        yield f"{whole.segments:,} TCP segments were captured and {whole.dropped} dropped."
    yield ""
    yield "What ran, with its exit code:"
    yield ""
    yield "| exit | command |"
    yield "|---:|---|"
    for said, code in whole.ended.items():
        yield f"| {code} | `isthmus {said}` |"
    yield ""
    yield "## With guards off"
    yield ""
    yield "| off | the same search finds |"
    yield "|---|---|"
    for trial, arm in arms[1:]:
        places = [f"{found.place}: {len(found.leaks)}" for found in arm.found if found.leaks]
        told = "; ".join(place for place in places if not place.startswith("control"))
        off = ", and ".join(WORDS[name] for name in trial.off)
        yield f"| {off} | {told or f'nothing: {trial.held(arm)}'} |"
    yield ""
    yield "## What this does not prove"
    yield ""
    yield from _TAIL.splitlines()
