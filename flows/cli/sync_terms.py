"""What `isthmus sync --queue` is told beside what shall cross."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import click

from data_contracts.errors import UsageError

__all__ = ["Terms", "queue_options"]

Function = TypeVar("Function", bound=Callable[..., object])

_TIME = re.compile(r"(?P<number>[1-9][0-9]{0,3})(?P<unit>[hd])")


@dataclass(frozen=True)
class Terms:
    """How something waits.

    Attributes:
        request: its request id; None makes one.
        lasts: how long; None for what the environment's file says.
        priority: 0 to 9; None for that of its boundary.
        supersede: whether it takes the place of what waits of the same asset.
    """

    request: str | None
    lasts: dt.timedelta | None
    priority: int | None
    supersede: bool


def queue_options(function: Function) -> Function:
    """Add `--queue` and what goes with it; the command gets `terms: Terms | None`, None without `--queue`."""

    @wraps(function)
    def command(
        *,
        queue: bool,
        expires: dt.timedelta | None,
        priority: int | None,
        supersede: bool,
        **given: Any,  # noqa: ANN401 - the command's other options
    ) -> object:
        if queue and (given.get("dry_run") or given.get("watch")):
            raise UsageError("--queue sends nothing now", remedy="leave --dry-run and --watch out")
        if not queue and (expires or priority is not None or supersede):
            raise UsageError("--expires, --priority and --supersede go with --queue", remedy="say --queue")
        terms = Terms(given["request"], expires, priority, supersede=supersede) if queue else None
        return function(terms=terms, **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return cast("Function", command)


def _lasts(_ctx: click.Context, _param: click.Parameter, value: str | None) -> dt.timedelta | None:
    """Read a length of time.

    Raises:
        UsageError: it is none.
    """
    if value is None:
        return None
    found = _TIME.fullmatch(value)
    if found is None:
        raise UsageError(f"--expires {value!r}: is no time", remedy="hours or days, such as 12h or 14d")
    return dt.timedelta(hours=int(found["number"]) * (24 if found["unit"] == "d" else 1))


_OPTIONS = (
    click.option("--queue", is_flag=True, help="Put it into the source's outbox, and return at once."),
    click.option(
        "--expires",
        metavar="TIME",
        callback=_lasts,
        help="With --queue: how long it may wait, such as 14d or 12h; else as the source's file says.",
    ),
    click.option(
        "--priority", type=click.IntRange(0, 9), help="With --queue: the higher one goes first; 5 is usual."
    ),
    click.option(
        "--supersede", is_flag=True, help="With --queue: in place of what waits of the same asset, unsent."
    ),
)
