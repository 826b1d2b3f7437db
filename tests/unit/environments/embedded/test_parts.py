from __future__ import annotations

import signal
import subprocess
import sys
import time

from environments.embedded.parts import Part, Parts


class Starter:
    """Starts real processes and keeps them from being reaped by anyone but the parts."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.children: list[subprocess.Popen[bytes]] = []

    def __call__(self) -> int:
        self.children.append(subprocess.Popen([sys.executable, "-c", self.code]))
        return self.children[-1].pid


def wait_until(parts: Parts, condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        parts.reap()
        parts.restart_due()
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def test_a_dead_part_is_started_again_after_a_pause_that_grows() -> None:
    starter = Starter("raise SystemExit(3)")
    parts = Parts()
    began = time.monotonic()
    part = parts.add(Part("server", starter, ()))
    wait_until(parts, lambda: part.restarts == 2 and part.process is None)
    assert 1.5 <= time.monotonic() - began < 6.0  # pauses of 0.5 s and 1 s
    assert part.last_exit == 3
    assert parts.failing() == []
    due = parts.next_due()
    assert due is not None
    assert 1.0 < due <= 2.0
    parts.stop([lambda _name: True])


def test_a_killed_part_shows_its_signal_and_is_described_with_its_start_time() -> None:
    starter = Starter("import time; time.sleep(60)")
    parts = Parts()
    part = parts.add(Part("server", starter, ((signal.SIGTERM, 5.0),)))
    described = parts.describe()["server"]["process"]
    assert described["pid"] == starter.children[0].pid
    assert described["started"] > 0
    starter.children[0].kill()
    wait_until(parts, lambda: part.restarts == 1)
    assert part.last_exit == -signal.SIGKILL
    parts.stop([lambda _name: True])
    assert part.process is None


def test_groups_stop_one_after_another_and_stubborn_parts_by_force() -> None:
    polite = Starter("import time; time.sleep(60)")
    stubborn = Starter("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)")
    parts = Parts()
    database = parts.add(Part("postgresql", polite, ((signal.SIGTERM, 5.0),)))
    host = parts.add(Part("host@cloud", stubborn, ((signal.SIGTERM, 0.5), (signal.SIGKILL, 5.0))))
    time.sleep(0.5)
    order: list[str] = []

    def hosts(name: str) -> bool:
        order.append("hosts")
        return name.startswith("host@")

    def rest(name: str) -> bool:
        if "rest" not in order:
            order.append("rest")
            assert host.process is None
            assert database.process is not None
        return not name.startswith("host@")

    parts.stop([hosts, rest])
    assert order[-1] == "rest"
    assert (host.process, host.last_exit) == (None, -signal.SIGKILL)
    assert (database.process, database.last_exit) == (None, -signal.SIGTERM)
    assert parts.next_due() is None
