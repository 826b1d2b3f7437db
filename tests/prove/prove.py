"""`make prove`: nothing leaks, and each guard is why.

One system runs with all guards: every shipped pipeline and every way to fail, over planted values; whatever
another environment or the server can read is searched for them, and there must be none. Then systems run with
guards turned off, and the same search must find them, or, where a second guard stands behind the first, must
find that it held. The report is written for the documentation.

    make prove                       all of it
    make prove ARGS="--arm gate"     one arm, nothing written; "--arm wrapper,gate" for two guards at once
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

REPORT = ROOT / "docs" / "proof.md"


def main() -> int:
    """Run the trials; write the report if all of them ended as they must."""
    from reporting import report, table
    from story import Arm, play
    from trials import TRIALS, Trial, complaints

    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    given.add_argument("--arm", default=None, metavar="GUARDS", help="one arm: guards by comma, or `none`")
    asked = given.parse_args()
    trials = TRIALS
    if asked.arm is not None:
        off = tuple(name for name in asked.arm.split(",") if name != "none")
        trials = tuple(trial for trial in TRIALS if trial.off == off)
        if not trials:
            known = ", ".join(",".join(trial.off) or "none" for trial in TRIALS)
            given.error(f"--arm {asked.arm}: no such arm; there are {known}")
    start, arms, wrong = time.monotonic(), list[tuple[Trial, Arm]](), 0
    for trial in trials:
        begun, name = time.monotonic(), f"{' and '.join(trial.off)} off" if trial.off else "all guards on"
        print(f"prove: {name} ...", flush=True)
        arm = play(*trial.off)
        arms.append((trial, arm))
        told = list(complaints(trial, arm))
        wrong += len(told)
        print("\n".join(f"exit {code}: isthmus {said}" for said, code in arm.ended.items()))
        print("\n".join(table(arm)))
        print("\n".join(f"WRONG {line}" for line in told) or "as it must be", end="")
        print(f"  ({time.monotonic() - begun:.0f} s)", flush=True)
    if not wrong and asked.arm is None:
        REPORT.write_text("\n".join(report(arms, time.monotonic() - start)) + "\n", encoding="utf-8")
        print(f"prove: nothing leaked, and each guard is why: {REPORT.relative_to(ROOT)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
