"""The command line's reference: the help text of every command, as the terminal shows it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import click

from flows.cli.main import COMMANDS
from generator.page import Page, reference

__all__ = ["page", "problems"]

WIDTH = 100


def _walk(name: str, command: click.Command, parent: click.Context) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=WIDTH)
    context.terminal_width = WIDTH
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None and not found.hidden:
                yield from _walk(child, found, context)


def _built(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def page(root: Path) -> Page:
    """Return docs/reference/commands.md."""
    top = click.Context(click.Group("isthmus"), info_name="isthmus", max_content_width=WIDTH)
    sections = []
    for name, (module, line) in COMMANDS.items():
        if not _built(module):
            sections.append(f"## isthmus {name}\n\n{line} (not built yet)")
            continue
        for path, text in _walk(name, importlib.import_module(module).command, top):
            level = "##" if path.count(" ") == 1 else "###"
            sections.append(f"{level} {path}\n\n```text\n{text.rstrip()}\n```")
    return reference(
        root,
        "commands",
        "Commands",
        "`isthmus --help` lists the commands, `isthmus COMMAND --help` teaches one. "
        "Exit codes: [exit-codes.md](exit-codes.md).",
        *sections,
    )


def problems(root: Path) -> list[str]:  # noqa: ARG001 - every check takes the root
    """Return the commands that are listed and not built."""
    return [
        f"flows/cli/commands.py:1: `isthmus {name}` is listed, and {module} does not exist"
        for name, (module, _) in COMMANDS.items()
        if not _built(module)
    ]
