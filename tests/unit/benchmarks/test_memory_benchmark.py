"""What the memory benchmark makes of processes and samples; measuring itself is `make bench NAME=memory`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))

from memory import COMMAND, MIB, Sample, document, named, peak, quiet, table

# 1 has started everything: supervisor 10 with PostgreSQL, server and one host, and somebody's command.
PARENTS = {1: 0, 10: 1, 11: 10, 12: 10, 13: 10, 21: 11, 31: 13, 32: 13, 33: 13, 34: 13, 40: 33, 50: 1, 51: 50}
KNOWN = {
    10: "supervisor",
    11: "postgresql",
    12: "server",
    13: "hosts",
    31: "schedulers",
    32: "pollers",
    50: COMMAND,
}


def test_every_process_of_the_tree_is_of_one_part() -> None:
    assert named(PARENTS, KNOWN, frozenset({31, 33})) == {
        10: "supervisor",
        11: "postgresql",
        21: "postgresql",
        12: "server",
        13: "hosts",
        31: "schedulers",
        32: "pollers",
        33: "dask workers",
        34: "runs and spares",
        40: "dask workers",
        50: COMMAND,
        51: COMMAND,
    }


def test_a_process_of_nobody_counts_nowhere() -> None:
    assert named({1: 0, 7: 1, 8: 99}, {10: "supervisor"}, frozenset({7})) == {}


def test_the_peak_is_the_most_at_one_moment_and_idle_the_median() -> None:
    samples = [Sample(0, {"a": 1, "b": 5}), Sample(1, {"a": 9, "b": 0}), Sample(2, {"a": 4, "b": 4})]
    assert peak(samples).second == 1
    assert quiet(samples).second == 2


def test_table_and_document_say_the_same() -> None:
    columns = {
        "idle after up": Sample(0, {"server": 100 * MIB, "hosts": 20 * MIB}),
        "peak, demo 1": Sample(1, {"server": 900 * MIB}),
    }
    lines = table(columns)
    assert [line.split() for line in lines[1:]] == [
        ["server", "100", "900"],
        ["hosts", "20", "0"],
        ["total", "120", "900"],
    ]
    told = json.loads(json.dumps(document(columns, [12.34])))
    assert told["total"] == {"idle after up": 120.0, "peak, demo 1": 900.0}
    assert told["of budget"] == {"idle after up": 0.1, "peak, demo 1": 0.52}
    assert told["seconds"] == [12.3]
