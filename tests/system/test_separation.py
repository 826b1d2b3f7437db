"""No process opens files of two environments: watched by the kernel, from the first `up` to `down`.

`up`, its supervisor, `status`, `plan` and `doctor` are no exception. A transit is opened by processes of
its two environments only.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from open_files import Opened, processes, strace, tracers

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("separation"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]
COMMANDS = {
    "up": ("up",),
    "add": (
        *("asset", "add", "{site}/data/readings.csv", "--env", "onprem"),
        *("--name", "readings", "--contract", "clinic.readings"),
    ),
    "plan": ("plan", "blood_pressure"),
    "run": ("run", "blood_pressure", "--watch"),
    "status": ("status",),
    "doctor": ("doctor",),
    "logs": ("logs",),
    "ledger": ("ledger", "verify", "--env", "cloud"),
    "deploy": ("deploy",),
    "down": ("down",),
}


@dataclass(frozen=True)
class Watched:
    """What every process of one life of the system opened, by the command that started it."""

    by_command: dict[str, list[Opened]]

    @property
    def all(self) -> list[tuple[str, Opened]]:
        return [(command, opened) for command, found in self.by_command.items() for opened in found]


@pytest.fixture(scope="module")
def watched(make_system: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Trace one life of a system with two environments and a pipeline that crosses."""
    site = tmp_path_factory.mktemp("site") / "clinic"
    traces = tmp_path_factory.mktemp("traces")
    system = make_system()
    system.run("init", str(site))
    system = make_system(site=site)
    for name, words in COMMANDS.items():
        arguments = [word.format(site=site) for word in words]
        # doctor may have findings on a busy machine: what it opens counts, not what it finds.
        done = system.run(*arguments, check=name != "doctor", under=strace(traces / name), timeout=300)
        assert "Traceback" not in done.stderr, done.stderr
    deadline = time.monotonic() + 60
    while tracers(traces):
        assert time.monotonic() < deadline, "a traced process is still there after down"
        time.sleep(0.1)
    return Watched({name: processes(traces / name, system.home) for name in COMMANDS})


def test_the_watch_sees_the_work(watched: Watched) -> None:
    """Without this, an empty trace would prove anything."""
    whose = {environment for _, opened in watched.all for environment in opened.environments}
    assert whose == {"onprem", "cloud"}
    assert len(watched.by_command["up"]) >= 10
    crossed = {transit for _, opened in watched.all for transit in opened.transits}
    assert ("onprem", "cloud") in crossed
    for asked in ("status", "plan"):
        seen = {name for opened in watched.by_command[asked] for name in opened.environments}
        assert seen, f"{asked} asked no environment"


def test_no_process_opens_files_of_two_environments(watched: Watched) -> None:
    both = [(command, opened) for command, opened in watched.all if len(opened.environments) > 1]
    assert both == []


def test_a_transit_is_opened_by_its_two_environments_only(watched: Watched) -> None:
    strangers = [
        (command, opened)
        for command, opened in watched.all
        for transit in opened.transits
        if len(opened.environments) != 1 or not opened.environments <= set(transit)
    ]
    assert strangers == []


@pytest.mark.parametrize(
    ("script", "environments"),
    [
        ("open(home + '/environments/a/x'); open(home + '/environments/b/y')", {"a", "b"}),
        # Not there, in a thread, and by a link: each is an open.
        ("[os.path.exists(home), os.open(home + '/environments/c', 0)]", {"c"}),
        (
            (
                "open(home + '/environments/a/x'); "
                "t = threading.Thread(target=lambda: open(home + '/environments/b/y')); t.start(); t.join()"
            ),
            {"a", "b"},
        ),
        ("os.chdir(home + '/environments'); open('a/x'); open('b/y')", {"a", "b"}),
        ("open(home + '/environments/a/x'); open(home + '/link')", {"a", "b"}),
        ("open(home + '/environments/a/x'); open(home + '-other/environments/b/y', 'w')", {"a"}),
    ],
)
def test_the_watch_finds_who_opens_two(tmp_path: Path, script: str, environments: set[str]) -> None:
    home = tmp_path / "home"
    for name, file in (("a", "x"), ("b", "y")):
        (home / "environments" / name).mkdir(parents=True)
        (home / "environments" / name / file).touch()
    (tmp_path / "home-other" / "environments" / "b").mkdir(parents=True)
    (home / "link").symlink_to(home / "environments" / "b" / "y")
    code = (
        f"import os, threading, time\nhome = {str(home)!r}\ntry:\n    {script}\nexcept OSError:\n    pass\n"
    )
    subprocess.run([*strace(tmp_path / "trace"), sys.executable, "-c", code], check=True, timeout=60)
    while tracers(tmp_path):
        time.sleep(0.01)
    found = [opened.environments for opened in processes(tmp_path / "trace", home)]
    assert found == [environments]


def test_two_processes_may_open_one_each(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code = (
        "import os\nfor name in 'ab':\n    if os.fork() == 0:\n"
        f"        os.mkdir({str(home)!r} + '/environments/' + name)\n        os._exit(0)\n    os.wait()\n"
    )
    (home / "environments").mkdir(parents=True)
    subprocess.run([*strace(tmp_path / "trace"), sys.executable, "-c", code], check=True, timeout=60)
    while tracers(tmp_path):
        time.sleep(0.01)
    found = sorted(sorted(opened.environments) for opened in processes(tmp_path / "trace", home))
    assert found == [["a"], ["b"]]
