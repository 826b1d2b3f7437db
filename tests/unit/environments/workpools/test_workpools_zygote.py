"""The zygote as a real process with real children: each test runs one in a subprocess of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

PROGRAM = """
import asyncio, json, os, signal, sys, threading, time
from pathlib import Path
from environments.workpools.launcher import Launcher
from environments.workpools.zygote import Part, Zygote

OUT = Path(sys.argv[1])

def note(name, value):
    draft = OUT / (name + ".draft")
    draft.write_text(json.dumps(value))
    draft.rename(OUT / name)

def child(argument, files):
    note("child-" + argument["name"], {"pid": os.getpid(), "ppid": os.getppid(), "sid": os.getsid(0),
         "files": [name for name in os.listdir("/proc/self/fd")]})
    if argument.get("orphan"):
        if os.fork() == 0:
            os.setsid()
            note("orphan", os.getpid())
            time.sleep(600)
        while not (OUT / "orphan").exists():
            time.sleep(0.01)
    if argument.get("file"):
        os.write(files[0], b"hello")
        return 7
    if argument.get("exits"):
        return 3
    time.sleep(600)

def part(channel):
    return asyncio.run(main(channel))

BODY
if len(sys.argv) > 2:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
zygote = Zygote({"child": child, "forbidden": child}, {"part": Part(part, frozenset({"child"}))})
note("zygote", os.getpid())
sys.exit(zygote.serve())
"""

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def run(body: str, *arguments: str) -> subprocess.Popen[bytes]:
        program = PROGRAM.replace(
            "BODY", "async def main(channel):\n" + textwrap.indent(textwrap.dedent(body), "    ")
        )
        log = (tmp_path / "log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), *arguments], stdout=log, stderr=log
        )
        log.close()
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def read(path: Path, seconds: float = 30) -> dict[str, int]:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} never came"
        time.sleep(0.02)
    return json.loads(path.read_text())


def ends(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


FOREVER = """
launcher = Launcher(channel)
note("part", os.getpid())
await launcher.start("child", {"name": "a"})
await asyncio.sleep(600)
"""


def test_a_child_has_a_session_of_its_own_and_none_of_its_parents_files(start: Start, tmp_path: Path) -> None:
    zygote = start(FOREVER)
    child = read(tmp_path / "child-a")
    assert child["ppid"] == zygote.pid
    assert child["sid"] == child["pid"]
    assert set(child["files"]) <= {"0", "1", "2", "3"}  # 3: the folder that was being listed


def test_a_child_gets_the_file_it_was_given_and_its_end_is_told(start: Start, tmp_path: Path) -> None:
    start(
        """
        launcher = Launcher(channel)
        reader, writer = os.pipe()
        child = await launcher.start("child", {"name": "a", "file": True}, [writer])
        os.close(writer)
        status = await child.ended
        note("told", [os.read(reader, 10).decode(), status])
        await asyncio.sleep(600)
        """
    )
    assert read(tmp_path / "told") == ["hello", 7]


def test_killing_the_zygote_kills_everyone(start: Start, tmp_path: Path) -> None:
    zygote = start(FOREVER)
    part, child = read(tmp_path / "part"), read(tmp_path / "child-a")["pid"]
    zygote.kill()
    assert ends(part)
    assert ends(child)


def test_stopping_the_zygote_ends_everyone(start: Start, tmp_path: Path) -> None:
    zygote = start(FOREVER)
    part, child = read(tmp_path / "part"), read(tmp_path / "child-a")["pid"]
    zygote.send_signal(signal.SIGTERM)
    assert zygote.wait(20) == 0
    assert ends(part, 0.1)
    assert ends(child, 0.1)


def test_a_part_that_dies_takes_its_children_along_and_comes_back(start: Start, tmp_path: Path) -> None:
    start(FOREVER)
    part, child = read(tmp_path / "part"), read(tmp_path / "child-a")["pid"]
    (tmp_path / "part").unlink()
    os.kill(part, signal.SIGKILL)
    assert ends(child)
    assert read(tmp_path / "part") != part


def test_an_orphan_that_left_its_group_is_ended_too(start: Start, tmp_path: Path) -> None:
    start(
        """
        launcher = Launcher(channel)
        child = await launcher.start("child", {"name": "a", "orphan": True, "exits": True})
        await asyncio.sleep(600)
        """
    )
    assert ends(read(tmp_path / "orphan"))


def test_a_part_may_only_ask_for_its_own_entries(start: Start, tmp_path: Path) -> None:
    start(
        """
        note("part", os.getpid())
        await Launcher(channel).start("forbidden", {"name": "evil"})
        """
    )
    assert ends(read(tmp_path / "part"))
    assert not (tmp_path / "child-evil").exists()


def test_a_part_can_only_kill_its_own_children(start: Start, tmp_path: Path) -> None:
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        start(
            f"""
            from environments.workpools.launcher import Child
            launcher = Launcher(channel)
            launcher.kill(Child({bystander.pid}, asyncio.get_running_loop().create_future()), 9)
            child = await launcher.start("child", {{"name": "a"}})
            launcher.kill(child)
            note("status", await child.ended)
            await asyncio.sleep(600)
            """
        )
        assert read(tmp_path / "status") == -signal.SIGKILL
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_with_two_threads_is_no_zygote(start: Start, tmp_path: Path) -> None:
    process = start(FOREVER, "with-a-thread")
    assert process.wait(30) != 0
    assert "one thread" in (tmp_path / "log").read_text()
    assert not (tmp_path / "part").exists()
