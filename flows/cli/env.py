"""`isthmus env`: which environments live where, and how one on another machine joins."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from data_contracts.errors import UsageError
from environments.home import Home
from environments.ref import check_name
from environments.site import Site
from flows.cli.env_admit import admit, renew
from flows.cli.env_join import complete, join
from flows.cli.newfile import write_new
from flows.cli.options import example, home_option, json_option, site_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from environments.members import Issued

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_UNITS = {"min": 60, "h": 3600, "d": 86400}
_STATES = {
    "here": "lives here",
    "waiting": "lives here, waits to be admitted",
    "undone": "lives here once `isthmus up` has made it",
    "invited": "invited",
    "expired": "its invitation expired",
    "being-admitted": "is being admitted",
    "joined": "joined, on another machine",
    "elsewhere": "on another machine",
    "unknown": "on another machine, and its keys are not known",
}


@click.group(
    name="env",
    no_args_is_help=True,
    epilog=example(
        "isthmus env invite cloud --api https://isthmus.example.org/api   # on the machine of the server",
        "isthmus env join cloud.invitation.json        # on the other machine, which makes its keys",
        "isthmus env admit cloud.answer.json           # on the first one; compare the fingerprint",
        "isthmus env complete cloud.admission.json     # on the other one; then: isthmus up",
    ),
)
def command() -> None:
    """Show which environments live where, and let one on another machine join.

    Three files go between the two machines, by any way. None holds a private key; the API's credential is
    sealed for the new environment. The person on each side says that both read the same fingerprint.
    """


command.add_command(join)
command.add_command(admit)
command.add_command(complete)
command.add_command(renew)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _length(_ctx: click.Context, _param: click.Parameter, value: str) -> dt.timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,4})(min|h|d)", value)
    if match is None:
        raise UsageError("--expires: no length of time", remedy="say 30min, 24h or 7d")
    return dt.timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _checked(_ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    return None if value is None else check_name(value, str(param.name))


@command.command("list", epilog=example("isthmus env list", "isthmus env list --json"))
@home_option
@site_option
@json_option
def list_environments(*, home: Home, site: Site, as_json: bool) -> None:
    """List every environment: whether it lives here, was invited, or joined."""
    from environments.embedded.whereabouts import whereabouts

    found = whereabouts(home, site, _now())
    if as_json:
        emit_json({"environments": [one.to_json() for one in found]})
        return
    for one in found:
        until = f" until {one.expires:%Y-%m-%d %H:%M} UTC" if one.state == "invited" and one.expires else ""
        notes = [] if one.declared else ["not declared by this site"]
        notes += [] if one.trusted or one.state != "elsewhere" else ["not in the trust document"]
        click.echo(f"{one.name:<16} {_STATES[one.state]}{until}{''.join(f'; {note}' for note in notes)}")


@command.command(
    "invite",
    epilog=example(
        "isthmus env invite cloud",
        "isthmus env invite cloud --api https://isthmus.example.org/api --expires 7d --out /media/cloud",
        "isthmus env invite bunker --no-api",
    ),
)
@click.argument("name", callback=_checked)
@click.option("--out", type=_FILE, metavar="FILE", help="The invitation's file (NAME.invitation.json).")
@click.option(
    "--expires",
    "lasts",
    default="24h",
    show_default=True,
    callback=_length,
    metavar="LENGTH",
    help="How long it counts: 30min, 24h, 7d; at most 31d.",
)
@click.option(
    "--api", metavar="URL", help="The API's address as the other machine reaches it; else this machine's own."
)
@click.option("--no-api", is_flag=True, help="For a site without a link: crossings go on a disk.")
@click.option(
    "--by", callback=_checked, metavar="ENV", help="The environment that signs; else the first one here."
)
@home_option
@site_option
@json_option
def invite(  # noqa: PLR0913 - one argument for each option
    *,
    name: str,
    out: Path | None,
    lasts: dt.timedelta,
    api: str | None,
    no_api: bool,
    by: str | None,
    home: Home,
    site: Site,
    as_json: bool,
) -> None:
    """Write an invitation for the environment NAME, which lives on another machine: a file of one use.

    It holds the trust document, what this site declares of NAME, and where the API answers; nothing secret.
    Whoever has it may answer; who is admitted is decided by the fingerprint that two people compare.
    """
    from environments.embedded import inviting

    if no_api and api is not None:
        raise UsageError("--api and --no-api exclude each other")
    path = out or Path(f"{name}.invitation.json")
    address = "" if no_api else api or inviting.local_api(home)
    wish = inviting.Wish(name, address, lasts, by)
    made = inviting.invite(home, site, wish, _now(), lambda raw: write_new(path, raw))
    if as_json:
        emit_json({"file": str(path)} | _told(made))
        return
    click.echo(f"{path}: an invitation for {name}, until {made.expires:%Y-%m-%d %H:%M} UTC")
    click.echo(f"  on its machine, with this site's files: isthmus env join {path.name}")
    click.echo("  and here, with the answer that this gives: isthmus env admit FILE")
    if made.api.startswith("http:"):
        click.echo(f"  it names {made.api}: for another home on this machine only (else: --api)")


@command.command("withdraw", epilog=example("isthmus env withdraw cloud"))
@click.argument("name", callback=_checked)
@home_option
@json_option
def withdraw(*, name: str, home: Home, as_json: bool) -> None:
    """Take back the invitation of NAME, as long as nobody was admitted by it.

    Also one whose admission waits for the holders of the root keys, who would not sign.
    """
    from environments.embedded import inviting

    done = inviting.withdraw(home, name)
    if as_json:
        emit_json(_told(done))
    else:
        click.echo(f"{name}: its invitation counts no more")


def _told(one: Issued) -> dict[str, str]:
    from environments.members.record import write_time

    return {
        "environment": one.name,
        "invitation": one.invitation,
        "inviter": one.inviter,
        "api": one.api,
        "expires": write_time(one.expires),
        "state": one.state,
    }
