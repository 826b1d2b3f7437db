"""`isthmus asset status`: for every asset and destination, which version is there, how far behind, and why.

Each environment is asked in a child process of its own, which opens that environment and no other.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from data_contracts.errors import UsageError
from environments.home import Home
from environments.site import Site
from flows.cli.options import example, home_option, json_option, site_option

if TYPE_CHECKING:
    from environments.consistency import Row

__all__ = ["status"]

_SHORT = len("sha256:") + 12
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))
_HEADER = ("ASSET", "TO", "THERE", "LATEST", "BEHIND", "STATE", "WHY")
_WIDTHS = (_SHORT, _SHORT, len("100, 12 min"), len("never-sent"))
"""Of THERE to STATE: known before any row is, so that several processes can write one table."""
_TIMEOUT = 600.0


@click.command(
    "status", epilog=example("isthmus asset status", "isthmus asset status covid_tests --to cloud")
)
@click.argument("asset", metavar="[NAME]", required=False)
@click.option("--env", metavar="NAME", help="Only what this environment sends.")
@click.option("--to", "destination", metavar="NAME", help="Only this destination.")
@click.option("--all", "everything", is_flag=True, help="Also pairs for which the contract has no terms.")
@click.option(
    "--remote", is_flag=True, help="Ask transits on other machines too whether an answer lies there."
)
@home_option
@site_option
@json_option
def status(  # noqa: PLR0913 - one parameter for each option
    *,
    asset: str | None,
    env: str | None,
    destination: str | None,
    everything: bool,
    remote: bool,
    home: Home,
    site: Site,
    as_json: bool,
) -> None:
    """Show for every asset and destination which version is there, how far it is behind, and why.

    What is there is what the destination signed a receipt for, as this side's ledger has it. Nobody is asked
    over a link, so the answer comes while links are down. Exit 0, whatever is behind.
    """
    from environments.embedded.forks import answers_of

    home.check()
    for name in (env, destination):
        if name is not None:
            site.profile(name)
    names = [env] if env is not None else [name for name in site.profiles if _made(home, name)]
    if not names:
        raise UsageError("no environment has a folder in this home yet", remedy="run `isthmus up` once")
    wanted = _Wanted(asset, destination, everything, remote, as_json)
    with tempfile.TemporaryDirectory(prefix="isthmus-status-") as made:
        questions = {name: partial(_tell, home, site, wanted, name, Path(made)) for name in names}
        told = answers_of(questions, timeout=_TIMEOUT)
        (_print_json if as_json else partial(_print_tables, asset))(told)


def _print_json(told: Mapping[str, Any]) -> None:
    """Print what the children wrote: a hundred thousand rows are not read, nor written twice."""
    sys.stdout.flush()
    out = sys.stdout.buffer
    for number, (name, answer) in enumerate(told.items()):
        out.write((",\n" if number else '{"environments": {').encode() + f"{json.dumps(name)}: [".encode())
        _copy(answer["parts"], out, b",\n")
        out.write(b"]")
    out.write(b"}}\n")
    out.flush()


def _print_tables(asset: str | None, told: Mapping[str, Any]) -> None:
    """As `_print_json`."""
    for name, answer in told.items():
        if answer["parts"]:
            click.echo(f"{name}:\n{answer['header']}", nl=False)
            sys.stdout.flush()
            _copy(answer["parts"], sys.stdout.buffer)
        else:
            click.echo(f"{name}: nothing that could cross" + (f" by the name {asset}" if asset else ""))


def _copy(paths: Iterable[str], out: BinaryIO, between: bytes = b"") -> None:
    for number, path in enumerate(paths):
        if number:
            out.write(between)
        with Path(path).open("rb") as part:
            shutil.copyfileobj(part, out, 1 << 20)
    out.flush()


def _made(home: Home, name: str) -> bool:
    return home.environment(name).root.is_dir()


@dataclass(frozen=True)
class _Wanted:
    """Which rows, and how."""

    asset: str | None
    destination: str | None
    everything: bool
    remote: bool
    as_json: bool

    def takes(self, row: Row) -> bool:
        return (
            (self.everything or row.state != "no-terms")
            and (self.asset is None or self.asset == row.asset)
            and (self.destination is None or self.destination == row.destination)
        )


def _tell(home: Home, site: Site, wanted: _Wanted, env: str, made: Path) -> dict[str, Any]:
    """Write the answer for one environment, and return the files that it is in, and the header of its table.

    Runs in a child of its own, and goes through many rows in children of that.
    """
    from environments.consistency import open_source, shares_of
    from environments.embedded.forks import answers_of

    # This process ends with its answer; looking for circles among a hundred thousand rows took half its time.
    gc.disable()
    source = open_source(home.environment(env).check(), site, remote=wanted.remote)
    shares = shares_of(source, len(os.sched_getaffinity(0)))
    names = [wanted.asset] if wanted.asset else [name for share in shares for name in share.names]
    form = _form([names, list(source.peers)])
    parts = {str(made / f"{env}.{number}"): share.rows for number, share in enumerate(shares)}
    writing = {path: partial(_write, rows, wanted, form, Path(path)) for path, rows in parts.items()}
    if len(writing) > 1:
        answers_of(writing, timeout=_TIMEOUT)
    else:
        for write in writing.values():
            write()
    return {"parts": [path for path in parts if Path(path).stat().st_size], "header": form % _HEADER}


def _write(rows: Iterable[Row], wanted: _Wanted, form: str, path: Path) -> None:
    """Write one share of the rows as the text that is printed, piece by piece."""
    from environments.consistency import rows_text

    found = (row for row in rows if wanted.takes(row))
    text = rows_text(found) if wanted.as_json else _lines(form, found)
    with path.open("xb") as part:
        part.writelines(piece.encode() for piece in text)


def _form(words: Sequence[Sequence[str]]) -> str:
    """Return the form of a line, whose columns are as wide as these words for the first ones."""
    longest = [max(map(len, [head, *column])) for head, column in zip(_HEADER, words, strict=False)]
    return "".join(f"%-{width}s  " for width in [*longest, *_WIDTHS]) + "%s\n"


def _lines(form: str, rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield form % (
            row.asset,
            row.destination,
            row.there[:_SHORT] or "-",
            row.latest[:_SHORT] or "-",
            _behind(row.behind, row.seconds),
            row.state,
            _why(row.why, row.note, row.rules),
        )


def _behind(versions: int | None, seconds: int) -> str:
    if versions is None:
        return "?"
    if versions == 0:
        return "-"
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{versions}, {seconds // length} {unit}"
    return f"{versions}, {seconds} s"


def _why(why: str, note: str, rules: Iterable[dict[str, Any]]) -> str:
    said = ", ".join(str(rule["id"]) for rule in rules)
    return why + (f" ({note})" if note else "") + (f": {said}" if said else "")
