"""Files are small enough to be read whole, and what ships is exactly what is ours."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = {"tests": 400}  # a suite is read by its test names
USUAL = 300
LONGER: dict[str, str] = {
    # "path": "why it cannot be two files"
}
PACKAGES = {"flows", "tasks", "environments", "data_contracts"}
MUST_SHIP = (
    "data_contracts/catalog/*.odcs.yaml",
    "environments/profiles/*.yaml",
    "flows/bank/data/*.csv",
    "flows/factory/data/*.csv",
    "flows/hospital/data/*.csv",
    "flows/hospital/data/LICENSE*",
)


def ours(*patterns: str) -> list[str]:
    """Return what git tracks or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted({line for line in done.stdout.splitlines() if (ROOT / line).is_file()})


def lines(path: str) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def test_files_are_small() -> None:
    sizes = {path: lines(path) for path in ours("*.py")}
    long = {
        path: size for path, size in sizes.items() if size >= MOST_LINES.get(path.partition("/")[0], USUAL)
    }
    assert {path: size for path, size in long.items() if path not in LONGER} == {}
    assert set(LONGER) <= set(long), "an exception that nothing needs"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    assert path.name.startswith("isthmus_hybrid-")
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_the_wheel_holds_our_packages_and_nothing_else(wheel: list[str]) -> None:
    inside = {name for name in wheel if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in inside} == PACKAGES
    assert inside == set(ours(*sorted(PACKAGES)))


@pytest.mark.parametrize("pattern", MUST_SHIP)
def test_the_wheel_holds_its_data(wheel: list[str], pattern: str) -> None:
    assert any(Path(name).match(pattern) for name in wheel)


def test_the_wheel_has_its_licence_and_its_command(wheel: list[str]) -> None:
    names = {name.partition(".dist-info/")[2] for name in wheel}
    assert {"licenses/LICENSE", "entry_points.txt"} <= names


def test_the_hospitals_data_is_small() -> None:
    assert sum((ROOT / path).stat().st_size for path in ours("flows/hospital/data")) < 2_000_000


def test_infra_holds_no_importable_python() -> None:
    # The auditor's file is for others to copy and run; it imports nothing of ours, and its test says so.
    assert ours("infra/*.py") == ["infra/auditor/verify_ledger.py"]
