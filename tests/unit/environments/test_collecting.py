"""Both entries of ours begin so: the command line, and the supervisor that all others are forked from."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from environments.collecting import collect_seldom


@pytest.mark.parametrize("entry", ["flows.cli.main", "flows.supervisor"])
def test_our_processes_look_for_circles_seldom(entry: str) -> None:
    code = (
        f"import gc, json; from {entry} import main; before = gc.get_threshold()\n"
        "try: main()\n"
        "except SystemExit: print(); print(json.dumps([before[0], gc.get_threshold()[0], gc.isenabled()]))"
    )
    command = [sys.executable, "-P", "-c", code, "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before, after, enabled = json.loads(told.splitlines()[-1])
    assert after > 10 * before
    assert enabled


def test_circles_are_still_found() -> None:
    before = gc.get_threshold()
    try:
        collect_seldom()
        freed = []

        class Circle:
            def __init__(self) -> None:
                self.me = self

            def __del__(self) -> None:
                freed.append(1)

        kept = []
        for _ in range(100):
            Circle()
            kept += [[each] for each in range(1_000)]
        assert freed
    finally:
        gc.set_threshold(*before)
