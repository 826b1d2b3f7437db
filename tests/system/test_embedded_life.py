"""The embedded system's life: up, twice, side by side, killed, interrupted, down. Hosts are stand-ins."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("embedded")]

ENTRY = [str(Path(__file__).with_name("control_plane.py"))]
ISTHMUS = [sys.executable, "-P", "-m", "flows.cli.main"]
SITE = Site.load()


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Callable[[str], Home]]:
    made: list[Home] = []

    def make(name: str) -> Home:
        made.append(Home(tmp_path / name))
        return made[-1]

    yield make
    for home in made:
        if home.root.exists():
            take_down(home)
            assert not any(leftovers(home).values())


def bring_up(
    home: Home, *, port: int | None = None, hosts: bool = False
) -> tuple[dict[str, Any], list[Event]]:
    events: list[Event] = []
    os.environ["STAND_IN_HOSTS"] = "1" if hosts else "0"
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


def eventually(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def is_closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def nothing_is_left(home: Home, port: int) -> None:
    assert not any(leftovers(home).values())
    assert is_closed(port)
    assert [path for path in home.root.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)] == []
    assert not api_file(home).exists()
    assert running(home) is None


def test_up_is_ready_private_on_loopback_and_down_leaves_nothing(
    homes: Callable[[str], Home], tmp_path: Path
) -> None:
    tmp_path.chmod(0o711)
    home = homes("home")
    state, events = bring_up(home, hosts=True)
    assert [event.name for event in events if event.kind == "ready"] == ["all"]
    told = {event.name for event in events if event.kind == "part"}
    environments = ("cloud", "edge", "onprem")
    assert told == {"postgresql", "prefect server"} | {
        f"{part}@{name}" for part in ("keys", "dask", "worker") for name in environments
    }
    client = Client(read_api(home))
    assert client.get("/admin/version") == "3.8.8"
    assert "public" in str(client.get("/admin/settings")["server"]["ui"]) or True
    # Every socket that listens is loopback's or lies in the home.
    ours = {process.pid for group in leftovers(home).values() for process in group}
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=False).stdout
    for line in listening.splitlines():
        if any(f"pid={pid}," in line for pid in ours):
            assert line.split()[3].startswith("127.0.0.1:")
    for path in home.root.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        private = path.is_symlink() or path.is_relative_to(home.system / "ui") or mode & 0o077 == 0
        assert private, path
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o711
    # No process of an environment knows the database's password.
    word = (home.secrets / "database").read_bytes()
    host = recorded(state)["host@cloud"]
    assert word not in Path(f"/proc/{host.pid}/environ").read_bytes()
    assert take_down(home)
    nothing_is_left(home, state["port"])
    assert not take_down(home)


def test_the_api_refuses_who_has_no_credential(homes: Callable[[str], Home]) -> None:
    home = homes("home")
    state, _ = bring_up(home)
    import http.client

    for headers in ({}, {"Authorization": "Basic aXN0aG11czp3cm9uZw=="}):
        connection = http.client.HTTPConnection("127.0.0.1", state["port"], timeout=10)
        connection.request("POST", "/api/flows/filter", "{}", headers)
        assert connection.getresponse().status == 401
        connection.close()


def test_twice_is_one_system_and_the_port_is_kept(homes: Callable[[str], Home]) -> None:
    home = homes("home")
    first, _ = bring_up(home)
    second, events = bring_up(home)
    assert first["supervisor"] == second["supervisor"]
    assert [event.kind for event in events] == ["note"]
    with pytest.raises(UsageError, match=str(first["port"])):
        bring_up(home, port=first["port"] + 1)
    assert take_down(home)
    third, _ = bring_up(home)
    assert third["port"] == first["port"]
    assert third["supervisor"] != first["supervisor"]


def test_two_homes_live_side_by_side_where_one_path_begins_with_the_other(
    homes: Callable[[str], Home],
) -> None:
    short, long = homes("home"), homes("home2")
    one, _ = bring_up(short)
    two, _ = bring_up(long)
    assert one["port"] != two["port"]
    assert read_api(short).auth_string != read_api(long).auth_string
    assert take_down(short)
    nothing_is_left(short, one["port"])
    assert server_answers(two["port"], timeout=10.0)
    assert all(alive(process) for process in recorded(long.read_state()).values())


def test_a_taken_port_is_said_and_nothing_starts(homes: Callable[[str], Home]) -> None:
    home = homes("home")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UnreachableError, match=str(port)) as caught:
            bring_up(home, port=port)
        assert caught.value.exit_code == 5
        assert "--port" in caught.value.remedy
    assert not any(leftovers(home).values())
    assert not (home.system / "postgresql").exists()


def test_a_remembered_port_that_is_taken_gives_way_with_a_note(homes: Callable[[str], Home]) -> None:
    home = homes("home")
    first, _ = bring_up(home)
    take_down(home)
    with socket.create_server(("127.0.0.1", first["port"])):
        second, events = bring_up(home)
    assert second["port"] != first["port"]
    assert [event.name for event in events if event.kind == "note"] == ["port"]


@pytest.mark.parametrize("name", ["server", "postgresql", "host@edge"])
def test_a_dead_part_is_started_again(homes: Callable[[str], Home], name: str) -> None:
    home = homes("home")
    state, _ = bring_up(home, hosts=True)
    dead = recorded(state)[name]
    assert send(dead, signal.SIGKILL)
    eventually(lambda: recorded(home.read_state()).get(name) not in {dead, None})
    client = Client(read_api(home), timeout=30.0)

    def works() -> bool:
        try:
            return bool(client.post("/flows/count", {}) == 0)
        except UnreachableError:
            return False

    eventually(works, 60.0)
    assert home.read_state()["parts"][name]["restarts"] == 1


def test_a_killed_supervisor_takes_all_with_it_and_down_and_up_still_work(
    homes: Callable[[str], Home],
) -> None:
    home = homes("home")
    state, _ = bring_up(home, hosts=True)
    assert send(recorded(state)["supervisor"], signal.SIGKILL)
    assert take_down(home)
    nothing_is_left(home, state["port"])
    again, _ = bring_up(home, hosts=True)
    assert again["port"] == state["port"]
    assert send(recorded(again)["supervisor"], signal.SIGKILL)
    # Without `down` in between, and with a damaged record.
    (home.system / "state.json").unlink()
    third, _ = bring_up(home)
    assert server_answers(third["port"], timeout=10.0)


def test_down_ends_what_a_dead_system_left_even_without_a_record(homes: Callable[[str], Home]) -> None:
    home = homes("home")
    state, _ = bring_up(home)
    server = recorded(state)["server"]
    os.kill(recorded(state)["supervisor"].pid, signal.SIGSTOP)  # it cannot help, and it must go, too
    (home.system / "state.json").write_text("no JSON")
    assert take_down(home)
    assert not alive(server)
    nothing_is_left(home, state["port"])


@pytest.mark.parametrize("after", [0.0, 1.0, 2.5, 4.0])
def test_an_interrupt_while_it_starts_undoes_it(homes: Callable[[str], Home], after: float) -> None:
    home = homes("home")
    code = (
        "import sys; from environments.embedded.launch import launch; from environments.home import Home;"
        "from environments.site import Site; print('go', flush=True);"
        "launch(Home(sys.argv[1]), Site.load(), None, lambda e: None, entry=[sys.argv[2]])"
    )
    up = subprocess.Popen(
        [sys.executable, "-c", code, str(home.root), ENTRY[0]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "STAND_IN_HOSTS": "1"},
    )
    assert up.stdout is not None
    assert up.stdout.readline() == b"go\n"
    time.sleep(after)
    up.send_signal(signal.SIGINT)
    _, errors = up.communicate(timeout=60)
    if up.returncode == 0:
        pytest.skip("it was ready before the interrupt")  # a fast machine; the shorter waits still prove it
    assert b"KeyboardInterrupt" in errors
    if (home.root / "STATE_VERSION").exists():
        assert not any(leftovers(home).values())
        assert not api_file(home).exists()


def test_who_waited_going_away_undoes_it(homes: Callable[[str], Home]) -> None:
    home = homes("home")
    code = (
        "import sys; from environments.embedded.launch import launch; from environments.home import Home;"
        "from environments.site import Site; print('go', flush=True);"
        "launch(Home(sys.argv[1]), Site.load(), None, lambda e: None, entry=[sys.argv[2]])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home.root), ENTRY[0]], stdout=subprocess.PIPE
    ) as up:
        assert up.stdout is not None
        up.stdout.readline()
        eventually(lambda: (home.system / "postgresql").exists())
        up.kill()
    eventually(lambda: not any(leftovers(home).values()), 60.0)
    assert not api_file(home).exists()


def test_the_commands_tell_it_in_json_and_by_their_status(homes: Callable[[str], Home]) -> None:
    home = homes("home")
    state, _ = bring_up(home)
    code, status = isthmus(home, "status")
    assert (code, status["healthy"], status["phase"]) == (0, True, "ready")
    assert {part["name"] for part in status["parts"]} == {"supervisor", "postgresql", "server"}
    assert 50 * 2**20 < status["memory"] < 500 * 2**20
    code, found = isthmus(home, "doctor")
    assert (code, found["healthy"]) == (0, True)
    assert {finding["check"] for finding in found["findings"]} >= {
        "versions", "ports", "disk", "memory", "clocks", "leftovers", "home",
    }  # fmt: skip
    code, exports = isthmus(home, "shell-env")
    assert (code, exports["PREFECT_API_URL"]) == (0, state["url"])
    code, logs = isthmus(home, "logs", "--lines", "3")
    assert code == 0
    assert {line["source"] for line in logs["lines"]} >= {"postgresql"}
    assert isthmus(home, "down") == (0, {"stopped": True})
    code, status = isthmus(home, "status")
    assert (code, status["phase"]) == (5, "down")
    code, error = isthmus(home, "shell-env")
    assert (code, error["kind"]) == (5, "UnreachableError")


def test_no_secret_and_no_value_lies_in_a_log_of_the_system(homes: Callable[[str], Home]) -> None:
    home = homes("home")
    bring_up(home, hosts=True)
    client = Client(read_api(home))
    client.post("/flows/", {"name": "sentinel-7f3a"})
    with pytest.raises(UnreachableError):
        client.post("/flow_runs/", {"flow_id": "sentinel-7f3a", "parameters": {"x": "sentinel-7f3a"}})
    take_down(home)
    words = [(home.secrets / name).read_text() for name in ("api", "database")] + ["sentinel-7f3a"]
    for log in (home.system / "logs").iterdir():
        text = log.read_text(encoding="utf-8", errors="replace")
        assert not any(word in text for word in words), log
