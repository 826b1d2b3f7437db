"""Taking a system down, and keeping one up: nothing of another's, nothing of one's own caller."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_contracts.errors import UsageError
from environments.embedded import upkeep
from environments.embedded.parts import Part, Parts
from environments.embedded.processes import MARK
from environments.embedded.settings import load_settings
from environments.embedded.takedown import take_down
from environments.home import Home

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DOWN = """
import sys
from pathlib import Path
from environments.embedded.takedown import take_down
from environments.home import Home
print(take_down(Home(Path(sys.argv[1]))))
"""
SHELL = """
import json, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
down = subprocess.run([sys.executable, "-c", *sys.argv[1:]], capture_output=True, text=True)
print(json.dumps([down.stdout.strip(), child.wait(10)]))
"""


def test_who_carries_the_mark_and_asks_is_spared_and_its_children_are_not(
    home: Home, run_python: Callable[..., str]
) -> None:
    """`isthmus down` typed in a shell that a part of the system started."""
    settings = load_settings(home, create=True)
    assert settings is not None
    said = run_python(SHELL, DOWN, str(home.root), env={MARK: settings.mark})
    assert json.loads(said) == ["True", -15]


def test_a_home_of_another_version_is_left_alone(home: Home) -> None:
    settings = load_settings(home, create=True)
    assert settings is not None
    part = subprocess.Popen(SLEEP, env={MARK: settings.mark})
    (home.root / "STATE_VERSION").write_text("99\n")
    with pytest.raises(UsageError):
        take_down(home)
    assert part.poll() is None
    (home.root / "STATE_VERSION").write_text("1\n")
    assert take_down(home)
    assert part.wait(10) == -15


def test_a_record_of_nothing_is_nothing_that_ran(home: Home) -> None:
    home.write_state({"supervisor": None, "parts": {"server": {"process": None}, "postgresql": None}})
    assert not take_down(home)


def test_a_server_that_hangs_is_killed_once_it_has_been_silent_for_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its process lives and its port is taken, and nobody answers there."""
    parts = Parts()
    children: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        children.append(subprocess.Popen(SLEEP))
        return children[-1].pid

    parts.add(Part("server", start, ()))
    system = SimpleNamespace(logs=tmp_path, settings=SimpleNamespace(port=1))
    keeping = upkeep.Upkeep(system, parts)  # type: ignore[arg-type]
    monkeypatch.setattr(upkeep, "_ROUND", 0.0)
    keeping.round()  # not due yet: nothing is asked
    keeping._next = 0.0
    for _ in range(upkeep._PATIENCE - 1):
        keeping.round()
    assert children[0].poll() is None
    keeping.round()
    assert children[0].wait(10) == -9
