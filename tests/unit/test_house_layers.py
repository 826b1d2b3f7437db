"""import-linter finds nothing, and finds what it should when something is put there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("flows", "tasks", "environments", "data_contracts")
LINTER = Path(sys.executable).with_name("lint-imports")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
    "contracts"
]
TRESPASSES = {
    "data_contracts/trespass.py": "import environments.ref\nimport prefect\n",
    "environments/placement/trespass.py": "import environments.stores\n",
    "environments/stores/trespass.py": "import environments.transit\n",
    "environments/assets/trespass.py": "import environments.stores.trespass_back\n",
    "environments/stores/trespass_back.py": "import environments.assets.trespass\n",
}


def lint(folder: Path) -> tuple[int, str]:
    command = [str(LINTER), "--no-cache"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stdout + done.stderr


def test_the_layers_hold() -> None:
    code, text = lint(ROOT)
    assert code == 0, text


def test_no_import_is_ignored() -> None:
    assert all("ignore_imports" not in contract for contract in CONTRACTS)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_rule_finds_its_trespass(copy: Path) -> None:
    for name, text in TRESPASSES.items():
        (copy / name).write_text(text)
    code, text = lint(copy)
    assert code == 1, text
    for contract in CONTRACTS:
        assert f"{contract['name']} BROKEN" in " ".join(text.split()), contract["name"]
