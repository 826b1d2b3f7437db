"""Every command teaches by an example, answers scripts in JSON, and starts light."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from flows.cli.main import COMMANDS

HEAVY = {"prefect", "dask", "distributed", "pandas", "great_expectations", "polars", "pyarrow", "onnxruntime"}
NO_JSON = {
    "isthmus api listen": "runs until it is stopped",
    "isthmus gate start": "runs until it is stopped",
    "isthmus worker start": "runs until it is stopped",
}


def walk(name: str, command: click.Command, parent: click.Context) -> Iterator[click.Context]:
    context = click.Context(command, info_name=name, parent=parent)
    if not isinstance(command, click.Group):
        yield context
        return
    for child in command.list_commands(context):
        found = command.get_command(context, child)
        assert found is not None
        yield from walk(child, found, context)


def leaves(name: str) -> list[click.Context]:
    top = click.Context(click.Group("isthmus"), info_name="isthmus")
    return list(walk(name, importlib.import_module(COMMANDS[name][0]).command, top))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_by_an_example(name: str) -> None:
    for context in leaves(name):
        text = context.command.get_help(context)
        assert "xample" in text, context.command_path
        shown = text.split("xample", 1)[1]
        assert context.command_path in shown or f"isthmus {name}" in shown, context.command_path


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    for context in leaves(name):
        for parameter in context.command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{context.command_path} {parameter.opts[0]}"


@pytest.mark.parametrize("name", COMMANDS)
def test_scripts_get_json(name: str) -> None:
    for context in leaves(name):
        options = {option for parameter in context.command.params for option in parameter.opts}
        assert ("--json" in options) != (context.command_path in NO_JSON), context.command_path


def test_no_command_loads_anything_heavy_for_its_help() -> None:
    code = """
import importlib, json, sys
from flows.cli.main import COMMANDS
loaded = {}
for name, (module, _) in COMMANDS.items():
    before = set(sys.modules)
    importlib.import_module(module)
    loaded[name] = sorted({new.partition(".")[0] for new in set(sys.modules) - before})
print(json.dumps(loaded))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = json.loads(done.stdout)
    assert {name: sorted(HEAVY & set(new)) for name, new in loaded.items() if HEAVY & set(new)} == {}
