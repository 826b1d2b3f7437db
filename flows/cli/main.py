"""The entry point: finds the command's file by its name and imports only that.

`isthmus check` must start in about a second, so nothing here imports Prefect, Dask, pandas or
Great Expectations, and a command's module is imported when the command is named.
"""

from __future__ import annotations

import importlib
import sys

import click
from click.shell_completion import CompletionItem

from flows.cli.report import run_reporting

__all__ = ["COMMANDS", "main"]

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module whose `command` (click.Command or click.Group) it is, one line of help)
    "init": ("flows.cli.init", "Write a commented site that runs."),
    "up": ("flows.cli.up", "Start the embedded system, and return when all of it is ready."),
    "down": ("flows.cli.down", "Stop the embedded system; no process, port or socket stays."),
    "status": ("flows.cli.status", "Every part: health, version, address, queues, last runs."),
    "logs": ("flows.cli.logs", "Logs of the system, of one environment, or of one run."),
    "doctor": ("flows.cli.doctor", "Look for trouble, and say what to do about each finding."),
    "shell-env": (
        "flows.cli.shell_env",
        "Print the exports with which plain `prefect` talks to this system.",
    ),
    "asset": ("flows.cli.asset", "Add, list, show, get and verify the assets of one environment."),
    "check": ("flows.cli.check", "Check a file or an asset against its data contract."),
    "contract": ("flows.cli.contract", "Lint data contracts."),
    "sync": ("flows.cli.sync", "Move one asset across one boundary, if its terms permit."),
    "deploy": ("flows.cli.deploy", "Register pipelines, steps and schedules with the server."),
    "run": ("flows.cli.run", "Run a pipeline."),
    "plan": ("flows.cli.plan", "Show what a pipeline would do, before anything runs."),
    "ledger": ("flows.cli.ledger", "Show and verify the record of one environment."),
    "incident": ("flows.cli.incident", "Show the true error behind an incident id, where it happened."),
    "worker": ("flows.cli.worker", "Run one environment's sealed worker."),
    "demo": ("flows.cli.demo", "Run the hospital's pipeline from nothing and show what crossed."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete from the table: pressing Tab imports no command."""
        names = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items()]
        return [item for item in names if item.value.startswith(incomplete)] + click.Command.shell_complete(
            self, ctx, incomplete
        )


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"isthmus {version('isthmus-hybrid')}")
        ctx.exit()


_ROOT = _LazyGroup(
    name="isthmus",
    help=(
        "AI pipelines across on-premise, cloud and edge: every step runs where its data may lawfully be, "
        "and nothing crosses between environments unproved.\n\n"
        "Begin with `isthmus demo`, or `isthmus init DIR` for a site of your own."
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
    params=[
        click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version),
    ],
)


def main() -> None:
    """Run the command line and exit with the status that design §4 gives each kind of error."""
    sys.exit(run_reporting(_ROOT, sys.argv[1:]))
