"""The group of all commands: finds a command's file by its name and imports only that.

`isthmus check` must start in about a second, so nothing here imports Prefect, Dask, pandas or
Great Expectations, and a command's module is imported when the command is named.
"""

from __future__ import annotations

import importlib

import click
from click.shell_completion import CompletionItem

from flows.cli.commands import COMMANDS

__all__ = ["ROOT"]


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


ROOT = _LazyGroup(
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
