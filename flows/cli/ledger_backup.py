"""`isthmus ledger backup`, `restore`, `announce`, `accept`: what to do before and after a ledger is lost.

Each command opens the folder of the one environment that it names. What one environment tells another is a
file that people carry.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import click

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError, UsageError
from environments.home import Home
from environments.identity import load_identity
from environments.ledger import backup as backups
from environments.ledger import export_lines, verify_ledger
from environments.site import Site
from environments.trust import peer_identity
from flows.cli.ledger_export import new_file
from flows.cli.ledger_folder import open_folder
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["accept", "announce", "backup", "restore"]

_MAX_FILE = 4 * 1024 * 1024


@click.command("backup", epilog=example("isthmus ledger backup onprem-2026-11-24.jsonl --env onprem"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@env_option
@home_option
@site_option
@json_option
def backup(*, file: Path, env: str, home: Home, site: Site, as_json: bool) -> None:
    """Write a backup of the record into FILE, which must not be there yet; the system may run.

    The ledger is verified first. The file is an export, so an auditor's tool verifies it too.
    """
    folder = open_folder(home, site, env)
    public = load_identity(folder).public
    report = verify_ledger(folder.ledger, public)
    if not report.success:
        raise NotVerifiableError(
            f"{env}'s ledger does not verify: {report.problems[0].message}",
            remedy="run `isthmus ledger verify`; a damaged ledger is kept as it is, not backed up",
        )
    with new_file(file) as stream:
        entries = export_lines(folder.ledger, public, stream)
    if as_json:
        emit_json({"environment": env, "entries": entries, "file": str(file)})
        return
    click.echo(f"{entries} entries of {env} in {file}")


@click.command("restore", epilog=example("isthmus ledger restore onprem-2026-11-24.jsonl --env onprem"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@env_option
@click.option("--replace", "replacing", is_flag=True, help="Move the ledger that stands there aside.")
@home_option
@site_option
@json_option
def restore(*, file: Path, env: str, replacing: bool, home: Home, site: Site, as_json: bool) -> None:
    """Put the backup FILE in place of a lost ledger, while the system is down.

    The restore is an entry of its own. Peers that saw entries which are lost now refuse crossings until each
    of their operators accepts what `isthmus ledger announce` writes.
    """
    folder = open_folder(home, site, env)
    entry = backups.restore(folder.ledger, load_identity(folder), file, replacing=replacing)
    if as_json:
        emit_json({"environment": env, "entry": entry.to_json()})
        return
    click.echo(f"{env}: restored up to entry {entry.body['from'][0]}; entry {entry.sequence} says so")
    click.echo(f"next, for each peer: isthmus ledger announce FILE --env {env} --to PEER")


@click.command("announce", epilog=example("isthmus ledger announce restored.json --env onprem --to cloud"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@env_option
@click.option("--to", "peer", required=True, metavar="NAME", help="The peer that is told.")
@home_option
@site_option
@json_option
def announce(*, file: Path, env: str, peer: str, home: Home, site: Site, as_json: bool) -> None:
    """Write the signed statement that tells a peer of the last restore into FILE, a new one."""
    site.profile(peer)
    folder = open_folder(home, site, env)
    told = backups.announcement(folder.ledger, load_identity(folder), peer)
    with new_file(file) as stream:
        stream.write(canonical(told) + b"\n")
    if as_json:
        emit_json({"environment": env, "peer": peer, "file": str(file)})
        return
    click.echo(f"{file}: for {peer}, where: isthmus ledger accept {file.name} --env {peer} --of {env}")


@click.command("accept", epilog=example("isthmus ledger accept restored.json --env cloud --of onprem"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@env_option
@click.option("--of", "peer", required=True, metavar="NAME", help="The peer whose ledger was restored.")
@home_option
@site_option
@json_option
def accept(*, file: Path, env: str, peer: str, home: Home, site: Site, as_json: bool) -> None:
    """Accept that a peer restored its ledger and lost what came after; ask its operator by voice first.

    It is recorded here, with the head that the peer lost. A history that differs before the backup's end is
    no restore, and is refused.
    """
    site.profile(peer)
    folder = open_folder(home, site, env)
    public = peer_identity(folder, peer, dt.datetime.now(dt.UTC))
    try:
        with file.open("rb") as stream:
            told = json.loads(stream.read(_MAX_FILE))
    except (OSError, ValueError):
        raise UsageError(
            f"{file}: not an announcement", remedy="write it at the peer with `isthmus ledger announce`"
        ) from None
    entry = backups.accept(folder.ledger, load_identity(folder), public, told)
    if as_json:
        emit_json({"environment": env, "entry": entry.to_json() if entry else None})
        return
    if entry is None:
        click.echo(f"{env} misses nothing of {peer}'s ledger")
    else:
        click.echo(
            f"{env}: {peer} goes on from entry {entry.body['from'][0]}; lost: up to {entry.body['lost'][0]}"
        )
