""".ci/run installs what is missing and nothing else, and no way of failing passes for success."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/run"
ALL = ["make check", "make test", "make test-long"]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH on which every program is a stand-in that writes down how it was called."""
    for name in ("apt-get", "make"):
        stub(tmp_path, name, 'exit "$(cat "$0.exit" 2>/dev/null || echo 0)"')
    stub(tmp_path, "dpkg-query", 'grep -qx "$3" "$(dirname "$0")/absent" 2>/dev/null || printf "ii "')
    return tmp_path


def stub(folder: Path, name: str, body: str) -> None:
    program = folder / name
    program.write_text(f'#!/bin/bash\necho "{name} $*" >> "{folder}/calls"\n{body}\n')
    program.chmod(0o755)


def run(machine: Path) -> tuple[int, list[str]]:
    environment = {**os.environ, "PATH": f"{machine}:/usr/bin:/bin"}
    done = subprocess.run(["bash", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False)
    calls = (machine / "calls").read_text().splitlines()
    return done.returncode, [call for call in calls if not call.startswith("dpkg-query")]


def test_a_ready_machine_is_left_as_it_is(machine: Path) -> None:
    assert run(machine) == (0, ALL)


def test_only_what_is_missing_is_installed(machine: Path) -> None:
    (machine / "absent").write_text("strace\n")
    code, calls = run(machine)
    assert code == 0
    update, install, *rest = calls
    assert update.startswith("apt-get update")
    assert install.startswith("apt-get install")
    assert install.endswith(" strace")
    assert "chromium" not in install
    assert rest == ALL


def test_an_installation_that_fails_ends_it(machine: Path) -> None:
    (machine / "absent").write_text("strace\n")
    (machine / "apt-get.exit").write_text("100")
    code, calls = run(machine)
    assert code != 0
    assert not [call for call in calls if call.startswith("make")]


@pytest.mark.parametrize("status", [1, 2, 5, 137])
def test_a_check_that_fails_ends_it(machine: Path, status: int) -> None:
    (machine / "make.exit").write_text(str(status))
    code, calls = run(machine)
    assert code != 0
    assert calls == ["make check"]


@pytest.mark.parametrize("status", [1, 2, 5])
@pytest.mark.parametrize("target", ["test", "test-long"])
def test_tests_that_fail_or_are_none_fail(machine: Path, target: str, status: int) -> None:
    stub(machine, "make", f'[ "$1" != {target} ] || exit {status}')
    assert run(machine) == (1, ALL[: ALL.index(f"make {target}") + 1])
