"""The entry point finds a command by its name, and loads nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from flows.cli.main import COMMANDS

HEAVY = {
    *("prefect", "dask", "distributed", "pandas", "great_expectations", "fastapi", "sqlalchemy", "onnx"),
    *("onnxruntime", "polars", "pyarrow", "duckdb", "numpy", "httpx", "cryptography"),
}


def isthmus(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from flows.cli.main import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_command_with_its_line() -> None:
    done = isthmus("--help")
    assert done.returncode == 0
    words = " ".join(done.stdout.split())
    for name, (_, text) in COMMANDS.items():
        assert f"{name} {text}" in words


def test_a_shell_completes_every_command() -> None:
    environment = {
        **os.environ,
        "_ISTHMUS_COMPLETE": "bash_complete",
        "COMP_WORDS": "isthmus ",
        "COMP_CWORD": "1",
    }
    script = Path(sys.executable).with_name("isthmus")
    done = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == list(COMMANDS)


def test_no_argument_teaches() -> None:
    done = isthmus()
    assert done.returncode == 2
    assert "isthmus demo" in done.stdout + done.stderr


def test_version() -> None:
    assert isthmus("--version").stdout == f"isthmus {version('isthmus-hybrid')}\n"


@pytest.mark.parametrize("arguments", [("fly",), ("--fly",), ("statu",)])
def test_an_unknown_command_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = isthmus(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert arguments[0] in done.stderr
    assert json.loads(isthmus(*arguments, "--json").stdout)["exit_code"] == 2


def test_the_entry_point_loads_nothing_heavy() -> None:
    code = (
        "import json, sys, flows.cli.main; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout))
    assert not {"flows.cli.check", "rich"} & set(json.loads(done.stdout))


def test_a_stray_module_in_the_working_folder_is_not_ours(tmp_path: Path) -> None:
    """ADR-0001: top-level packages must not be shadowed by what lies where the user stands."""
    (tmp_path / "tasks.py").write_text("raise SystemExit('shadowed')\n")
    (tmp_path / "flows.py").write_text("raise SystemExit('shadowed')\n")
    script = Path(sys.executable).with_name("isthmus")
    done = subprocess.run([script, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
