"""`isthmus env admit`: on the machine that invited."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from data_contracts.errors import DefectError
from environments.home import Home
from flows.cli.env_confirm import confirming, fingerprint_option
from flows.cli.keys import announce
from flows.cli.newfile import read_bounded, write_new
from flows.cli.options import example, home_option, json_option
from flows.cli.report import emit_json

__all__ = ["admit", "renew"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_MOST = 64 * 1024


@click.command(
    name="admit",
    epilog=example(
        "isthmus env admit cloud.answer.json",
        "isthmus env admit cloud.answer.json --fingerprint '48213 90114 …' --out cloud.admission.json",
    ),
)
@click.argument("file", type=_FILE)
@fingerprint_option
@click.option(
    "--out",
    type=_FILE,
    metavar="FILE",
    help="The admission's file (NAME.admission.json); of a proposal: trust-VERSION.json.",
)
@home_option
@json_option
def admit(*, file: Path, given: str | None, out: Path | None, home: Home, as_json: bool) -> None:
    """Admit the environment whose answer is FILE: name its keys in a new trust document.

    Asks whether the other side reads the same fingerprint; `--fingerprint` gives what it reads. An invitation
    is of one use: the first answer that is admitted. The same answer again gives the admission again, with
    the API's credential as it is then. Where people hold the root keys, the document is a proposal first.
    """
    from environments.embedded import inviting

    confirm = confirming(given, as_json=as_json)
    done = inviting.admit(home, read_bounded(file, _MOST), dt.datetime.now(dt.UTC), confirm)
    if done.raw is None:
        if done.spread is None:
            raise DefectError("an admission without a file and without a proposal")
        announce(done.spread, out, as_json=as_json)
        if not as_json:
            click.echo(f"  and after that, once more: isthmus env admit {file}")
        return
    path = out or Path(f"{done.answer.name}.admission.json")
    write_new(path, done.raw)
    failed = {} if done.spread is None else done.spread.failed
    if as_json:
        document = {"environment": done.answer.name, "file": str(path), "version": done.version}
        emit_json(document | {"digest": done.answer.digest, "failed": failed})
        return
    click.echo(f"{done.answer.name}: admitted by trust document {done.version}")
    for name, text in sorted(failed.items()):
        click.echo(f"  {name} could not be told: {text}; `isthmus up` tells it", err=True)
    click.echo(f"{path}: on its machine: isthmus env complete {path.name}")
    click.echo(
        "  members that joined before take the document by `isthmus trust export`, `isthmus trust update`"
    )


@click.command(
    name="renew",
    epilog=example(
        "isthmus env renew cloud.renewal.json",
        "isthmus env renew cloud.renewal.json --fingerprint '48213 90114 …' --overlap 7",
    ),
)
@click.argument("file", type=_FILE)
@fingerprint_option
@click.option(
    "--overlap", type=click.IntRange(0), default=30, show_default=True, help="Days for the old key."
)
@click.option("--out", type=_FILE, metavar="FILE", help="A proposal's file (trust-VERSION.json).")
@home_option
@json_option
def renew(
    *, file: Path, given: str | None, overlap: int, out: Path | None, home: Home, as_json: bool
) -> None:
    """Name new keys of an environment that joined: FILE is what `isthmus keys rotate` wrote in its home.

    It is signed by the old key, which somebody may have stolen: so the fingerprint is compared, as at the
    admission. The new keys act once its home has the document (`isthmus trust export`, `trust update`).
    """
    from environments.embedded import renewing

    raw, now = read_bounded(file, _MOST), dt.datetime.now(dt.UTC)
    confirm = confirming(given, as_json=as_json)
    made = renewing.take_renewal(home, raw, now, confirm, dt.timedelta(days=overlap))
    announce(made, out, as_json=as_json)
