"""The options that commands share: `--home`, `--site`, `--env`, `--as`, `--json`.

Every one may also be given by its environment variable where it has one, so that a shell names its
system once: `export ISTHMUS_HOME=… ISTHMUS_SITE=…`.

Example:
    >>> @click.command()
    ... @home_option
    ... @json_option
    ... def command(home: Home, as_json: bool) -> None:
    ...     "Say where the home is."
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from environments.home import Home
from environments.ref import check_name
from environments.site import Site

__all__ = ["as_option", "env_option", "example", "home_option", "json_option", "site_option"]

Function = TypeVar("Function", bound=Callable[..., object])


def _home(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Home:
    return Home(value)


def _site(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Site:
    return Site.load(value)


def _name(_ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    return None if value is None else check_name(value, f"--{param.name}")


def example(*lines: str) -> str:
    """Return the epilog of a command's help: example lines that click does not wrap."""
    return "\n".join(["\b", "Example:", *(f"  {line}" for line in lines)])


def home_option(function: Function) -> Function:
    """Add `--home DIR` (ISTHMUS_HOME); the command gets `home: Home`, untouched on disk."""
    return click.option(
        "--home",
        envvar="ISTHMUS_HOME",
        type=click.Path(path_type=Path, file_okay=False),
        callback=_home,
        metavar="DIR",
        help="Where the system's state lives (ISTHMUS_HOME; else the user's data directory).",
    )(function)


def site_option(function: Function) -> Function:
    """Add `--site DIR` (ISTHMUS_SITE); the command gets `site: Site`."""
    return click.option(
        "--site",
        envvar="ISTHMUS_SITE",
        type=click.Path(path_type=Path),
        callback=_site,
        metavar="DIR",
        help="A directory of your own environments, contracts and flows (ISTHMUS_SITE; else what ships).",
    )(function)


def env_option(function: Function) -> Function:
    """Add `--env NAME`, required; the command gets `env: str`, checked to be a name."""
    return click.option(
        "--env", required=True, callback=_name, metavar="NAME", help="The environment.", expose_value=True
    )(function)


def any_env_option(function: Function) -> Function:
    """Add `--env NAME`; the command gets `env: str | None`, checked to be a name; None: every one here."""
    help_ = "Only this environment; else all of the home."
    return click.option("--env", callback=_name, metavar="NAME", help=help_, expose_value=True)(function)


def as_option(function: Function) -> Function:
    """Add `--as NAME` (ISTHMUS_REQUESTER); the command gets `who: str | None`, checked to be a name."""
    return click.option(
        "--as",
        "who",
        envvar="ISTHMUS_REQUESTER",
        callback=_name,
        metavar="NAME",
        help="The requester whose key signs (ISTHMUS_REQUESTER; else the only user's key in the home).",
    )(function)


def json_option(function: Function) -> Function:
    """Add `--json`; the command gets `as_json: bool` and prints one JSON document."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(
        function
    )
