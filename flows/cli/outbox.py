"""`isthmus outbox`: what waits in an environment's outbox."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Any

import click

from data_contracts.errors import ConflictError, IsthmusError, UnreachableError, UsageError
from environments.home import Home
from environments.site import Site
from flows.cli.options import any_env_option, env_option, example, home_option, json_option, site_option
from flows.cli.outbox_backup import backup, restore
from flows.cli.report import emit_json, on_interrupt

__all__ = ["command"]

_LEAST_ID = 8


@click.group(
    name="outbox",
    no_args_is_help=True,
    epilog=example(
        "isthmus sync alarms --from edge --to onprem --purpose monitoring --queue",
        "isthmus outbox list",
        "isthmus outbox run --env edge --once",
    ),
)
def command() -> None:
    """What waits to be sent: list it, send it, take it out."""


@command.command("list", epilog=example("isthmus outbox list", "isthmus outbox list --env edge --json"))
@any_env_option
@click.option("--all", "ended", is_flag=True, help="Also what has ended in the last 30 days.")
@home_option
@site_option
@json_option
def list_(*, env: str | None, ended: bool, home: Home, site: Site, as_json: bool) -> None:
    """Show what waits, in one environment or in all: since when, why, when it is tried next, how many bytes.

    Of several environments, each one's folder is opened by a process of its own.
    """
    from environments.embedded.forks import ask_all
    from flows.cli.outbox_text import describe, print_outbox

    home.check()
    if env is not None:
        site.profile(env)
        found: dict[str, Any] = {env: describe(home.environment(env), ended=ended)}
    else:
        names = sorted(site.profiles)
        told = ask_all({name: partial(describe, home.environment(name), ended=ended) for name in names})
        found = {
            name: {"error": str(one), "remedy": one.remedy} if isinstance(one, IsthmusError) else one
            for name, one in told.items()
        }
    if as_json:
        emit_json({"environments": found})
    else:
        print_outbox(found)


@command.command(
    "run", epilog=example("isthmus outbox run --env edge", "isthmus outbox run --env edge --once --json")
)
@env_option
@click.option("--once", is_flag=True, help="Try every line once, also those that rest, and return.")
@home_option
@site_option
@json_option
def run(*, env: str, once: bool, home: Home, site: Site, as_json: bool) -> None:
    """Send what waits, take in what lies in the transits to here, and read the answers.

    It works in this one environment, with no server and no worker, until Ctrl-C (exit 130); killed at any
    moment and started again, every crossing ends in one version or none. A peer that cannot be reached rests
    for up to five minutes and holds up no other. Exit code with --once: 0, or 5 where a peer could not be
    reached; what was denied is in `isthmus outbox list --all` and in the ledger.
    """
    from environments.boundary import open_environment
    from environments.boundary.pump import Pump, pumping, serve

    site.profile(env)
    folder = home.check().environment(env).check()
    pump = Pump(lambda: open_environment(folder, Site.load(site.root)))
    did: Counter[str] = Counter()

    def one_round(*, every_line: bool = False) -> None:
        made = pump.round(every_line=every_line)
        did.update(made)
        if made and not as_json:
            click.echo(", ".join(f"{word.replace('_', ' ')} {count}" for word, count in sorted(made.items())))

    with (
        on_interrupt(
            "stopped; what was on its way goes on from there", remedy="run it again whenever you like"
        ),
        pumping(folder),
    ):
        if once:
            one_round(every_line=True)
        else:
            serve(folder, site.root, make_round=one_round, wait=time.sleep, unread=_unread)
    if as_json:
        emit_json({"environment": env, "did": dict(sorted(did.items()))})
    elif not did:
        click.echo("nothing to do")
    if did["unreachable"]:
        raise click.exceptions.Exit(UnreachableError.exit_code)


def _unread(error: IsthmusError) -> None:
    click.echo(f"isthmus: nothing is sent while this does not read: {error}", err=True)


@command.command("drop", epilog=example("isthmus outbox drop sync-5f0c9a2b --env edge"))
@click.argument("word", metavar="ID")
@env_option
@home_option
@site_option
@json_option
def drop(*, word: str, env: str, home: Home, site: Site, as_json: bool) -> None:
    """Take a crossing out of the outbox: by its request id, or the beginning of its crossing's id.

    What was sent of it and not answered is taken back, and the ledger says so. Exit code: 0 taken out, 2 no
    such crossing waits, 7 it was answered meanwhile.
    """
    from environments.boundary import open_environment
    from environments.boundary.queueing import drop as take_out
    from environments.outbox import open_outbox

    site.profile(env)
    opened = open_environment(home.check().environment(env).check(), site)
    with open_outbox(opened.folder) as outbox:
        found = outbox.find(word)
    if len(found) != 1 or found[0].ended or len(word) < _LEAST_ID:
        many = "several crossings" if len(found) > 1 else "no crossing that waits"
        raise UsageError(
            f"{word}: {many} in the outbox of {env}", remedy=f"`isthmus outbox list --env {env}` shows them"
        )
    [entry] = found
    if not take_out(opened, entry):
        raise ConflictError(
            f"{entry.request}: {entry.destination} has answered it already; nothing was taken back",
            remedy=f"`isthmus outbox run --env {env} --once` reads the answer",
        )
    if as_json:
        emit_json({"environment": env, "dropped": entry.request, "crossing": entry.crossing})
    else:
        click.echo(f"{entry.request}: taken out, and recorded; nothing of it crosses")


command.add_command(backup)
command.add_command(restore)
