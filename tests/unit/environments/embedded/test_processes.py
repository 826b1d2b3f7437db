from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from environments.embedded.processes import (
    MARK,
    ProcessId,
    alive,
    ancestors,
    end,
    identify,
    marked,
    pss,
    send,
    working_in,
)

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def started(**options: object) -> tuple[subprocess.Popen[bytes], ProcessId]:
    child = subprocess.Popen(SLEEP, stdout=subprocess.PIPE, **options)  # type: ignore[call-overload]
    with child.stdout as said:
        assert said.readline() == b"up\n"
    process = identify(child.pid)
    assert process is not None
    return child, process


def test_a_process_is_known_by_its_start_time_and_survives_json() -> None:
    child, process = started()
    try:
        assert alive(process)
        assert ProcessId.from_json(process.to_json()) == process
        assert not alive(replace(process, started=process.started - 1))
        assert not alive(replace(process, boot="another"))
    finally:
        child.kill()
        child.wait()
    assert not alive(process)


def test_attack_a_reused_pid_is_never_signalled() -> None:
    child, process = started()
    try:
        recorded_long_ago = replace(process, started=process.started - 500)
        assert not send(recorded_long_ago, signal.SIGKILL)
        assert end([recorded_long_ago], signals=((signal.SIGKILL, 0.2),)) == []
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_what_is_recorded_wrongly_is_no_process() -> None:
    for value in (
        None,
        {},
        [],
        {"pid": "1", "started": 1, "boot": ""},
        {"pid": 1, "started": 1, "boot": "b"},
    ):
        assert ProcessId.from_json(value) is None


def test_a_zombie_counts_as_gone() -> None:
    child, process = started()
    child.kill()
    deadline = time.monotonic() + 5
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(process)
    child.wait()


def test_end_goes_on_to_the_next_signal_for_who_ignores_the_first() -> None:
    stubborn = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as said:
        said.readline()
    process = identify(child.pid)
    assert process is not None
    assert end([process], signals=((signal.SIGTERM, 0.2),)) == [process]
    assert end([process], signals=((signal.SIGTERM, 0.1), (signal.SIGKILL, 5.0))) == []
    child.wait()


def test_a_mark_is_found_whole_only() -> None:
    mark = os.urandom(8).hex()
    child, process = started(env={**os.environ, MARK: mark})
    try:
        assert marked(mark) == [process]
        assert marked(mark[:-1]) == []
        assert marked(mark + "0") == []
    finally:
        child.kill()
        child.wait()


def test_a_folder_whose_name_begins_alike_is_another(tmp_path: Path) -> None:
    for name in ("home", "home2"):
        (tmp_path / name).mkdir()
    child, process = started(cwd=tmp_path / "home2")
    try:
        assert working_in(tmp_path / "home2") == [process]
        assert working_in(tmp_path / "home") == []
        assert working_in(tmp_path / "none") == []
    finally:
        child.kill()
        child.wait()


def test_ancestors_hold_ourselves_and_our_parent() -> None:
    assert {os.getpid(), os.getppid()} <= ancestors()


def test_memory_is_told_in_bytes() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert pss(me) > 2**20
    assert pss(replace(me, pid=2**22 + 1)) == 0
