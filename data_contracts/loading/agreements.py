"""SLA, servers, roles, team and support: what ODCS says about the service around the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.agreements import Member, Role, Server, SlaProperty, Support
from data_contracts.errors import Problem
from data_contracts.model import SchemaObject
from data_contracts.yamlsource import Source

__all__ = ["Agreements", "agreements"]

_UNITS = {
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "d": "d day days",
    "w": "w wk week weeks",
    "mo": "mo month months",
    "y": "y yr yrs year years",
}
_SPELLINGS = {spelling: unit for unit, spellings in _UNITS.items() for spelling in spellings.split()}
_PERIODS = {"latency", "freshness", "retention"}
_SERVER_OWN = {"server", "type", "environment", "description", "roles", "customProperties", "id"}


@dataclass(frozen=True)
class Agreements:
    """The parts of a contract of these names; see `data_contracts.agreements`."""

    sla: tuple[SlaProperty, ...]
    servers: tuple[Server, ...]
    roles: tuple[Role, ...]
    team: tuple[Member, ...]
    support: tuple[Support, ...]


def agreements(source: Source, objects: tuple[SchemaObject, ...]) -> tuple[Agreements, tuple[Problem, ...]]:
    """Return them as types, and what is wrong beyond ODCS's own schema."""
    data = source.data
    elements = {f"{item.name}.{column.name}" for item in objects for column in item.columns}
    elements |= {item.name for item in objects}
    made = Agreements(
        sla=tuple(_sla(item, data.get("slaDefaultElement")) for item in data.get("slaProperties") or []),
        servers=tuple(map(_server, data.get("servers") or [])),
        roles=tuple(map(_role, data.get("roles") or [])),
        team=tuple(map(_member, _members(data.get("team")))),
        support=tuple(map(_support, data.get("support") or [])),
    )
    return made, tuple(_problems(source, made, elements))


def _sla(item: Mapping[str, Any], default: str | None) -> SlaProperty:
    unit = str(item.get("unit") or "")
    named = str(item.get("element") or default or "")
    return SlaProperty(
        property=item["property"],
        value=item["value"],
        value_ext=item.get("valueExt"),
        unit=_SPELLINGS.get(unit.lower(), unit),
        elements=tuple(part.strip() for part in named.split(",") if part.strip()),
        driver=item.get("driver"),
        description=item.get("description") or "",
    )


def _server(item: Mapping[str, Any]) -> Server:
    return Server(
        name=item["server"],
        type=item["type"],
        environment=item.get("environment") or "",
        description=item.get("description") or "",
        settings={key: value for key, value in item.items() if key not in _SERVER_OWN},
    )


def _role(item: Mapping[str, Any]) -> Role:
    approvers = (item.get("firstLevelApprovers"), item.get("secondLevelApprovers"))
    return Role(
        role=item["role"],
        access=item.get("access") or "",
        description=item.get("description") or "",
        approvers=tuple(name for name in approvers if name),
    )


def _members(team: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - either of the standard's two shapes
    """Return the members: v3.1 wraps in an object the list that v3.0 has."""
    if isinstance(team, Mapping):
        team = team.get("members")
    return list(team or [])


def _member(item: Mapping[str, Any]) -> Member:
    return Member(
        username=item["username"],
        name=item.get("name") or "",
        role=item.get("role") or "",
        since=item.get("dateIn") or "",
        until=item.get("dateOut") or "",
    )


def _support(item: Mapping[str, Any]) -> Support:
    return Support(
        channel=item["channel"],
        url=item.get("url") or "",
        tool=item.get("tool") or "",
        scope=item.get("scope") or "",
    )


def _problems(source: Source, made: Agreements, elements: set[str]) -> Iterator[Problem]:
    for index, item in enumerate(made.sla):
        place = ("slaProperties", index)
        if item.property in _PERIODS and (not _is_number(item.value) or item.unit not in _UNITS):
            message = f"{item.property} is no length of time that can be read"
            expected = f"a number with a unit: {', '.join(_UNITS)}"
            yield source.problem(place, message, expected, severity="warning")
        if item.property in _PERIODS and _is_number(item.value) and item.value < 0:
            yield source.problem((*place, "value"), "a negative length of time", "zero or more")
        if item.property in _PERIODS and not item.elements:
            message = f"{item.property} names no element, so nobody judges it"
            yield source.problem(place, message, "element: OBJECT.COLUMN", severity="warning")
        for name in item.elements:
            if name not in elements:
                message = f"{name} is nothing of this contract's schema"
                where = (*place, "element") if "element" in source.data["slaProperties"][index] else place
                yield source.problem(where, message, "OBJECT or OBJECT.COLUMN", severity="warning")
    seen: set[str] = set()
    for index, server in enumerate(made.servers):
        if server.name in seen:
            yield source.problem(
                ("servers", index, "server"), "a second server of this name", "each name once"
            )
        seen.add(server.name)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
