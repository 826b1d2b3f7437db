"""What is cut off in the middle: killed server, workers and steps; Ctrl-C; a disk without space.

Invariants:
1. Nothing is timed by luck: a step holds at a mark, and an ingress at the lock of its asset.
2. After each of them nothing is half-written: no draft, every version sound, every ledger verifies.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from prefect_view import api_of, every, step_runs
from site_variants import change

from flows.cli.init import write_site

if TYPE_CHECKING:
    from conftest import System

pytestmark = [pytest.mark.long, pytest.mark.system, pytest.mark.xdist_group("bad-input")]

ISTHMUS = Path(sys.executable).with_name("isthmus")
FLOW = '''
import os
import time
from pathlib import Path

from flows.runtime import AssetRef, latest, pipeline, sync
from tasks.steps import StepRun, step

MARKS = Path({marks!r})
READINGS = latest("readings", environment="onprem", contract="clinic.readings")


def hold(table):
    """Say which process this is, and wait until the test lets it go."""
    marks = Path({marks!r})
    (marks / f"began-{{os.getpid()}}").touch()
    while not (marks / "go").exists():
        time.sleep(0.02)
    return len(table)


@step(purpose="statistics")
def count(run: StepRun, readings: AssetRef) -> int:
    """Count the rows, slowly."""
    return sum(run.open(readings).map(hold))


@pipeline(home="onprem")
def held(readings: AssetRef = READINGS) -> None:
    """One crossing, and one step that holds."""
    count.on("cloud")(sync(readings, to="cloud", purpose="statistics").require())
'''
SYNC = ("sync", "readings", "--from", "onprem", "--to", "cloud", "--purpose", "statistics")


class Held:
    """A running system of two environments, whose one pipeline holds in its last step."""

    def __init__(self, system: System, marks: Path) -> None:
        self.system, self.marks = system, marks
        self.cloud = system.home / "environments" / "cloud"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command as a terminal would: in a foreground group of its own."""
        return subprocess.Popen(
            [str(ISTHMUS), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"ISTHMUS_HOME": str(self.system.home), "ISTHMUS_SITE": str(self.system.site)},
        )

    def began(self) -> int:
        """Wait until the step holds; the pid of the Dask worker in which it does."""
        return int(until(lambda: next(self.marks.glob("began-*"), None)).name.partition("-")[2])

    def go(self) -> None:
        """Let what holds, and what will come to the mark, go on."""
        (self.marks / "go").touch()

    def clear(self) -> None:
        """Hold again."""
        for mark in self.marks.iterdir():
            mark.unlink()

    def versions(self) -> int:
        """Return how often the readings were committed in the cloud."""
        assets = self.system.json("asset", "list", "--env", "cloud")["assets"]
        return sum(asset["versions"] for asset in assets)

    def permitted(self) -> list[str]:
        """Return the crossings that the cloud's ledger says were let in, one for each entry."""
        entries = self.system.json("ledger", "show", "--env", "cloud")["entries"]
        return [
            str(entry["body"]["crossing"])
            for entry in entries
            if entry["kind"] == "ingress" and entry["body"]["outcome"] == "permitted"
        ]

    def taken(self) -> dict[str, int]:
        """Return the runs that the cloud's worker has given to processes, with the process of each."""
        found = {}
        for path in (self.cloud / "run" / "taken").glob("*.json"):
            with suppress(OSError, ValueError):
                if pid := json.loads(path.read_text()).get("pid"):
                    found[path.stem] = int(pid)
        return found

    @contextmanager
    def ingress_held(self) -> Iterator[None]:
        """Hold the lock of the store in the cloud: an ingress gets as far as its commit, and waits."""
        path = self.cloud / "store" / "assets" / ".lock"
        if not path.exists():
            self.system.json(*SYNC)
        with path.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def committing(self) -> int:
        """Wait until an ingress waits for the lock; the pid of its process."""
        waiting = until(lambda: list((self.cloud / "store" / "staging").glob("*/data/**/*.parquet")))
        assert len(waiting) == 1
        [pid] = self.taken().values()
        return pid


def until(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def running(make_system: Callable[..., System], tmp_path_factory: pytest.TempPathFactory) -> Held:
    folder = tmp_path_factory.mktemp("bad-input")
    site, marks = folder / "site", folder / "marks"
    marks.mkdir()
    write_site(site)
    (site / "flows" / "held.py").write_text(FLOW.format(marks=str(marks)), encoding="utf-8")
    change(site / "environments" / "onprem.yaml", "  - blood_pressure\n", "  - blood_pressure\n  - held\n")
    change(
        site / "environments" / "cloud.yaml",
        "  - blood_pressure.count_high\n",
        "  - blood_pressure.count_high\n  - held.count\n",
    )
    system = make_system(site=site)
    system.run("up", timeout=120)
    data = site / "data" / "readings.csv"
    names = ("--env", "onprem", "--name", "readings", "--contract", "clinic.readings")
    system.run("asset", "add", str(data), *names)
    return Held(system, marks)


@pytest.fixture
def held(running: Held) -> Iterator[Held]:
    """Return the system with nothing half-written, and look that it is so afterwards."""
    running.clear()
    yield running
    running.go()
    until(lambda: not running.taken(), 30)
    for environment in ("onprem", "cloud"):
        staging = running.system.home / "environments" / environment / "store" / "staging"
        # What a killed process left is swept by the next one that writes; nobody reads it meanwhile.
        assert running.system.json("asset", "verify", "--env", environment)["sound"]
        assert running.system.json("ledger", "verify", "--env", environment)["success"]
        assert list(staging.glob("*/data")) == []


def runs_of(held: Held, run: str) -> dict[str, str]:
    with api_of(held.system.home) as client:
        return {part["name"]: part["state"]["type"] for part in step_runs(client, run)}


def state_of(held: Held, run: str) -> tuple[str, str]:
    with api_of(held.system.home) as client:
        state = client.get(f"/flow_runs/{run}").raise_for_status().json()["state"]
    return state["type"], state.get("message") or ""


def test_a_server_that_dies_in_the_middle_of_a_run_is_waited_for(held: Held) -> None:
    def server() -> int:
        process = json.loads((held.system.home / "system" / "state.json").read_text())["parts"]["server"]
        return int((process["process"] or {}).get("pid", 0))

    versions = held.versions()
    command = held.start("run", "held", "--watch", "--json")
    held.began()
    before = server()
    os.kill(before, signal.SIGKILL)
    held.go()
    until(lambda: server() not in {0, before})
    out, err = command.communicate(timeout=120)
    assert (command.returncode, json.loads(out)["state"]) == (0, "Completed"), out + err
    assert held.versions() == versions + 1
    assert len(held.permitted()) == len(set(held.permitted()))


def test_a_killed_worker_of_an_environment_ends_the_run_and_the_next_one_completes(held: Held) -> None:
    before = held.versions()
    command = held.start("run", "held", "--watch")
    held.began()
    worker = json.loads((held.cloud / "run" / "worker.json").read_text())["pid"]
    killed = time.monotonic()
    os.kill(worker, signal.SIGKILL)
    out, err = command.communicate(timeout=60)
    assert time.monotonic() - killed < 30
    assert command.returncode == 6, out
    assert "count@cloud" in out
    assert "Crashed" in out
    assert "isthmus run held --watch" in err
    assert "Traceback" not in out + err
    run = out.splitlines()[0].split()[-1]
    assert runs_of(held, run)["count@cloud"] == "CRASHED"
    assert "run it again" in state_of(held, run)[1]
    held.go()
    assert held.system.json("run", "held", "--watch")["state"] == "Completed"
    assert held.versions() == before + 2
    assert len(held.permitted()) == len(set(held.permitted()))


def test_a_killed_dask_worker_is_replaced_and_its_work_done_again(held: Held) -> None:
    command = held.start("run", "held", "--watch", "--json")
    first = held.began()
    os.kill(first, signal.SIGKILL)
    until(lambda: {path.name for path in held.marks.glob("began-*")} - {f"began-{first}"})
    held.go()
    out, err = command.communicate(timeout=90)
    assert (command.returncode, json.loads(out)["state"]) == (0, "Completed"), out + err


def test_a_sync_that_is_killed_with_its_ingress_is_gone_on_with(held: Held) -> None:
    with held.ingress_held():
        before = held.versions()
        command = held.start(*SYNC)
        ingress = held.committing()
        os.kill(command.pid, signal.SIGKILL)
        os.kill(ingress, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(ingress) or psutil.Process(ingress).status() == "zombie")
    command.communicate()
    until(lambda: not held.taken(), 30)
    assert held.versions() == before
    again = held.system.json(*SYNC)
    assert (again["outcome"], held.versions()) == ("permitted", before + 1)
    assert held.permitted().count(again["crossing"]) == 1


def test_a_sync_that_is_interrupted_says_so_and_is_gone_on_with(held: Held) -> None:
    with held.ingress_held():
        before = held.versions()
        command = held.start(*SYNC)
        held.committing()
        os.killpg(command.pid, signal.SIGINT)
        _, err = command.communicate(timeout=30)
    assert command.returncode == 130
    said, remedy = err.splitlines()
    assert said == "isthmus: no longer watching; what onprem and cloud were asked for, they end by themselves"
    assert "the same command" in remedy
    again = held.system.json(*SYNC)
    assert (again["outcome"], held.versions()) == ("permitted", before + 1)
    assert held.permitted().count(again["crossing"]) == 1


def test_a_watch_that_is_interrupted_leaves_the_run_and_says_how_to_stop_it(held: Held) -> None:
    command = held.start("run", "held", "--watch", "--json")
    held.began()
    os.killpg(command.pid, signal.SIGINT)
    out, err = command.communicate(timeout=30)
    assert (command.returncode, "Traceback" in err) == (130, False)
    told = json.loads(out)
    assert (told["kind"], told["exit_code"]) == ("Interrupted", 130)
    text = told["error"] + told["remedy"]
    [run] = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", text))
    assert f"isthmus logs --run {run} --follow" in text
    assert f"isthmus cancel {run}" in text
    assert state_of(held, run)[0] == "RUNNING"
    assert held.system.json("cancel", run)["state"] == "Cancelled"
    until(lambda: runs_of(held, run)["count@cloud"] == "CANCELLED", 15)
    assert held.system.json("cancel", run)["stopped"] is False


@pytest.mark.parametrize(("answer", "code", "state"), [(b"c\n", 6, "CANCELLED"), (b"\x03", 130, "RUNNING")])
def test_on_a_terminal_ctrl_c_asks_and_a_second_one_leaves_the_run(
    held: Held, answer: bytes, code: int, state: str
) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"ISTHMUS_HOME": str(held.system.home), "ISTHMUS_SITE": str(held.system.site)}
        os.execv(str(ISTHMUS), [str(ISTHMUS), "run", "held", "--watch"])  # noqa: S606 - our own command
    told = b""

    def reads(*words: bytes) -> bool:
        nonlocal told
        if select.select([terminal], [], [], 0.2)[0]:
            with suppress(OSError):  # the terminal is gone once the command is
                told += os.read(terminal, 4096)
        return any(word in told for word in words)

    held.began()
    os.write(terminal, b"\x03")
    until(lambda: reads(b"]: "), 20)
    time.sleep(0.3)  # the question stands there a moment before the command reads the answer
    os.write(terminal, answer)
    until(lambda: reads(b"run it again", b"runs it again", b"isthmus cancel"), 30)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == code, told
    assert b"Traceback" not in told
    [run] = set(re.findall(r"run/([0-9a-f-]{36})", told.decode()))
    assert state_of(held, run)[0] == state
    held.go()
    if state == "RUNNING":
        until(lambda: state_of(held, run)[0] == "COMPLETED")


@pytest.mark.parametrize("run", ["nothing", "00000000-0000-0000-0000-000000000000"])
def test_a_run_that_is_unknown_cannot_be_cancelled(held: Held, run: str) -> None:
    done = held.system.run("cancel", run, "--json", check=False)
    assert (done.returncode, json.loads(done.stdout)["kind"]) == (2, "UsageError")


def test_an_unknown_purpose_is_a_typing_error_and_nothing_is_asked(held: Held) -> None:
    with api_of(held.system.home) as client:
        before = len(every(client, "flow_runs"))
        done = held.system.run(*SYNC[:-1], "statistcs", "--json", check=False)
        assert (done.returncode, len(every(client, "flow_runs"))) == (2, before)
    assert "did you mean statistics?" in json.loads(done.stdout)["remedy"]
    denied = held.system.run(*SYNC[:-1], "marketing", "--json", check=False)
    assert (denied.returncode, json.loads(denied.stdout)["outcome"]) == (3, "denied")
    assert "purpose" in {rule["id"] for rule in json.loads(denied.stdout)["rules"]}


def test_doctor_finds_the_limits_as_they_should_be_and_a_pool_that_was_narrowed(held: Held) -> None:
    def limits() -> set[str]:
        found = held.system.json("doctor")["findings"]
        return {finding["severity"] for finding in found if finding["check"] == "limits"}

    assert limits() == {"ok"}
    with api_of(held.system.home) as client:
        client.patch("/work_pools/cloud", json={"concurrency_limit": 4}).raise_for_status()
    assert limits() == {"warning"}
    held.system.run("deploy")
    assert limits() == {"ok"}


def test_a_down_that_is_interrupted_is_finished_by_the_next(running: Held) -> None:
    """The last one: it ends the system that the others share."""
    parts = json.loads((running.system.home / "system" / "state.json").read_text())["parts"]
    host = parts["host@cloud"]["process"]["pid"]
    command = running.start("down")
    until(lambda: not psutil.pid_exists(host))
    os.killpg(command.pid, signal.SIGINT)
    out, err = command.communicate(timeout=60)
    assert "Traceback" not in err
    if command.returncode != 0:  # it may have been done in that very moment
        assert (command.returncode, out) == (130, "")
        assert "`isthmus down` again" in err
    running.system.run("down")
    assert running.system.processes() == []


def test_without_space_up_says_so_and_leaves_nothing(make_system: Callable[..., System]) -> None:
    """On a real file system of 40 MB, in a mount namespace of its own."""
    script = (
        'mount -t tmpfs -o size=40m,mode=700 tmpfs "$ISTHMUS_HOME" && '
        '{ "$@"; code=$?; test -z "$(ls "$ISTHMUS_HOME"/system/api.json 2>/dev/null)" && exit $code; }'
    )
    system = make_system()
    done = system.run("up", check=False, under=("unshare", "--mount", "sh", "-c", script, "sh"))
    if "ermission denied" in done.stderr or "not permitted" in done.stderr:
        pytest.skip("mount namespaces are not permitted here")
    assert done.returncode == 5, done.stderr
    assert "No space left on device" in done.stderr
    assert "free space" in done.stderr or "isthmus doctor" in done.stderr
    assert "Traceback" not in done.stderr
    assert system.processes() == []
