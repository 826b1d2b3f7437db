"""`logicalTypeOptions`: bounds of the column's type, and options that do not contradict each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from data_contracts.arrow import kind_of
from data_contracts.errors import Problem
from data_contracts.loading.own import Path
from data_contracts.model import Column
from data_contracts.yamlsource import Source

__all__ = ["option_problems"]

_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_READERS = {"date": date.fromisoformat, "timestamp": datetime.fromisoformat, "time": time.fromisoformat}
_COUNTS = (("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"))
_MAX_PATTERN = 1000


def option_problems(source: Source, path: Path, column: Column) -> Iterator[Problem]:
    """Find bounds that cannot be read as the column's type, and options that nothing can keep."""
    place, options = (*path, "logicalTypeOptions"), column.options
    found: dict[str, Any] = {}
    for key in _BOUNDS:
        if options.get(key) is None:
            continue
        read, message, expected = _bound(options[key], column)
        if message:
            yield source.problem((*place, key), message, expected)
        elif read is not None:
            found[key] = read
    yield from _empty(source, place, found)
    for low, high in _COUNTS:
        if _both_counts(options.get(low), options.get(high)) and options[low] > options[high]:
            yield source.problem((*place, low), f"greater than {high}", f"at most {options[high]}")
    step = options.get("multipleOf")
    if isinstance(step, int | float) and step <= 0:
        yield source.problem((*place, "multipleOf"), "not greater than zero", "a number above 0")
    yield from _pattern(source, place, options.get("pattern"))
    missing = sorted(_names(options.get("required")) - {child.name for child in column.children})
    if missing and column.children and kind_of(column) == "object":
        yield source.problem(
            (*place, "required"), f"no such property: {', '.join(missing)}", "its properties"
        )


def _bound(bound: Any, column: Column) -> tuple[Any, str, str]:  # noqa: ANN401 - a value of the column's type
    """Return (the bound as a value, what is wrong, what is expected)."""
    kind = kind_of(column)
    if kind in _READERS:
        try:
            read = _READERS[kind](bound)
        except (TypeError, ValueError):
            return None, f"not a {kind}", "ISO 8601"
        zoned = getattr(read, "tzinfo", None) is not None
        if zoned and not column.options.get("timezone"):
            return None, "a time zone on a column without one", "timezone: true"
        return read, "", ""
    if kind in {"integer", "number"}:
        wrong = isinstance(bound, bool) or not isinstance(bound, int | float)
        return (None, "not a number", "a number") if wrong else (bound, "", "")
    return None, "", ""


def _empty(source: Source, place: Path, found: dict[str, Any]) -> Iterator[Problem]:
    """Find bounds between which no value lies."""
    for low in ("minimum", "exclusiveMinimum"):
        for high in ("maximum", "exclusiveMaximum"):
            if low not in found or high not in found:
                continue
            if {getattr(found[key], "tzinfo", None) is None for key in (low, high)} == {True, False}:
                continue  # One is written with its zone and one in the column's own.
            closed = (low, high) == ("minimum", "maximum")
            if found[low] > found[high] or (not closed and found[low] == found[high]):
                message = f"no value is both over {low} and under {high}"
                yield source.problem((*place, low), message, "a lower bound under the upper")


def _pattern(source: Source, place: Path, pattern: object) -> Iterator[Problem]:
    if not isinstance(pattern, str):
        return
    if len(pattern) > _MAX_PATTERN:
        message = f"a pattern of {len(pattern)} characters"
        yield source.problem((*place, "pattern"), message, f"at most {_MAX_PATTERN}")
        return
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        # Python's dialect is not ECMA-262, so this is a hint; the engine decides what it takes.
        message = "the pattern may be no regular expression"
        yield source.problem((*place, "pattern"), message, "ECMA-262", severity="warning")


def _both_counts(low: object, high: object) -> bool:
    return isinstance(low, int) and isinstance(high, int)


def _names(value: object) -> set[str]:
    return {name for name in value if isinstance(name, str)} if isinstance(value, list) else set()
