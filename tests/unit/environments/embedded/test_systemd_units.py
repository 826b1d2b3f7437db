"""The systemd units are valid, hardened, and start what exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from flows.cli.main import COMMANDS

UNITS = sorted((Path(__file__).parents[4] / "infra" / "systemd").glob("*.service"))
INSTALLED = "/opt/isthmus/.venv/bin/isthmus"


def test_there_is_a_unit_for_the_system_and_one_for_a_worker_and_its_gate() -> None:
    names = [unit.name for unit in UNITS]
    assert names == [
        "isthmus-api.service",
        "isthmus-gate@.service",
        "isthmus-pump@.service",
        "isthmus-worker@.service",
        "isthmus.service",
    ]


def test_a_worker_needs_its_gate_and_cannot_open_what_the_gate_holds() -> None:
    (worker,) = [unit for unit in UNITS if unit.name.startswith("isthmus-worker")]
    text = worker.read_text(encoding="utf-8")
    assert "Requires=isthmus-gate@%i.service" in text
    assert "InaccessiblePaths=-/var/lib/isthmus/home/system -/var/lib/isthmus/home/secrets" in text


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_to_complain_about(unit: Path, tmp_path: Path) -> None:
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("systemd-analyze is not on this machine")
    # Verified on a machine without an installation in /opt: the executable is replaced by one that exists.
    # All of them: one names another.
    for each in UNITS:
        text = each.read_text(encoding="utf-8").replace(INSTALLED, "/bin/true")
        text = text.replace("file:///opt/isthmus/README.md", "man:systemd(1)")
        (tmp_path / each.name).write_text(text, encoding="utf-8")
    copy = tmp_path / unit.name
    found = subprocess.run([verifier, "verify", str(copy)], capture_output=True, text=True, check=False)
    complaints = [line for line in found.stderr.splitlines() if unit.stem.rstrip("@") in line]
    assert complaints == []
    assert found.returncode == 0, found.stderr


def test_the_verifier_sees_a_mistake(tmp_path: Path) -> None:
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("systemd-analyze is not on this machine")
    broken = tmp_path / "broken.service"
    broken.write_text("[Service]\nExecStart=relative/path\nNoSuchDirective=1\n", encoding="utf-8")
    found = subprocess.run([verifier, "verify", str(broken)], capture_output=True, text=True, check=False)
    assert found.returncode != 0 or "NoSuchDirective" in found.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_commands_that_exist_as_nobody_special(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    started = re.findall(rf"^Exec\w+={INSTALLED} (\S+)", text, flags=re.MULTILINE)
    assert started
    assert set(started) <= set(COMMANDS)
    for line in ("User=isthmus", "UMask=0077", "NoNewPrivileges=yes", "Environment=PYTHONSAFEPATH=1"):
        assert line in text
