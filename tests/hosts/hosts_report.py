"""The report of `make hosts`, as a page of the documentation."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from netns_checks import crossings
from netns_story import Story

__all__ = ["report"]

ROOT = Path(__file__).resolve().parents[2]
_HEAD = """\
Three machines with one environment each, and a fourth with the Prefect server and PostgreSQL, made of
network namespaces on one host, with a wire between every two and a user of its own on each. The
environments joined by [invitation](guides/machines.md), reach the API by TLS (`isthmus api listen`), and
meet at SFTP servers on two of the machines. The hospital's and the factory's pipeline ran at the same time
while wires were cut and healed as a seed says: by interfaces that are down (who talks is told at once), or
by frames that reach nobody (nobody is told). All wires of the hall were cut together, for most of the time.
The factory's pipeline ended when its alarms were queued at the hall; two more versions of them were queued
there while its wires were cut, and its pump sent all three when it could, in order.

For each seed: both pipelines completed when they were asked for once. Each crossing that was permitted
ended in one commit, one receipt and one version, each that was refused in none. Every ledger verified, no
run went on, no file lay in a transit. Of the values that were planted in restricted columns the wires, the
server's API and database and the other environments held none; one mark that was sent over a wire in the
clear was found."""
_TAIL = """\
One kernel, one clock and one disk were under all four machines: a machine that dies alone, clocks that
differ and real distances are not shown here ([faults](guides/faults.md) has the first two, simulated and by
`kill -9`). Wires were whole or cut: no loss in part, no delay, no reordering. Cuts of days are the
[outbox](guides/outbox.md)'s, and tried in its own tests. There is one server, with one credential for its
API."""


def report(stories: Sequence[Story], seconds: float) -> Iterator[str]:
    """Yield the page."""
    told = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    commit = told.stdout.strip() or "no commit"
    yield "# Three hosts: the report of `make hosts`"
    yield ""
    yield f"Written by the run of {datetime.now(UTC):%Y-%m-%d} on {commit} ({seconds:.0f} s)."
    yield ""
    yield from _HEAD.splitlines()
    yield ""
    yield (
        "| seed | cuts: refusing, swallowing | hall away | crossings: permitted, refused | asked again | "
        "hospital, factory, alarms, s | segments | MB | dropped |"
    )
    yield "|---:|---|---:|---|---:|---|---:|---:|---:|"
    for story in stories:
        yield f"| {' | '.join(_cells(story))} |"
    yield ""
    yield "*Asked again*: how often a pipeline waited for a transit that could not be reached, and went on."
    yield ""
    yield "## What this does not prove"
    yield ""
    yield from _TAIL.splitlines()


def _cells(story: Story) -> Iterator[str]:
    ways = Counter(how for _, _, how in story.weather)
    ends = Counter(each.outcome == "permitted" for each in crossings(story).values())
    yield str(story.seed)
    yield f"{ways['refuse']}, {ways['swallow']}"
    yield f"{story.share_down:.0%}"
    yield f"{ends[True]}, {ends[False]}"
    yield str(len(story.waits))
    yield ", ".join(f"{story.seconds[name]:.0f}" for name in ("hospital", "factory", "alarms"))
    if story.capture is not None:
        yield f"{story.capture.segments:,}"
        yield f"{story.capture.bytes / 1e6:.1f}"
        yield f"{story.capture.dropped}"
