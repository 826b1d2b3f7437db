"""What `isthmus sync --watch` shows: lines of one form, drawn over on a terminal, one by one elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace

import pytest

from flows.cli.sync_watch import Watcher, shown
from flows.runtime.progress import Moved, Progress, moved_line, read_moved
from flows.runtime.server import LogLine, RunView

EGRESS = RunView("1", "egress@onprem", "RUNNING", "Running", "")


def drawn(*lines: str, terminal: bool = False) -> list[str]:
    written: list[str] = []
    watcher = Watcher(written.append, terminal=terminal)
    for line in lines:
        watcher.hear(EGRESS, line)
    return written


def test_a_line_of_each_look_with_rate_and_time_left() -> None:
    lines = [
        moved_line("egress.seal", done * 10**6, 240 * 10**6, at) for done, at in ((0, 0), (60, 3), (80, 4))
    ]
    assert drawn("egress.seal", *lines) == [
        "egress.seal\n",
        "egress@onprem  egress.seal   0.0 of 240.0 MB  0 %\n",
        "egress@onprem  egress.seal   60.0 of 240.0 MB  25 %  20.0 MB/s  0:00:09 left\n",
        "egress@onprem  egress.seal   80.0 of 240.0 MB  33 %  20.0 MB/s  0:00:08 left\n",
    ]


def test_a_terminal_has_one_line_that_is_drawn_over() -> None:
    written = drawn(
        *(moved_line("ingress.open", done, 100, done / 10) for done in (0, 50, 100)), terminal=True
    )
    assert all(text.startswith("\r") and "\n" not in text for text in written)
    watcher = Watcher(written.append, terminal=True)
    watcher.hear(EGRESS, moved_line("ingress.open", 1, 100, 0.1))
    watcher.say("done")
    assert written[-1].startswith("\rdone ")
    assert written[-1].endswith("\n")


def test_the_rate_is_of_the_last_seconds_and_begins_anew_with_a_phase() -> None:
    slow = [moved_line("egress.seal", at * 10**6, 10**9, at) for at in range(100)]
    fast = [moved_line("egress.seal", (99 + 50 * at) * 10**6, 10**9, 99 + at) for at in range(1, 18)]
    assert "50.0 MB/s" not in drawn(*slow, *fast[:5])[-1]
    assert " 1.0 MB/s" in drawn(*slow)[-1]
    assert "MB/s" not in drawn(*slow, moved_line("ingress.open", 0, 10, 0.0))[-1]


@pytest.mark.parametrize(
    "line",
    [
        "Jane Doe is 47",
        "egress.seal: 1 of 2 bytes, 0.50 s; Jane",
        "egress.seal: x of 2 bytes, 0.50 s",
        "\x1b[2Jegress.seal",
        "egress.seal: 1 of 2 bytes, 0.50 s\n",
        "egress.seal: 1 of 2 bytes, 1e9 s",
    ],
)
def test_nothing_that_is_not_of_the_form_is_shown(line: str) -> None:
    assert read_moved(line) is None
    assert drawn(line) == []


def test_numbers_that_lie_are_no_more_than_numbers() -> None:
    moved = read_moved("egress.seal: 9,999 of 10 bytes, 0.00 s")
    assert moved == Moved("egress.seal", 10, 10, 0.0)
    assert read_moved("egress.seal: ,,, of 0 bytes, 0.00 s") == Moved("egress.seal", 0, 0, 0.0)
    assert shown(Moved("egress.seal", 0, 0, 0.0), None) == "egress.seal   0.0 of 0.0 B  100 %"


class _Server:
    """Keeps what is posted; the real one is asked in tests/system."""

    def __init__(self) -> None:
        self.posted: list[str] = []

    def log(self, _run: str, lines: Iterable[LogLine]) -> None:
        self.posted += [line.text for line in lines]


def test_a_step_tells_now_and_then_and_its_ending_last(monkeypatch: pytest.MonkeyPatch) -> None:
    server, clock = _Server(), SimpleNamespace(now=0.0)
    tick: Callable[[], float] = lambda: clock.now  # noqa: E731
    monkeypatch.setattr("flows.runtime.progress.time", SimpleNamespace(monotonic=tick))
    progress = Progress(server, "run")  # type: ignore[arg-type]
    for at in range(1000):
        clock.now = at / 100
        progress.moved("egress.seal", at, 1000)
        progress.flush()
    progress.moved("egress.seal", 1000, 1000)
    progress.flush()
    read = [read_moved(line) for line in server.posted]
    assert all(read)
    assert 8 <= len(read) <= 12, "about one a second"
    assert (server.posted[0], server.posted[-1]) == (
        "egress.seal: 0 of 1,000 bytes, 0.00 s",
        "egress.seal: 1,000 of 1,000 bytes, 9.99 s",
    )
