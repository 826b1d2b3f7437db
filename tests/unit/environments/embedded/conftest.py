from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from environments.home import Home

REPOSITORY = Path(__file__).parents[4]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Runs a script in a process of its own: forking needs one thread, and a test runner has several."""

    def run(code: str, *arguments: str, check: bool = True, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=REPOSITORY,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **(env or {})},
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done.stdout + ("" if check else done.stderr)

    return run
