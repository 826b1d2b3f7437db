"""`make hosts`: three hosts and a server under the weather of several seeds, and the report of it.

    python tests/hosts/hosts.py --seeds 5          # writes the report
    python tests/hosts/hosts.py --seed 7           # one, and nothing is written
    python tests/hosts/hosts.py --seed 7 --scale 3 # cuts and the time between them three times as long

Each seed gets machines of its own, so that one that fails replays alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

REPORT = ROOT / "docs" / "hosts.md"


def main() -> int:
    """Run the seeds; write the report after each, for as long as all of them ended as they must."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    given.add_argument("--seeds", type=int, default=5, metavar="N", help="up to seed N")
    given.add_argument("--first", type=int, default=1, metavar="N", help="from seed N on, else from 1")
    given.add_argument("--seed", type=int, default=None, metavar="N", help="this one alone")
    given.add_argument(
        "--scale", type=float, default=1.0, help="how much longer everything in the weather takes"
    )
    asked = given.parse_args()
    from netns_hosts import why_not

    if why_not():
        print(f"hosts: {why_not()}")
        return 1
    from hosts_report import report
    from netns_checks import complaints
    from netns_hosts import machines
    from netns_story import Story, plant, play

    begun, stories, wrong = time.monotonic(), list[Story](), 0
    for seed in [asked.seed] if asked.seed is not None else range(asked.first, asked.seeds + 1):
        print(f"hosts: seed {seed} ...", flush=True)
        with machines() as made:
            plant(made)
            story = play(made, seed, scale=asked.scale, tell=lambda line: print(f"  {line}", flush=True))
        stories.append(story)
        told = complaints(story)
        wrong += len(told)
        print("\n".join([f"  {story.seconds}", *(f"  {line}" for line in story.waits)]))
        print("\n".join(f"  WRONG {line}" for line in told) or "  as it must be", flush=True)
        if not wrong and asked.seed is None:
            REPORT.write_text("\n".join(report(stories, time.monotonic() - begun)) + "\n", encoding="utf-8")
    if not wrong:
        print(f"hosts: {len(stories)} seeds ended as they must: {REPORT.relative_to(ROOT)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
