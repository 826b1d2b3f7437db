"""Lines of progress over a link that comes and goes: what works never waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from data_contracts.errors import UnreachableError
from flows.runtime.endings import Ending
from flows.runtime.progress import Progress
from flows.runtime.server import LogLine


class Server:
    """Takes lines once its link is up; gives up where it is told to."""

    def __init__(self) -> None:
        self.up, self.gives_up = threading.Event(), False
        self.posted: list[list[str]] = []

    def log(self, _run: str, lines: Iterable[LogLine]) -> None:
        known = [line.text for line in lines]
        self.up.wait(20)
        if self.gives_up:
            raise UnreachableError("away")
        self.posted.append(known)


def test_a_step_goes_on_while_the_server_is_away_and_its_lines_come_in_order_before_its_end() -> None:
    server = Server()
    progress = Progress(server, "run")  # type: ignore[arg-type]
    began = time.monotonic()
    for number in range(50):
        progress.report("fit", number)
    assert time.monotonic() - began < 1
    threading.Timer(0.2, server.up.set).start()
    progress.say_ending(Ending("FAILED", "Failed", "no"))
    lines = [line for batch in server.posted for line in batch]
    assert lines == [*(f"fit: {number} rows" for number in range(50)), "Failed: no"]
    assert len(server.posted) <= 3, "what waits goes in one request"


def test_what_moves_in_no_time_is_told_although_a_line_is_on_its_way() -> None:
    server = Server()
    progress = Progress(server, "run")  # type: ignore[arg-type]
    progress.report("egress.seal")
    for done in (0, 50, 100):
        progress.moved("egress.seal", done, 100)
    server.up.set()
    progress.flush()
    lines = [line.partition(",")[0] for batch in server.posted for line in batch]
    assert lines == ["egress.seal", "egress.seal: 0 of 100 bytes", "egress.seal: 100 of 100 bytes"]


def test_of_too_many_lines_the_newest_wait() -> None:
    server = Server()
    progress = Progress(server, "run")  # type: ignore[arg-type]
    for number in range(1000):
        progress.report("fit", number)
    server.up.set()
    progress.flush()
    lines = [line for batch in server.posted for line in batch]
    assert lines[-1] == "fit: 999 rows"
    assert len(lines) <= 400  # the newest, and those that were on their way


def test_lines_that_nobody_takes_are_not_worth_a_run() -> None:
    server = Server()
    server.gives_up = True
    server.up.set()
    progress = Progress(server, "run")  # type: ignore[arg-type]
    progress.say("one")
    progress.say_ending(Ending("COMPLETED", "Completed"))
    assert server.posted == []
