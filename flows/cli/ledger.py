"""`isthmus ledger`: the record of one environment, shown and verified.

Each command opens the folder of the one environment that it names, and no other. What a peer keeps of
this ledger comes as a file: `ledger witnessed` there, `ledger verify --against` here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from data_contracts.errors import NotVerifiableError, UsageError
from environments.home import Home
from environments.identity import load_identity
from environments.ledger import (
    Entry,
    Head,
    LedgerReport,
    find_entries,
    take_over,
    verify_ledger,
    witnessed_head,
)
from environments.site import Site
from flows.cli.ledger_backup import accept, announce, backup, restore
from flows.cli.ledger_explain import explain
from flows.cli.ledger_export import export
from flows.cli.ledger_folder import open_folder
from flows.cli.ledger_report import report
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["command"]

_NOT_VERIFIED = NotVerifiableError.exit_code
_MAX_FILE = 1024 * 1024


@click.group(
    name="ledger",
    no_args_is_help=True,
    epilog=example("isthmus ledger show --env onprem", "isthmus ledger verify --env onprem"),
)
def command() -> None:
    """Show and verify the record of one environment.

    Every crossing leaves an entry on both sides: what was asked, which rules spoke, which bytes, what answer.
    Entries hold ids, names, counts and digests, never a value from the data.
    """


@command.command(
    "show",
    epilog=example(
        "isthmus ledger show --env cloud --last 5", "isthmus ledger show --env cloud --after 100 --last 50"
    ),
)
@env_option
@click.option(
    "--last", type=click.IntRange(1), metavar="N", help="At most N: the newest, or those behind --after."
)
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="ENTRY", help="Only what came behind this entry."
)
@click.option(
    "--crossing", metavar="ID", help="Only the entries of one crossing (or the beginning of its id)."
)
@home_option
@site_option
@json_option
def show(
    *, env: str, last: int | None, after: int, crossing: str | None, home: Home, site: Site, as_json: bool
) -> None:
    """Print the entries, oldest first. Showing is not verifying: `isthmus ledger verify` does that.

    A page at a time: `--last 50`, then `--after` the last entry that was shown.
    """
    wanted = None if crossing is None else "sha256:" + crossing.removeprefix("sha256:")
    folder = open_folder(home, site, env)
    take_over(folder.ledger, load_identity(folder).public)
    entries = find_entries(folder.ledger, crossing=wanted, after=after, last=last)
    if as_json:
        emit_json({"environment": env, "entries": [entry.to_json() for entry in entries]})
        return
    for entry in entries:
        click.echo(_line(entry))
    if not entries:
        click.echo(f"no entries in {env}'s ledger" + (" for this crossing" if crossing else ""))


def _line(entry: Entry) -> str:
    body = entry.body
    words = [f"{entry.sequence:>6}  {entry.time}  {entry.kind:<8}"]
    if "outcome" in body:
        words.append(f"{body['outcome']:<9}")
    if "name" in body:
        other = next((f" {way} {body[end]}" for end, way in _ENDS.items() if end in body), "")
        purpose = f" for {body['purpose']}" if "purpose" in body else ""
        words.append(f"{body['name']}{other or _version(body)}{purpose}")
    if "crossing" in body:
        words.append(f"crossing {body['crossing'][7:19]}")
    words += [_rule(rule) for rule in body.get("rules", ())]
    return " ".join(words).rstrip()


_ENDS = {"destination": "to", "source": "from"}


def _version(body: Mapping[str, Any]) -> str:
    """Return what is told of an entry that is about this environment alone: which version."""
    return f"@{body['version'][:19]}" if "version" in body else ""


def _rule(rule: dict[str, Any]) -> str:
    return (
        f"[{rule['id']}: {rule['unexpected_count']} rows]" if rule["unexpected_count"] else f"[{rule['id']}]"
    )


@command.command(
    "verify",
    epilog=example(
        "isthmus ledger verify --env onprem",
        "isthmus ledger witnessed --env cloud --of onprem --json > head.json",
        "isthmus ledger verify --env onprem --against head.json",
    ),
)
@env_option
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A head of this ledger that a peer keeps; finds a history that was rewritten as a whole.",
)
@home_option
@site_option
@json_option
def verify(*, env: str, against: tuple[Path, ...], home: Home, site: Site, as_json: bool) -> None:
    """Find what was altered, removed, reordered, added or cut off; exit 4 if anything was."""
    folder = open_folder(home, site, env)
    heads = [_head(path) for path in against]
    report = verify_ledger(folder.ledger, load_identity(folder).public, witnessed=heads)
    if as_json:
        emit_json({"environment": env, **report.to_json()})
    else:
        _print(report, env)
    if not report.success:
        raise click.exceptions.Exit(_NOT_VERIFIED)


def _print(report: LedgerReport, env: str) -> None:
    if report.success:
        click.echo(f"{env}: {report.entries} entries verified, head {report.digest}")
        return
    click.echo(f"{env}: {report.entries} entries, NOT VERIFIED", err=True)
    for problem in report.problems:
        click.echo(f"  {problem.id} at entry {problem.sequence}: {problem.message}", err=True)
    click.echo(
        "  what to do: keep this folder as it is for whoever investigates; compare it with a backup and with "
        "what peers witnessed",
        err=True,
    )


def _head(path: Path) -> Head:
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_MAX_FILE))
        return Head.from_json(document["head"])
    except (OSError, ValueError, KeyError, TypeError, NotVerifiableError):
        raise UsageError(
            f"{path}: not a witnessed head",
            remedy="write it at the peer with `isthmus ledger witnessed --env PEER --of ENV --json`",
        ) from None


@command.command("witnessed", epilog=example("isthmus ledger witnessed --env cloud --of onprem --json"))
@env_option
@click.option("--of", "peer", required=True, metavar="NAME", help="The peer whose ledger it is.")
@home_option
@site_option
@json_option
def witnessed(*, env: str, peer: str, home: Home, site: Site, as_json: bool) -> None:
    """Print the last head of a peer's ledger that this environment keeps."""
    site.profile(peer)
    head = witnessed_head(open_folder(home, site, env).ledger, peer)
    if head is None:
        raise UsageError(
            f"{env} keeps no head of {peer}'s ledger yet", remedy="heads are exchanged with each crossing"
        )
    if as_json:
        emit_json({"environment": env, "head": head.to_json()})
    else:
        click.echo(f"{env} keeps entry {head.sequence} of {peer}'s ledger: {head.digest}")


for _part in (explain, export, report, backup, restore, announce, accept):
    command.add_command(_part)
