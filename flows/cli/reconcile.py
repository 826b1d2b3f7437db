"""`isthmus reconcile`: ledgers against stores and transits, on both sides.

Each environment is asked in a child process of its own. What two sides compare are their signed accounts,
which this process only carries; between machines a person carries them, as files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from data_contracts.errors import NotVerifiableError, UsageError
from environments.home import Home
from environments.site import Site
from flows.cli.options import example, home_option, json_option, site_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from environments.boundary import EnvironmentContext

__all__ = ["command"]

_TIMEOUT = 3600.0
_MAX_FILE = 1024 * 1024 * 1024
_FILE = click.Path(path_type=Path, dir_okay=False)
_ROUNDS = (("sweep", "work", "ingress", "clear", "recall"), ("settle",))
"""Destinations answer before their sources read the answers."""
Finding: TypeAlias = "dict[str, Any]"


@click.command(
    "reconcile",
    epilog=example(
        "isthmus reconcile",
        "isthmus reconcile --env onprem --peer cloud --repair",
        "isthmus reconcile --env cloud --tell onprem > cloud.json",
        "isthmus reconcile --env onprem --against cloud.json",
    ),
)
@click.option("--env", metavar="NAME", help="Only this environment, and what its peers say of it.")
@click.option("--peer", metavar="NAME", help="Only with this peer.")
@click.option("--repair", "repairing", is_flag=True, help="End what was begun, and remove what is over.")
@click.option("--bytes", "every_byte", is_flag=True, help="Read every byte of every version too.")
@click.option("--tell", metavar="PEER", help="Print --env's signed account for a peer on another machine.")
@click.option("--against", multiple=True, type=_FILE, metavar="FILE", help="An account that a peer told.")
@home_option
@site_option
@json_option
def command(  # noqa: PLR0913 - one parameter for each option
    *,
    env: str | None,
    peer: str | None,
    repairing: bool,
    every_byte: bool,
    tell: str | None,
    against: tuple[Path, ...],
    home: Home,
    site: Site,
    as_json: bool,
) -> None:
    """Find what does not agree: missing, extra, altered, orphaned, half-done.

    Without --repair nothing changes. With it, what was begun is ended (receipts that lie there are read,
    commits that nobody recorded are recorded and answered), and leftovers of what is over are removed. An
    altered version is never replaced; where two ledgers contradict each other neither is believed: exit 4.
    """
    home.check()
    for name in (env, peer, tell):
        if name is not None:
            site.profile(name)
    if tell is not None:
        if env is None:
            raise UsageError("--tell: whose account?", remedy="say --env too")
        emit_json(_ask(home, site, [env], lambda _, side: _tell(side, [tell]))[env][tell])
        return
    given = _given(against, env)
    here = [name for name in site.profiles if home.environment(name).root.is_dir()]
    wanted = [name for name in here if env in {None, name} or peer == name]
    if not wanted:
        raise UsageError(
            "none of these environments has a folder in this home", remedy="run `isthmus up` once"
        )
    pairs = {name: _peers(name, here, env, peer) for name in here}
    found: dict[tuple[str, str, str], Finding] = {}
    for actions in _ROUNDS if repairing else ((),):
        told = _ask(home, site, here, lambda name, side: _tell(side, pairs[name]))
        letters = {
            name: {other: told[other][name] for other in here if name in told[other]} | given.get(name, {})
            for name in wanted
        }
        look = partial(_find, letters, every_byte, actions)
        for answer in _ask(home, site, wanted, look).values():
            for each in answer:
                key = (each["environment"], each["about"], each["action"] or each["what"])
                if not found.get(key, each)["done"]:
                    found[key] = each
    _report(sorted(found.values(), key=lambda each: (each["environment"], each["about"])), as_json=as_json)


def _peers(name: str, here: list[str], env: str | None, peer: str | None) -> list[str]:
    """Return to which of the others here a side's account is told."""
    others = [other for other in here if other != name]
    if env is not None:
        others = [other for other in others if env in {name, other}]
    return [other for other in others if peer is None or peer in {name, other}]


def _given(files: Iterable[Path], env: str | None) -> dict[str, dict[str, Any]]:
    """Return the accounts in files, by whom they are for and whose they are; nothing is believed yet."""
    found: dict[str, dict[str, Any]] = {}
    for path in files:
        if env is None:
            raise UsageError("--against: which environment was told this?", remedy="say --env too")
        try:
            with path.open("rb") as stream:
                told = json.loads(stream.read(_MAX_FILE))
            found.setdefault(env, {})[str(told["from"])] = told
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(
                f"{path}: not an account", remedy="write it at the peer with `isthmus reconcile --tell`"
            ) from None
    return found


def _ask(
    home: Home, site: Site, names: Iterable[str], question: Callable[[str, EnvironmentContext], Any]
) -> dict[str, Any]:
    """Put one question to a child for each environment."""
    from environments.embedded.forks import answers_of

    return answers_of(
        {name: partial(_answer, home, site, name, question) for name in names}, timeout=_TIMEOUT
    )


def _answer(home: Home, site: Site, name: str, question: Callable[[str, EnvironmentContext], Any]) -> Any:  # noqa: ANN401 - any JSON value
    from environments.boundary import open_environment

    return question(name, open_environment(home.environment(name).check(), site))


def _tell(side: EnvironmentContext, peers: Iterable[str]) -> dict[str, Any]:
    from environments.consistency.reconciling import tell

    return {peer: told | {"from": side.name} for peer, told in tell(side, peers).items()}


def _find(
    letters: Mapping[str, Any],
    every_byte: bool,
    actions: tuple[str, ...],
    name: str,
    side: EnvironmentContext,
) -> list[Finding]:
    from environments.consistency.reconciling import find, repair

    found = repair(side, find(side, letters[name], every_byte=every_byte), actions)
    return [each.to_json() | {"grave": each.grave} for each in found]


def _report(found: list[Finding], *, as_json: bool) -> None:
    grave = [each for each in found if each["grave"]]
    if as_json:
        emit_json({"agrees": not found, "grave": len(grave), "findings": found})
    else:
        for each in found:
            click.echo(f"{each['environment']}: {each['kind']}: {each['about']}: {each['what']}")
            if each["done"]:
                click.echo(f"  repaired: {each['repair']}")
            elif each["repair"]:
                click.echo(f"  with --repair: {each['repair']}")
            else:
                click.echo(f"  not touched: {each['untouched']}")
        open_ = sum(not each["done"] for each in found)
        click.echo(
            f"{len(found)} found, {len(found) - open_} repaired, {open_} left" if found else "all agrees"
        )
    if grave:
        raise click.exceptions.Exit(NotVerifiableError.exit_code)
