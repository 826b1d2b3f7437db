"""The part `outbox` of an environment file, read with every mistake in it.

Invariants:
1. Without the part there are limits too: those of `environments.outbox.limits`.
2. A limit under which nothing could ever wait is a problem, not a limit.

Example:
    >>> from data_contracts.yamlsource import parse_yaml
    >>> read_outbox(Fields(parse_yaml(b"outbox: {expires: 30 d}", file="edge.yaml"))).expires
    30
"""

from __future__ import annotations

from environments.fields import Fields, Path
from environments.outbox.limits import LONGEST, OutboxLimits, Quota

__all__ = ["read_outbox", "unknown_destinations"]

_MOST = 10_000_000
_MOST_IN_FLIGHT = 10_000
_DAYS = r"[1-9][0-9]? ?d"
_DESTINATIONS: Path = ("outbox", "destinations")


def read_outbox(fields: Fields) -> OutboxLimits:
    """Read how much may wait, and for how long; absent is what stands in `OutboxLimits`."""
    usual = OutboxLimits()
    fields.mapping(("outbox",), ("entries", "bytes", "expires", "in_flight", "destinations"))
    quota = _quota(fields, ("outbox",), Quota(usual.entries, usual.bytes))
    value = fields.get(_DESTINATIONS)
    if value is not None and not isinstance(value, dict):
        fields.complain(_DESTINATIONS, "not limits by destination", "such as {edge: {entries: 500}}")
    names = [name for name in value if isinstance(name, str)] if isinstance(value, dict) else []
    for name in names:
        fields.mapping((*_DESTINATIONS, name), ("entries", "bytes"))
    return OutboxLimits(
        entries=quota.entries,
        bytes=quota.bytes,
        expires=_days(fields, ("outbox", "expires"), usual.expires),
        in_flight=fields.integer(
            ("outbox", "in_flight"), low=1, high=_MOST_IN_FLIGHT, default=usual.in_flight
        ),
        destinations={name: _quota(fields, (*_DESTINATIONS, name), quota) for name in names},
    )


def unknown_destinations(name: str, limits: OutboxLimits, fields: Fields, names: set[str]) -> None:
    """Complain of limits for what is no other environment."""
    for destination in limits.destinations:
        if destination == name or destination not in names:
            others = ", ".join(sorted(names - {name}))
            message = f"{destination!r} is no other environment"
            fields.complain((*_DESTINATIONS, destination), message, f"one of: {others}")


def _quota(fields: Fields, place: Path, usual: Quota) -> Quota:
    entries = fields.integer((*place, "entries"), low=1, high=_MOST, default=usual.entries)
    return Quota(entries, fields.size((*place, "bytes"), default=usual.bytes))


def _days(fields: Fields, place: Path, usual: int) -> int:
    text = fields.text(place, _DAYS, f"days, such as 30 d, at most {LONGEST.days}")
    days = int(text.removesuffix("d").strip()) if text else usual
    if days > LONGEST.days:
        fields.complain(place, f"{days} days are too long", f"at most {LONGEST.days} d")
        return usual
    return days
