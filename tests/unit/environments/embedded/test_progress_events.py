from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from environments.embedded.progress import Event, notify_systemd, pipe_reporter, render


def test_events_survive_the_pipe() -> None:
    reader, writer = os.pipe()
    report = pipe_reporter(writer)
    events = [Event("part", "server", "http://127.0.0.1:1/api", 1.5), Event("failed", "5", "no", remedy="do")]
    for event in events:
        report(event)
    with os.fdopen(reader) as lines:
        assert [Event.parse(line) for line in lines] == events


def test_a_reader_that_went_away_is_noticed() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        pipe_reporter(writer)(Event("part", "server"))
    os.close(writer)


def test_a_failure_is_shown_with_what_to_do() -> None:
    shown = render(Event("failed", "5", "port 80 cannot be used", remedy="name another"))
    assert shown == "isthmus: port 80 cannot be used\n  what to do: name another"


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_systemd("READY=1")  # nobody waits
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        notify_systemd("READY=1")
        assert systemd.recv(100) == b"READY=1"
