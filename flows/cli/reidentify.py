"""`isthmus reidentify`: pseudonyms and codes turned back, at the source, for a declared purpose.

The command opens the folder of the one environment that it names, and no other. The values go into a file
of the caller's own, never to the terminal: a terminal has a history, a log, and people behind it.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import click

from data_contracts.errors import UsageError
from environments.home import Home
from environments.private import write_private
from environments.ref import check_name, parse_asset
from environments.site import Site
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["command"]

_DIGITS = 32
_MOST = 1_000_000
_MAX_WHO = 127


@click.command(
    name="reidentify",
    epilog=example(
        "isthmus reidentify covid_tests --env onprem --column subject_id --to cloud \\",
        "    --crossed-for model-training --purpose safety-recall --by a.meier \\",
        "    --list found.txt --out recalled.csv",
    ),
)
@click.argument("asset", metavar="NAME[@VERSION]")
@env_option
@click.option("--column", required=True, metavar="COLUMN", help="Whose pseudonyms or codes they are.")
@click.option("--to", "destination", required=True, metavar="ENV", help="Where they were sent.")
@click.option("--crossed-for", required=True, metavar="PURPOSE", help="What they were sent for.")
@click.option("--purpose", required=True, metavar="PURPOSE", help="Why they are turned back.")
@click.option("--by", required=True, metavar="WHO", help="Who asks; stands in the ledger.")
@click.option(
    "--list",
    "listed",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The pseudonyms or codes, one a line, as 32 hex digits.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the values go: a CSV file that only you can read.",
)
@home_option
@site_option
@json_option
def command(  # noqa: PLR0913 - one parameter for each option
    asset: str,
    *,
    env: str,
    column: str,
    destination: str,
    crossed_for: str,
    purpose: str,
    by: str,
    listed: Path,
    out: Path,
    home: Home,
    site: Site,
    as_json: bool,
) -> None:
    """Turn pseudonyms or random codes of an asset back into what they stand for.

    Only the environment that made them can, and only for a purpose that the crossing's terms name under
    `reidentify`. Its ledger records who asked, why, for how many, and how many were found: also a denial.
    """
    from environments.boundary import open_environment
    from environments.reidentifying import Reidentification, reidentify
    from flows.runtime.catalogue import load_pipelines
    from flows.runtime.purposes import check_purpose

    site.profile(env)
    site.profile(destination)
    check_purpose(site, crossed_for, lambda: load_pipelines(site).values())
    # Any well-formed word may be asked for: one that the terms do not name is denied, and recorded.
    check_name(purpose, "--purpose")
    if not by.isprintable() or not 0 < len(by) <= _MAX_WHO:
        raise UsageError("--by names nobody", remedy=f"1 to {_MAX_WHO} printable characters")
    wanted = _read(listed)
    if out.exists():
        raise UsageError(f"{out}: stands there already", remedy="name a new file; nothing is written over")
    name, version = parse_asset(asset)
    opened = open_environment(home.check().environment(env).check(), site)
    asked = Reidentification(name, version, column, destination, crossed_for, purpose, by)
    found = reidentify(opened, asked, wanted)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("pseudonym", column), *sorted((made.hex(), value) for made, value in found.items())])
    write_private(out, text.getvalue().encode())
    if as_json:
        emit_json({"asked": len(wanted), "found": len(found), "out": str(out)})
    else:
        click.echo(f"{len(found)} of {len(wanted)} turned back, into {out}; {env}'s ledger has recorded it")


def _read(path: Path) -> frozenset[bytes]:
    """Return the pseudonyms of a list; lines that are none are counted, and nothing is guessed."""
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path}: cannot be read as text", remedy="one pseudonym a line, as hex") from None
    if not 1 <= len(lines) <= _MOST:
        raise UsageError(f"{path}: {len(lines)} lines", remedy=f"1 to {_MOST:,} pseudonyms")
    made = [_bytes(line) for line in lines]
    wrong = sum(item is None for item in made)
    if wrong:
        raise UsageError(f"{path}: {wrong} lines that are no pseudonym", remedy=f"{_DIGITS} hex digits each")
    return frozenset(item for item in made if item is not None)


def _bytes(line: str) -> bytes | None:
    try:
        return bytes.fromhex(line) if len(line) == _DIGITS else None
    except ValueError:
        return None
