"""`isthmus outbox backup` and `restore`: what waits, kept in a file of the operator's own, and put back."""

from __future__ import annotations

from pathlib import Path

import click

from environments.home import Home
from environments.private import disk_errors
from environments.site import Site
from flows.cli.ledger_export import new_file
from flows.cli.ledger_folder import open_folder
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["backup", "restore"]


@click.command("backup", epilog=example("isthmus outbox backup onprem-2026-11-30.queue --env onprem"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@env_option
@home_option
@site_option
@json_option
def backup(*, file: Path, env: str, home: Home, site: Site, as_json: bool) -> None:
    """Copy what waits into FILE, which must not be there yet; the system may run.

    It holds names, digests and the signed statements of who asks: keep it as private as the environment's
    folder. It is no part of `isthmus ledger backup`, which is an export for auditors.
    """
    from environments.outbox import copy_of

    raw = copy_of(open_folder(home, site, env))
    with new_file(file) as stream:
        stream.write(raw)
    if as_json:
        emit_json({"environment": env, "bytes": len(raw), "file": str(file)})
    else:
        click.echo(f"what waits in {env}'s outbox is in {file}")


@click.command("restore", epilog=example("isthmus outbox restore onprem-2026-11-30.queue --env onprem"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@env_option
@click.option("--replace", "replacing", is_flag=True, help="Move the outbox that stands there aside.")
@home_option
@site_option
@json_option
def restore(*, file: Path, env: str, replacing: bool, home: Home, site: Site, as_json: bool) -> None:
    """Put the copy FILE in place of a lost or damaged outbox, while no pump of the environment runs.

    What has ended since the copy was made ends again, by what the ledger says, and is not sent: put the
    ledger back first if it was lost too. What was queued after the copy is not in it.
    """
    from environments.boundary.pump import pumping
    from environments.outbox import put_back

    folder = open_folder(home, site, env)
    with disk_errors(f"{file}: cannot be read"):
        raw = file.read_bytes()
    with pumping(folder):
        aside = put_back(folder, raw, replacing=replacing)
    if as_json:
        emit_json({"environment": env, "replaced": None if aside is None else str(aside)})
    else:
        click.echo(
            f"{env}: what waited is back" + ("" if aside is None else f"; the other one is in {aside}")
        )
