"""`isthmus asset status`: for every asset and destination, which version is there, how far behind, and why.

Each environment is asked in a child process of its own, which opens that environment and no other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
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
    questions = {name: partial(_told, home, site, wanted, name) for name in names}
    answers = ask_all(questions, timeout=_TIMEOUT)
    for answer in answers.values():
        if isinstance(answer, IsthmusError):
            raise answer
    if as_json:
        # Each child wrote its own part of the document: a hundred thousand rows are written once.
        parts = [f"{json.dumps(name)}: {answer}" for name, answer in answers.items()]
        click.echo('{"environments": {' + ",\n".join(parts) + "}}")
        return
    for answer in answers.values():
        click.echo(answer)


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
            and self.asset in {None, row.asset}
            and self.destination in {None, row.destination}
        )


def _told(home: Home, site: Site, wanted: _Wanted, env: str) -> str:
    """Answer for one environment, as the text that is printed; runs in a child of its own."""
    from environments.consistency import open_source, status_of

    source = open_source(home.environment(env).check(), site, remote=wanted.remote)
    rows = [row for row in status_of(source) if wanted.takes(row)]
    if wanted.as_json:
        return _document([row.to_json() for row in rows])
    if not rows:
        return f"{env}: nothing that could cross" + (f" by the name {wanted.asset}" if wanted.asset else "")
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
    return f"{env}:\n" + "\n".join(_table(header, cells))


def _document(rows: list[dict[str, Any]]) -> str:
    return "[" + ",\n".join(map(_ENCODE, rows)) + "]"


_ENCODE: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


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


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    form = "  ".join(f"{{:<{width}}}" for width in widths)
    return [form.format(*row).rstrip() for row in (header, *rows)]
