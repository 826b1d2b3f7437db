"""Custom properties in our namespace: known where they stand, once, and in our schema's form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data_contracts.errors import Problem
from data_contracts.standard.validation import terms_problems
from data_contracts.yamlsource import Source

__all__ = ["Path", "own_properties", "stray_properties"]

Path = tuple[str | int, ...]
_PREFIX = "isthmus"
_READ_ELSEWHERE = frozenset({"properties", "items", "quality"})


def own_properties(
    source: Source, path: Path, items: list[Mapping[str, Any]], known: frozenset[str]
) -> tuple[dict[str, tuple[Path, Any]], list[Problem]]:
    """Return our own custom properties of one place, with where each value stands.

    Everything in our namespace that is not in `known`, stands there twice, or does not keep our schema is a
    problem; other people's properties are left alone.
    """
    found: dict[str, tuple[Path, Any]] = {}
    problems: list[Problem] = []
    for index, item in enumerate(items):
        name, place = item["property"], (*path, index, "value")
        if not name.lower().startswith(_PREFIX):
            continue
        if name not in known:
            expected = ", ".join(sorted(known)) or "none here"
            problems.append(source.problem((*path, index), f"unknown property {name}", expected))
        elif name in found:
            problems.append(source.problem((*path, index), f"{name} stands here a second time", "once"))
        else:
            broken = terms_problems(name, source, item["value"], place)
            problems.extend(broken)
            if not broken:
                found[name] = (place, item["value"])
    return found, problems


def stray_properties(source: Source, path: Path, value: object) -> Iterator[Problem]:
    """Find our custom properties below `path` in places that have none: servers, roles, team, foreign keys.

    Columns and quality rules see to their own.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "customProperties" and isinstance(inner, list):
                yield from own_properties(source, (*path, key), inner, frozenset())[1]
            elif key not in _READ_ELSEWHERE:
                yield from stray_properties(source, (*path, key), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from stray_properties(source, (*path, index), inner)
