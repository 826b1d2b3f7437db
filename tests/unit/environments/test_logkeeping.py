"""Logs are rotated while somebody writes, and those of old runs go."""

from __future__ import annotations

import os
import time
from pathlib import Path

from environments.logkeeping import MAX_LOG, RUN_DAYS, keep_logs, rotate


def test_a_small_log_is_not_rotated(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("short\n")
    assert not rotate(log, limit=10)
    assert not rotate(tmp_path / "none.log", limit=10)
    assert log.read_text() == "short\n"


def test_rotation_keeps_what_was_there_and_a_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("a") as writer:
        writer.write("x" * 20)
        writer.flush()
        assert rotate(log, limit=10)
        writer.write("after")
    assert (tmp_path / "a.log.1").read_text() == "x" * 20
    assert log.read_text() == "after"


def test_logs_over_the_limit_and_runs_of_long_ago_are_dealt_with(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    long = tmp_path / "host.log"
    with long.open("wb") as stream:
        stream.truncate(MAX_LOG + 1)
    now = time.time()
    for name, days in (("old", RUN_DAYS + 1), ("young", RUN_DAYS - 1)):
        (runs / f"{name}.log").touch()
        os.utime(runs / f"{name}.log", (now, now - days * 86_400))
    keep_logs(tmp_path, runs=runs)
    assert long.stat().st_size == 0
    assert (tmp_path / "host.log.1").stat().st_size == MAX_LOG + 1
    assert [path.name for path in runs.iterdir()] == ["young.log"]
    keep_logs(tmp_path / "nowhere", runs=tmp_path / "nowhere")
