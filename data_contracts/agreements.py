"""What a contract says about its service: SLA, servers, roles, team and support. For people and for docs.

Invariants:
1. Nothing here decides a check or a crossing; freshness, latency and retention are read by who runs things.
2. Both shapes of `team` that ODCS v3.0 and v3.1 have are read as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Member", "Role", "Server", "SlaProperty", "Support"]


@dataclass(frozen=True)
class SlaProperty:
    """One agreement, such as a freshness of two days.

    Attributes:
        property: as written: `latency`, `freshness`, `retention`, `generalAvailability`, ….
        value: number, text or truth.
        value_ext: the second value, where there is one.
        unit: `d`, `h`, `y`, …, in one spelling; empty where none is written.
        elements: `object.column` paths that it is about.
        driver: `regulatory`, `analytics` or `operational`.
        description: for people.
    """

    property: str
    value: Any
    value_ext: Any = None
    unit: str = ""
    elements: tuple[str, ...] = ()
    driver: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Server:
    """Where the data physically is: a name, a type and whatever the type needs."""

    name: str
    type: str
    environment: str = ""
    description: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Role:
    """An access role, and who approves it."""

    role: str
    access: str = ""
    description: str = ""
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Member:
    """A person or group that answers for the contract."""

    username: str
    name: str = ""
    role: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True)
class Support:
    """A channel on which people ask."""

    channel: str
    url: str = ""
    tool: str = ""
    scope: str = ""
