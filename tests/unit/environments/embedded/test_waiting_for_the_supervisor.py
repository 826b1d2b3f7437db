"""`isthmus up` waits for its supervisor with bounds: one that says nothing, and one that does not end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_contracts.errors import UnreachableError
from environments.embedded import launch
from environments.embedded.processes import identify
from environments.embedded.progress import Event
from environments.home import Home


def pipe(*events: Event, close: bool = True) -> tuple[int, int]:
    reader, writer = os.pipe()
    for event in events:
        os.write(writer, event.line().encode())
    if close:
        os.close(writer)
    return reader, writer


def test_what_is_said_is_told_until_it_is_ready() -> None:
    told: list[Event] = []
    events = [
        Event("part", "server", "http://127.0.0.1"),
        Event("ready", "system", ""),
        Event("part", "late", ""),
    ]
    last = launch._follow(pipe(*events)[0], told.append)
    assert last == events[1]
    assert told == events[:2]


def test_a_supervisor_that_ends_without_a_word() -> None:
    assert launch._follow(pipe()[0], print) is None


def test_a_supervisor_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_SILENCE_S", 0.2)
    reader, writer = pipe(Event("part", "server", ""), close=False)
    with pytest.raises(UnreachableError, match="has said nothing") as refused:
        launch._follow(reader, lambda _: None)
    os.close(writer)
    assert refused.value.exit_code == 5
    assert "log" in refused.value.remedy


def test_a_supervisor_that_does_not_end_is_taken_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_LAST_S", 0.2)
    home = Home(tmp_path / "home").create()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    begun = time.monotonic()
    launch._let_end(home, child, identify(child.pid))
    assert time.monotonic() - begun < 30
    assert child.returncode is not None
