from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize("name", ["up", "down", "status", "logs", "doctor", "shell_env"])
def test_a_command_starts_without_prefect_dask_and_dataframes(
    name: str, run_python: Callable[..., str]
) -> None:
    code = f"""
import sys
import flows.cli.{name}
heavy = ("prefect", "distributed", "dask", "pandas", "polars", "pyarrow", "great_expectations", "sqlalchemy")
print([module for module in heavy if module in sys.modules])
"""
    assert run_python(code).strip() == "[]"


def test_what_is_preloaded_starts_no_thread(run_python: Callable[..., str]) -> None:
    code = """
import importlib
import os
from environments.embedded.processes import threads
from environments.embedded.system import NO_THREADS
import flows.supervisor
os.environ.update(NO_THREADS)
for name in (*flows.supervisor.SHARED, *flows.supervisor.PRELOAD):
    importlib.import_module(name)
    assert threads() == 1, name
print("one")
"""
    assert run_python(code).strip().endswith("one")
