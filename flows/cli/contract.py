"""`isthmus contract`: data contracts, from the first draft to the next version.

Each command has a file of its own, imported when it is named: `isthmus contract lint` loads no engine.
"""

from __future__ import annotations

import importlib
import importlib.util

import click

from flows.cli.options import example

__all__ = ["command"]

_COMMANDS = {
    # name: (module whose `command` it is, one line of help)
    "infer": ("flows.cli.contract_infer", "Draft a contract from a file of data."),
    "lint": ("flows.cli.contract_lint", "Show every problem of a contract, with lines."),
    "show": ("flows.cli.contract_show", "Show what a contract promises, and what may cross under it."),
    "test": (
        "flows.cli.contract_test",
        "Run a contract's sample rows, and see whether they would notice a lie.",
    ),
    "diff": ("flows.cli.contract_diff", "Compare two versions: what breaks whom, and what may cross now."),
    "docs": ("flows.cli.contract_docs", "Write one readable page for each contract."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [name for name, (module, _) in _COMMANDS.items() if importlib.util.find_spec(module)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(ctx)])


command = _Lazy(
    name="contract",
    no_args_is_help=True,
    help="Work on data contracts.",
    epilog=example(
        "isthmus contract lint tests.odcs.yaml", "isthmus contract diff old.odcs.yaml new.odcs.yaml"
    ),
)
