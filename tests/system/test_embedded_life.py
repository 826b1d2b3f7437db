"""The embedded system's life: up, twice, side by side, killed, interrupted, down. Hosts are stand-ins."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import UnreachableError, UsageError
from environments.embedded.api import api_file, read_api
from environments.embedded.client import Client
from environments.embedded.launch import launch, running
from environments.embedded.processes import alive, send
from environments.embedded.progress import Event
from environments.embedded.server import server_answers
from environments.embedded.sweep import leftovers, recorded
from environments.embedded.takedown import take_down
from environments.home import Home
from environments.site import Site

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("embedded"),
    pytest.mark.timeout(600),
]

ENTRY = [str(Path(__file__).with_name("control_plane.py"))]
SITE = Site.load()


@pytest.fixture(scope="module", autouse=True)
def _stand_in_hosts() -> Iterator[None]:
    """Ask for stand-ins while these tests run, and not for longer: other files share the process."""
    os.environ["STAND_IN_HOSTS"] = "1"
    yield
    del os.environ["STAND_IN_HOSTS"]


def bring_up(home: Home, *, port: int | None = None) -> tuple[dict[str, Any], list[Event]]:
    events: list[Event] = []
    return launch(home, SITE, port, events.append, entry=ENTRY), events


def isthmus(home: Home, *arguments: str) -> tuple[int, Any]:
    command = [sys.executable, "-P", "-c", "from flows.cli.main import main; main()", *arguments]
    done = subprocess.run(
        [*command, "--home", str(home.root), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout)


def eventually(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def a_port() -> int:
    """Return a free port that neither a system nor the kernel takes of itself."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


def listening_at(port: int, home: Home) -> list[int]:
    """Return the processes of this home that listen there; another test's system may have the port by now."""
    asked = ["ss", "-Hltnp", "sport", "=", f":{port}"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    found = []
    for pid in {int(match) for match in re.findall(r"pid=(\d+),", told)}:
        with suppress(FileNotFoundError, ProcessLookupError):
            process = Path(f"/proc/{pid}")
            words = (process / "cmdline").read_bytes() + b"\0" + (process / "environ").read_bytes()
            # Followed by one more character of a path's name, it is another home's, as "home2" is.
            if re.search(re.escape(os.fsencode(home.root)) + rb"(?![\w.-])", words):
                found.append(pid)
    return found


def holds(pid: int, word: bytes) -> bool:
    """Whether a process's writable memory holds the word."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, modes = line.split()[:2]
            if not modes.startswith("rw"):
                continue
            begin, end = (int(part, 16) for part in span.split("-"))
            with suppress(OSError, ValueError):
                memory.seek(begin)
                if word in memory.read(end - begin):
                    return True
    return False


def nothing_is_left(home: Home, port: int) -> None:
    assert not any(leftovers(home).values())
    assert listening_at(port, home) == []
    assert [path for path in home.root.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)] == []
    assert not api_file(home).exists()
    assert running(home) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("life")
    path.chmod(0o711)
    return path


@pytest.fixture(scope="module")
def home(folder: Path) -> Iterator[Home]:
    """The one system that the tests of this file share, in order; each start costs seconds."""
    home = Home(folder / "home")
    yield home
    take_down(home)
    assert not any(leftovers(home).values())


@pytest.fixture(scope="module")
def state(home: Home) -> dict[str, Any]:
    # Not the first port that every other system tries: this one stops in between, and counts on it again.
    state, events = bring_up(home, port=a_port())
    assert [event.name for event in events if event.kind == "ready"] == ["all"]
    told = {event.name for event in events if event.kind == "part"}
    environments = ("cloud", "edge", "onprem")
    assert told == {"postgresql", "prefect server"} | {
        f"{part}@{name}" for part in ("keys", "dask", "worker") for name in environments
    }
    return state


def test_everything_is_private_and_on_loopback(home: Home, state: dict[str, Any], folder: Path) -> None:
    ours = {process.pid for group in leftovers(home).values() for process in group}
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    lines = [line for line in listening.splitlines() if any(f"pid={pid}," in line for pid in ours)]
    assert [line.split()[3] for line in lines] == [f"127.0.0.1:{state['port']}"]
    assert listening_at(state["port"], home)  # so that the search can find what is left
    for path in home.root.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if not path.is_symlink() and not path.is_relative_to(home.system / "ui"):
            assert mode & 0o077 == 0, path
    assert stat.S_IMODE((home.system / "ui").stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o711
    assert stat.S_IMODE(folder.parent.stat().st_mode) & 0o077 == 0


def test_no_host_knows_the_databases_password(home: Home, state: dict[str, Any]) -> None:
    word = (home.secrets / "database").read_bytes()
    processes = recorded(state)
    assert not holds(processes["supervisor"].pid, word)
    assert not holds(processes["host@cloud"].pid, word)
    assert holds(processes["server"].pid, word)  # so the search can find it


def test_the_api_refuses_who_has_no_credential(state: dict[str, Any]) -> None:
    for headers in ({}, {"Authorization": "Basic aXN0aG11czp3cm9uZw=="}):
        connection = http.client.HTTPConnection("127.0.0.1", state["port"], timeout=30)
        connection.request("POST", "/api/flows/filter", "{}", headers)
        assert connection.getresponse().status == 401
        connection.close()


def test_twice_is_one_system(home: Home, state: dict[str, Any]) -> None:
    second, events = bring_up(home)
    assert second["supervisor"] == state["supervisor"]
    assert [event.kind for event in events] == ["note"]
    with pytest.raises(UsageError, match=str(state["port"])):
        bring_up(home, port=state["port"] + 1)


def test_the_commands_tell_it_in_json_and_by_their_status(home: Home, state: dict[str, Any]) -> None:
    code, status = isthmus(home, "status")
    assert status["phase"] == "ready"
    assert status["problems"] == []
    health = {part["name"]: part["health"] for part in status["parts"]}
    assert {"supervisor": "ok", "postgresql": "ok", "server": "ok"}.items() <= health.items()
    # The stand-in hosts polled once, long ago by now: said so, and by the exit status.
    assert code == (0 if set(health.values()) == {"ok"} else 5)
    assert status["healthy"] == (code == 0)
    assert 50 * 2**20 < status["memory"] < 800 * 2**20
    code, found = isthmus(home, "doctor")
    assert (code, found["healthy"]) == (0, True)
    assert {finding["check"] for finding in found["findings"]} == {
        "versions", "ports", "disk", "memory", "clocks", "limits", "certificates", "leftovers",
        "home", "trust",
    }  # fmt: skip
    code, exports = isthmus(home, "shell-env")
    assert (code, exports["PREFECT_API_URL"]) == (0, state["url"])
    code, logs = isthmus(home, "logs", "--lines", "3")
    assert code == 0
    assert {line["source"] for line in logs["lines"]} >= {"postgresql"}


def test_no_secret_and_no_value_lies_in_a_log_of_the_system(home: Home, state: dict[str, Any]) -> None:
    assert state["phase"] == "ready"
    client = Client(read_api(home), timeout=60.0)
    with pytest.raises(UnreachableError):
        client.post("/flow_runs/", {"flow_id": "sentinel-7f3a", "parameters": {"x": "sentinel-7f3a"}})
    words = [(home.secrets / name).read_text() for name in ("api", "database")] + ["sentinel-7f3a"]
    for log in (home.system / "logs").iterdir():
        text = log.read_text(encoding="utf-8", errors="replace")
        assert not any(word in text for word in words), log


@pytest.mark.parametrize("name", ["host@edge", "postgresql", "server"])
def test_a_dead_part_is_started_again(home: Home, state: dict[str, Any], name: str) -> None:
    assert alive(recorded(state)["supervisor"])
    dead = recorded(home.read_state())[name]
    assert send(dead, signal.SIGKILL)
    eventually(lambda: recorded(home.read_state()).get(name) not in {dead, None})
    assert home.read_state()["parts"][name]["restarts"] == 1
    client = Client(read_api(home), timeout=60.0)

    def works() -> bool:
        try:
            return isinstance(client.post("/flows/count", {}), int)
        except UnreachableError:
            return False

    eventually(works, 120.0)


def test_two_homes_live_side_by_side_where_one_path_begins_with_the_other(
    home: Home, state: dict[str, Any], folder: Path
) -> None:
    longer = Home(folder / "home2")
    try:
        other, _ = bring_up(longer)
        assert other["port"] != state["port"]
        assert read_api(longer).auth_string != read_api(home).auth_string
        assert take_down(longer)
        nothing_is_left(longer, other["port"])
        assert server_answers(state["port"], timeout=60.0)
        assert alive(recorded(state)["supervisor"])
    finally:
        take_down(longer)


def test_down_leaves_nothing_and_the_port_is_kept_for_the_next_time(
    home: Home, state: dict[str, Any]
) -> None:
    assert isthmus(home, "down") == (0, {"stopped": True})
    nothing_is_left(home, state["port"])
    assert not take_down(home)
    code, status = isthmus(home, "status")
    assert (code, status["phase"]) == (5, "down")
    code, error = isthmus(home, "shell-env")
    assert (code, error["kind"]) == (5, "UnreachableError")
    again, _ = bring_up(home)
    assert again["port"] == state["port"]


def test_a_killed_supervisor_takes_all_with_it_and_down_still_works(home: Home) -> None:
    running_now = home.read_state()
    assert send(recorded(running_now)["supervisor"], signal.SIGKILL)
    assert take_down(home)
    nothing_is_left(home, running_now["port"])


def test_a_remembered_port_that_is_taken_gives_way_and_a_lost_record_does_not_matter(
    home: Home, state: dict[str, Any]
) -> None:
    with socket.create_server(("127.0.0.1", state["port"])):
        second, events = bring_up(home)
    assert second["port"] != state["port"]
    # The stand-in has no gates, which is said, too.
    assert [event.name for event in events if event.kind == "note"] == ["port", "gates"]
    processes = recorded(second)
    os.kill(processes["supervisor"].pid, signal.SIGSTOP)  # it cannot help, and it must go, too
    (home.system / "state.json").write_text("no JSON")
    assert take_down(home)
    assert not any(alive(process) for process in processes.values())
    nothing_is_left(home, second["port"])


def test_a_taken_port_is_said_and_nothing_starts(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, error = isthmus(home, "up", "--port", str(port))
    assert (code, error["kind"]) == (5, "UnreachableError")
    assert str(port) in error["error"]
    assert "--port" in error["remedy"]
    assert not any(leftovers(home).values())
    assert not (home.system / "postgresql").exists()


def starting(home: Home) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from environments.embedded.launch import launch; from environments.home import Home;"
        "from environments.site import Site; print('go', flush=True);"
        "tell = lambda event: print(event.name, flush=True);"
        "launch(Home(sys.argv[1]), Site.load(), None, tell, entry=[sys.argv[2]])"
    )
    up = subprocess.Popen(
        [sys.executable, "-c", code, str(home.root), ENTRY[0]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "STAND_IN_HOSTS": "1"},
    )
    assert up.stdout is not None
    assert up.stdout.readline() == b"go\n"
    return up


@pytest.mark.parametrize("moment", ["at once", "with PostgreSQL's folder", "after the first part"])
def test_an_interrupt_while_it_starts_undoes_it(tmp_path: Path, moment: str) -> None:
    home = Home(tmp_path / "home")
    up = starting(home)
    if moment == "with PostgreSQL's folder":
        eventually((home.system / "postgresql").exists, 60.0)
    elif moment == "after the first part":
        assert up.stdout is not None
        up.stdout.readline()
    up.send_signal(signal.SIGINT)
    _, errors = up.communicate(timeout=120)
    assert up.returncode != 0
    assert b"KeyboardInterrupt" in errors
    if (home.root / "STATE_VERSION").exists():
        # Between fork and exec nobody waits for the supervisor yet: it finds that out, a little later.
        eventually(lambda: not any(leftovers(home).values()), 60.0)
        assert not api_file(home).exists()


def test_who_waited_going_away_undoes_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with starting(home) as up:
        eventually((home.system / "postgresql").exists, 60.0)
        up.kill()
    eventually(lambda: not any(leftovers(home).values()), 120.0)
    assert not api_file(home).exists()
