"""The part `boundaries` of an environment file, read with every mistake in it.

Invariants:
1. A wrong or missing value is a problem with file and line; whoever has problems uses nothing of it.
2. A limit under which nothing could ever move is a problem, not a limit: a budget holds at least the largest
   object, and a boundary has one entry for each direction.

Example:
    >>> from data_contracts.yamlsource import parse_yaml
    >>> text = b"boundaries: [{with: cloud, limit: 20 MB/s}]"
    >>> read_boundaries(Fields(parse_yaml(text, file="onprem.yaml")))[0].limit
    20000000
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from environments.boundaries import USUAL, BoundaryLimits, Budget, Direction, Period
from environments.fields import Fields, Path, shown
from environments.ref import NAME
from environments.timetable import Window, parse_window

__all__ = ["LEAST_BUDGET", "read_boundaries", "unknown_peers"]

_NAME = rf"(?=.{{1,63}}$){NAME}"
_KEYS = ("with", "direction", "limit", "parallel", "windows", "budget", "priorities")
_RATE = re.compile(r"(?P<number>[1-9][0-9]{0,8}) ?(?P<unit>[kMG](?:i?B|bit)/s)")
_SIZE = re.compile(r"(?P<number>[1-9][0-9]{0,8}) ?(?P<unit>[MGT]i?B)")
_POWERS = {"k": 1, "M": 2, "G": 3, "T": 4}
_HIGHEST = 9
_MOST_AT_ONCE = 16
"""Objects: each takes up to 40 MiB of memory."""
LEAST_BUDGET = 32 * 1000 * 1000
"""Bytes: two of the largest objects that a crossing moves."""


def read_boundaries(fields: Fields) -> tuple[BoundaryLimits, ...]:
    """Read the list `boundaries`; absent is empty."""
    found: list[BoundaryLimits] = []
    for index in range(len(fields.items(("boundaries",), "boundaries: with, and what is limited"))):
        place: Path = ("boundaries", index)
        value = fields.mapping(place, _KEYS, ("with",))
        limits = BoundaryLimits(
            peer=fields.text((*place, "with"), _NAME, "the other environment's name"),
            direction=_direction(fields, place),
            limit=_rate(fields, (*place, "limit")),
            parallel=fields.integer((*place, "parallel"), low=1, high=_MOST_AT_ONCE, default=0) or None,
            windows=_windows(fields, (*place, "windows")),
            budget=_budgets(fields, (*place, "budget")),
            purposes=_priorities(fields, (*place, "priorities"), "purposes"),
            assets=_priorities(fields, (*place, "priorities"), "assets"),
        )
        if value and set(value) <= {"with", "direction"}:
            fields.complain(place, "it limits nothing", "one of: " + ", ".join(_KEYS[2:]))
        for other in found:
            if other.peer == limits.peer and (
                None in {other.direction, limits.direction} or other.direction == limits.direction
            ):
                message = f"a second entry about {limits.peer!r}"
                fields.complain((*place, "with"), message, "one for both directions, or one for each")
        found.append(limits)
    return tuple(found)


def unknown_peers(name: str, limits: tuple[BoundaryLimits, ...], fields: Fields, names: set[str]) -> None:
    """Complain of entries about what is no other environment."""
    for index, entry in enumerate(limits):
        if entry.peer and (entry.peer == name or entry.peer not in names):
            others = ", ".join(sorted(names - {name}))
            message = f"{entry.peer!r} is no other environment"
            fields.complain(("boundaries", index, "with"), message, f"one of: {others}")


def _direction(fields: Fields, place: Path) -> Direction | None:
    word = fields.choice((*place, "direction"), ("send", "fetch"), "")
    return cast("Direction", word) if word else None


def _measured(fields: Fields, place: Path, form: re.Pattern[str], expected: str) -> int | None:
    value = fields.get(place)
    if value is None:
        return None
    match = form.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        fields.complain(place, f"{shown(value)} is not of the form", expected)
        return None
    unit = match["unit"]
    base = 1024 if "i" in unit.removesuffix("bit/s") else 1000
    size: int = int(match["number"]) * base ** _POWERS[unit[0]]
    return size // 8 if "bit" in unit else size


def _rate(fields: Fields, place: Path) -> int | None:
    return _measured(fields, place, _RATE, "a rate with its unit, such as 20 MB/s or 100 Mbit/s")


def _windows(fields: Fields, place: Path) -> tuple[Window, ...]:
    found: list[Window] = []
    for index, text in enumerate(fields.items(place, "windows")):
        try:
            window = parse_window(text if isinstance(text, str) else "")
        except ValueError as error:
            fields.complain((*place, index), f"{shown(text)} is no window", str(error))
            continue
        if window in found:
            fields.complain((*place, index), f"{text!r} stands here twice", "each once")
        found.append(window)
    if fields.get(place) == []:
        fields.complain(place, "no window: nothing could ever move", "windows, or no such key")
    return tuple(found)


def _budgets(fields: Fields, place: Path) -> tuple[Budget, ...]:
    value = fields.get(place)
    if value is None or isinstance(value, Mapping):
        return () if value is None else tuple(filter(None, [_budget(fields, place)]))
    found = [_budget(fields, (*place, index)) for index in range(len(fields.items(place, "budgets")))]
    budgets = [budget for budget in found if budget is not None]
    if len({(budget.per, budget.zone) for budget in budgets}) != len(budgets):
        fields.complain(place, "two budgets of one period", "one for each period")
    return tuple(budgets)


def _budget(fields: Fields, place: Path) -> Budget | None:
    fields.mapping(place, ("bytes", "per", "zone"), ("bytes", "per"))
    size = _measured(fields, (*place, "bytes"), _SIZE, "a size with its unit, such as 50 GB")
    per = fields.choice((*place, "per"), ("hour", "day", "week", "month"), "")
    zone = fields.text((*place, "zone"), r"[A-Za-z][A-Za-z0-9_+/-]{1,63}", "an IANA time zone", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        fields.complain((*place, "zone"), f"{zone!r} is no time zone that this machine knows", "an IANA name")
    if size is not None and size < LEAST_BUDGET:
        message = f"{size:,} bytes: one object may be larger, and would never move"
        fields.complain((*place, "bytes"), message, f"{LEAST_BUDGET // 10**6} MB or more")
    return Budget(size, cast("Period", per), zone) if size and per else None


def _priorities(fields: Fields, place: Path, what: str) -> dict[str, int]:
    fields.mapping(place, ("purposes", "assets"))
    value = fields.get((*place, what))
    if value is None:
        return {}
    expected = f"{what.removesuffix('s').upper()}: a whole number from 0 to {_HIGHEST}"
    if not isinstance(value, Mapping):
        fields.complain((*place, what), f"{shown(value)} is no mapping", expected)
        return {}
    for name in value:
        if not re.fullmatch(_NAME, str(name)):
            fields.complain((*place, what, name), f"{shown(name)} is no name", expected)
    return {
        str(name): fields.integer((*place, what, name), low=0, high=_HIGHEST, default=USUAL) for name in value
    }
