"""`isthmus asset status`: for every asset and destination, which version is there, how far behind, and why.

Each environment is asked in a child process of its own, which opens that environment and no other.
"""

from __future__ import annotations

import gc
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data_contracts.errors import IsthmusError, UsageError
from environments.home import Home
from environments.site import Site
from flows.cli.options import example, home_option, json_option, site_option

if TYPE_CHECKING:
    from environments.consistency import Row

__all__ = ["status"]

_SHORT = len("sha256:") + 12
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))
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
    from environments.embedded.forks import ask_all

    home.check()
    for name in (env, destination):
        if name is not None:
            site.profile(name)
    names = [env] if env is not None else [name for name in site.profiles if _made(home, name)]
    if not names:
        raise UsageError("no environment has a folder in this home yet", remedy="run `isthmus up` once")
    wanted = _Wanted(asset, destination, everything, remote, as_json)
    with tempfile.TemporaryDirectory(prefix="isthmus-status-") as made:
        place = Path(made)
        questions = {name: partial(_tell, home, site, wanted, name, place / name) for name in names}
        for answer in ask_all(questions, timeout=_TIMEOUT).values():
            if isinstance(answer, IsthmusError):
                raise answer
        _print({name: place / name for name in names}, as_json=as_json)


def _print(parts: Mapping[str, Path], *, as_json: bool) -> None:
    """Print what each child wrote: a hundred thousand rows are not read, nor written twice."""
    sys.stdout.flush()
    out = sys.stdout.buffer
    for number, (name, path) in enumerate(parts.items()):
        if as_json:
            head = f"{json.dumps(name)}: "
            out.write((",\n" if number else '{"environments": {').encode() + head.encode())
        with path.open("rb") as part:
            shutil.copyfileobj(part, out, 1 << 20)
        out.write(b"" if as_json else b"\n")
    out.write(b"}}\n" if as_json else b"")
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


def _tell(home: Home, site: Site, wanted: _Wanted, env: str, path: Path) -> None:
    """Write the answer for one environment; runs in a child of its own."""
    with path.open("xb") as part:
        part.writelines(piece.encode() for piece in _told(home, site, wanted, env))


def _told(home: Home, site: Site, wanted: _Wanted, env: str) -> Iterator[str]:
    """Answer for one environment, as the text that is printed, piece by piece."""
    from environments.consistency import document, open_source, status_of

    # This process ends with its answer; looking for circles among a hundred thousand rows took half its time.
    gc.disable()
    source = open_source(home.environment(env).check(), site, remote=wanted.remote)
    found = (row for row in status_of(source) if wanted.takes(row))
    yield from document(found) if wanted.as_json else _lines(env, found, wanted)


def _lines(env: str, rows: Iterable[Row], wanted: _Wanted) -> Iterator[str]:
    header = ("ASSET", "TO", "THERE", "LATEST", "BEHIND", "STATE", "WHY")
    cells = [
        (
            row.asset,
            row.destination,
            row.there[:_SHORT] or "-",
            row.latest[:_SHORT] or "-",
            _behind(row.behind, row.seconds),
            row.state,
            _why(row.why, row.note, row.rules),
        )
        for row in rows
    ]
    if cells:
        yield f"{env}:\n{_table([header, *cells])}"
    else:
        yield f"{env}: nothing that could cross" + (f" by the name {wanted.asset}" if wanted.asset else "")


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


def _table(lines: Sequence[tuple[str, ...]]) -> str:
    padded = range(len(lines[0]) - 1)
    widths = [max(map(len, map(itemgetter(place), lines))) for place in padded]
    form = "".join(f"%-{width}s  " for width in widths) + "%s"
    return "\n".join(form % line for line in lines)
