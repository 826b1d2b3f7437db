"""`isthmus media`: crossings on a disk, for a site that no link reaches.

Each command opens the folder of the one environment that it names, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from data_contracts.errors import UsageError
from environments.home import Home
from environments.site import Site
from flows.cli.options import as_option, env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from environments.boundary import EnvironmentContext
    from flows.cli.media_text import Told

__all__ = ["command"]

_FOLDER = click.Path(path_type=Path)


@click.group(
    name="media",
    no_args_is_help=True,
    epilog=example(
        "isthmus media export --env onprem --to edge /media/stick/isthmus",
        "isthmus media import --env edge --from onprem /media/stick/isthmus",
        "isthmus media settle --env onprem --to edge /media/stick/isthmus",
    ),
)
def command() -> None:
    """Carry crossings on a disk: written at the source, taken in where they go, the answers taken home."""


@command.command(
    "export",
    epilog=example(
        "isthmus media export --env onprem --to edge /media/stick/isthmus",
        "isthmus media export --env onprem --to edge /media/stick/isthmus \\",
        "    --asset covid_tests --purpose batch-inference",
    ),
)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@env_option
@click.option("--to", "destination", required=True, metavar="ENV", help="The environment it goes to.")
@click.option("--crossing", "crossings", multiple=True, metavar="ID", help="Only this one; may be repeated.")
@click.option(
    "--asset",
    "assets",
    multiple=True,
    metavar="NAME[@VERSION]",
    help="Send this first, as `isthmus sync` would, and write it alone; several are one set.",
)
@click.option("--purpose", help="What for, with --asset, as a contract's terms name it.")
@click.option("--request", help="With --asset: the request id; the same one again is the same crossing.")
@as_option
@home_option
@site_option
@json_option
def export(  # noqa: PLR0913 - one parameter for each option
    folder: Path,
    *,
    env: str,
    destination: str,
    crossings: tuple[str, ...],
    assets: tuple[str, ...],
    purpose: str | None,
    request: str | None,
    who: str | None,
    home: Home,
    site: Site,
    as_json: bool,
) -> None:
    """Write the crossings that wait for a destination onto a disk.

    What waits is what was sent and never settled. Everything on the disk is sealed to the destination and
    signed, as in every transit. DIR must stand on the disk. Whatever cuts it off: the same command goes on.
    Exit code: 0 written, 4 where one could not be, 5 where the disk refuses; with --asset also 1 and 3.
    """
    from environments.boundary.media import open_disk, write_disk
    from flows.cli.media_sending import send

    if bool(assets) != bool(purpose) or (assets and crossings) or (request and not assets):
        raise UsageError(
            "--asset goes with --purpose, and not with --crossing",
            remedy="say --asset NAME --purpose PURPOSE to send first, or neither for all that waits",
        )
    _pair(site, env, destination)
    disk = open_disk(folder, env, destination)
    opened = _open(home, site, env)
    wanted: Sequence[str] | None = crossings or None
    if assets and purpose:
        sent = send(home, site, opened, assets, destination, purpose, request, who)
        if sent.outcome != "permitted":
            _end(env, folder, [sent], as_json=as_json)
        wanted = [sent.crossing]
    _end(env, folder, write_disk(opened, disk, wanted), as_json=as_json)


@command.command(
    "import", epilog=example("isthmus media import --env edge --from onprem /media/stick/isthmus")
)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@env_option
@click.option("--from", "source", required=True, metavar="ENV", help="The environment that wrote it.")
@home_option
@site_option
@json_option
def import_(*, folder: Path, env: str, source: str, home: Home, site: Site, as_json: bool) -> None:
    """Take in what a disk brought, and write the answers onto it.

    Each crossing is verified, decided and checked here as if it had come over a link, and the same one again
    gives the same version and the same receipt. What does not verify leaves nothing in the store, and the
    others go on. Exit code: 0 all taken in, 1 the data breaks its contract, 3 denied, 4 not verifiable or
    half-written, 5 the disk refuses.
    """
    from environments.boundary.media import open_disk, take_in

    _pair(site, env, source)
    disk = open_disk(folder, source, env)
    opened = _open(home, site, env)
    _end(env, folder, take_in(opened, disk), as_json=as_json)


@command.command("settle", epilog=example("isthmus media settle --env onprem --to edge /media/stick/isthmus"))
@click.argument("folder", metavar="DIR", type=_FOLDER)
@env_option
@click.option("--to", "destination", required=True, metavar="ENV", help="The environment it went to.")
@home_option
@site_option
@json_option
def settle(*, folder: Path, env: str, destination: str, home: Home, site: Site, as_json: bool) -> None:
    """Take the answers on a disk home, and clear what was answered from it.

    A crossing without an answer stays where it is. Exit code: 0, or 1 and 3 as the destination answered, 4
    where an answer does not verify, 5 the disk refuses.
    """
    from environments.boundary.media import open_disk, take_home

    _pair(site, env, destination)
    disk = open_disk(folder, env, destination)
    opened = _open(home, site, env)
    _end(env, folder, take_home(opened, disk), as_json=as_json)


def _pair(site: Site, env: str, peer: str) -> None:
    site.profile(env)
    site.profile(peer)
    if env == peer:
        raise UsageError(f"{env}: both ends are one environment", remedy="name two; nothing needs to cross")


def _open(home: Home, site: Site, env: str) -> EnvironmentContext:
    from environments.boundary import open_environment

    return open_environment(home.check().environment(env).check(), site)


def _end(env: str, folder: Path, told: Sequence[Told], *, as_json: bool) -> None:
    from flows.cli.media_text import exit_of, media_json, print_media

    if as_json:
        emit_json({"environment": env, "disk": str(folder), "crossings": [media_json(each) for each in told]})
    else:
        print_media(told)
    raise click.exceptions.Exit(exit_of(told))
