"""Schedules: what the site configures, what the server has, and whether somebody edited it there.

Invariants:
1. An edit made in the UI is never lost in silence: it is kept and reported, or reset because asked.
2. Two schedules that fire alike are equal: an interval's anchor and the order do not matter.

`site.toml`:

    [schedules.hospital]
    cron = "0 6 * * *"        # or: interval = 3600, in seconds
    timezone = "UTC"
    parameters = {tests = "covid_tests@latest"}

Example:
    >>> read_schedules({"hospital": {"interval": 60}}, ["hospital"])["hospital"][0].words
    'every 60 s'
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from data_contracts.digest import digest_json
from data_contracts.errors import UsageError

__all__ = ["Schedule", "digest_of", "read_schedules"]

_KEYS = frozenset({"cron", "interval", "timezone", "parameters", "active"})
_SHORTEST = 1
_CRON = re.compile(r"@[a-z]+|[\w*/,#?-]+(?: +[\w*/,#?-]+){4,5}")


@dataclass(frozen=True)
class Schedule:
    """One schedule of one pipeline.

    Attributes:
        cron: a cron expression, or None.
        interval: seconds, or None.
        timezone: of the cron expression.
        active: whether it fires.
        parameters: instead of the defaults.
    """

    cron: str | None = None
    interval: float | None = None
    timezone: str = "UTC"
    active: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The schedule for people."""
        text = f"cron {self.cron} {self.timezone}" if self.cron else f"every {self.interval:g} s"
        return text if self.active else f"{text} (inactive)"

    def to_json(self) -> dict[str, Any]:
        """Return what makes two schedules differ."""
        return {
            "cron": self.cron,
            "interval": self.interval,
            "timezone": self.timezone if self.cron else None,
            "active": self.active,
            "parameters": dict(self.parameters),
        }

    def to_server(self) -> dict[str, Any]:
        """Return the schedule as the server takes it."""
        kind = (
            {"cron": self.cron, "timezone": self.timezone, "day_or": True}
            if self.cron
            else {"interval": self.interval, "timezone": self.timezone}
        )
        return {"schedule": kind, "active": self.active, "parameters": dict(self.parameters)}

    @classmethod
    def from_server(cls, raw: Mapping[str, Any]) -> Schedule:
        """Read what the server has; a kind that we never write keeps its own words."""
        kind = raw.get("schedule") or {}
        interval = kind.get("interval")
        return cls(
            cron=kind.get("cron")
            or (None if interval is not None else f"other {json.dumps(kind, sort_keys=True)}"),
            interval=None if interval is None else float(interval),
            timezone=kind.get("timezone") or "UTC",
            active=bool(raw.get("active", True)),
            parameters=raw.get("parameters") or {},
        )


def digest_of(schedules: Sequence[Schedule]) -> str:
    """Return a short digest of a set of schedules; parameters of no effect do not count."""
    return digest_json(sorted((item.to_json() for item in schedules), key=str)).removeprefix("sha256:")[:12]


def read_schedules(table: object, pipelines: Sequence[str]) -> dict[str, tuple[Schedule, ...]]:
    """Read the `schedules` table of `site.toml`.

    Raises:
        UsageError: a pipeline is not there, or a schedule is not one.
    """
    if not isinstance(table, Mapping):
        raise UsageError("site.toml: [schedules] must be a table of pipelines")
    found: dict[str, tuple[Schedule, ...]] = {}
    for name, given in table.items():
        if name not in pipelines:
            known = ", ".join(pipelines) or "none"
            raise UsageError(f"site.toml: [schedules.{name}] is of no pipeline", remedy=f"there are: {known}")
        entries = given if isinstance(given, list) else [given]
        found[name] = tuple(_read(name, entry) for entry in entries)
    return found


def _read(name: str, entry: object) -> Schedule:
    where = f"site.toml: [schedules.{name}]"
    if not isinstance(entry, Mapping) or set(entry) - _KEYS:
        raise UsageError(f"{where}: only {', '.join(sorted(_KEYS))} are known")
    cron, interval = entry.get("cron"), entry.get("interval")
    if (cron is None) == (interval is None):
        raise UsageError(f"{where}: either cron or interval is needed")
    if cron is not None and not _is_cron(cron):
        raise UsageError(f"{where}: cron is not a cron expression", remedy='such as "0 6 * * *"')
    if interval is not None and (
        isinstance(interval, bool) or not isinstance(interval, int | float) or interval < _SHORTEST
    ):
        raise UsageError(f"{where}: interval must be a number of seconds, at least {_SHORTEST}")
    timezone = entry.get("timezone", "UTC")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise UsageError(f"{where}: timezone is none", remedy="such as UTC or Europe/Berlin") from None
    parameters = entry.get("parameters", {})
    if not isinstance(parameters, Mapping):
        raise UsageError(f"{where}: parameters must be a table")
    seconds = None if interval is None else float(interval)
    return Schedule(cron, seconds, timezone, bool(entry.get("active", True)), dict(parameters))


def _is_cron(text: object) -> bool:
    """Whether it looks like one: the server has the last word, when it is registered."""
    return isinstance(text, str) and _CRON.fullmatch(text) is not None
