"""`isthmus env join` and `isthmus env complete`: on the machine that joins."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from environments.home import Home
from environments.site import Site
from flows.cli.env_confirm import confirming, fingerprint_option, show_fingerprint
from flows.cli.newfile import read_bounded, write_new
from flows.cli.options import example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["complete", "join"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_MOST = 4 * 1024 * 1024


@click.command(
    name="join",
    epilog=example(
        "isthmus env join cloud.invitation.json --site /etc/isthmus",
        "isthmus env join /media/stick/cloud.invitation.json --out /media/stick/cloud.answer.json",
    ),
)
@click.argument("file", type=_FILE)
@click.option("--out", type=_FILE, metavar="FILE", help="The answer's file (NAME.answer.json).")
@home_option
@site_option
@json_option
def join(*, file: Path, out: Path | None, home: Home, site: Site, as_json: bool) -> None:
    """Take the invitation FILE up: make the environment's keys in this home, and write the answer.

    The home must be a new one; the site must declare the environment as the inviting site does. The answer
    holds public keys only. Take it to the machine that invited, and compare the fingerprint by voice.
    """
    from environments.embedded import joinwork
    from environments.joining import spoken

    made = joinwork.join(home, site, read_bounded(file, _MOST), dt.datetime.now(dt.UTC))
    answer = made.answer
    path = out or Path(f"{answer.name}.answer.json")
    write_new(path, made.raw)
    if as_json:
        emit_json(
            {
                "environment": answer.name,
                "file": str(path),
                "digest": answer.digest,
                "fingerprint": spoken(answer.digest),
            }
        )
        return
    click.echo(f"{path}: the answer of {answer.name}; its private keys stay in {home.root}")
    show_fingerprint(answer)
    click.echo(f"  on the machine that invited: isthmus env admit {path.name}")
    click.echo("  it must show the same fingerprint; then here: isthmus env complete FILE")


@click.command(
    name="complete",
    epilog=example(
        "isthmus env complete cloud.admission.json",
        "isthmus env complete cloud.admission.json --fingerprint '48213 90114 …'",
    ),
)
@click.argument("file", type=_FILE)
@fingerprint_option
@home_option
@json_option
def complete(*, file: Path, given: str | None, home: Home, as_json: bool) -> None:
    """Take the admission FILE: pin the trust document, keep the API's credential, and be a member.

    The fingerprint is this home's own, once more: confirm it only if the machine that admitted showed the
    same. After that, `isthmus up` starts this environment against that machine's API.
    """
    from environments.embedded import joinwork

    confirm = confirming(given, as_json=as_json)
    done = joinwork.complete(home, read_bounded(file, _MOST), dt.datetime.now(dt.UTC), confirm)
    if as_json:
        emit_json({"environment": done.name, "version": done.version, "api": done.api})
        return
    click.echo(f"{done.name}: a member; trust document {done.version} is pinned")
    click.echo("  next: isthmus doctor · isthmus up" if done.api else "  next: isthmus media --help")
