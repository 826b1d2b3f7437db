"""The kinds of values that may go into a step or a pipeline, and come out of a step.

Invariants:
1. There are no free strings: a value is an AssetRef, one of an enumeration, a boolean, a date, an
   interval or a number; a number must lie inside bounds that the environment (for a step) or the
   pipeline's author (`Between`) declared.
2. No message repeats a value.

Example:
    >>> kind_of(Literal["weekly", "daily"]).parse("daily", "rhythm", None)
    'daily'
    >>> kind_of(float).parse(0.5, "threshold", (0, 1))
    0.5
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

from data_contracts.digest import DIGEST_PATTERN
from data_contracts.errors import UsageError
from environments.ref import CONTRACT_REFERENCE, NAME, AssetRef

__all__ = ["Between", "Bounds", "Kind", "kind_of"]

Bounds = tuple[float, float]
_INTERVAL = re.compile(r"P(?:(\d{1,5})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:(\d{1,5})S)?)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Between:
    """Bounds of a pipeline's own number: `Annotated[float, Between(0, 1)]`."""

    least: float
    most: float


@dataclass(frozen=True)
class Kind:
    """How one kind of parameter is read, written and shown as a form.

    Attributes:
        word: for people, such as `a date`.
        schema: JSON Schema of the value in JSON.
        read: JSON value to Python value; raises ValueError, TypeError or UsageError.
        write: Python value to JSON value.
        number: whether bounds are needed.
        bounds: the author's own bounds, where `Between` gives them.
    """

    word: str
    schema: Mapping[str, Any]
    read: Callable[[Any], object]
    write: Callable[[Any], object]
    number: bool = False
    bounds: Bounds | None = None

    def parse(self, value: object, name: str, bounds: Bounds | None) -> object:
        """Return the Python value of a JSON value.

        Raises:
            UsageError: it is not of this kind, or a number outside its bounds or without any.
        """
        try:
            result = self.read(value)
        except (ValueError, TypeError, KeyError, OverflowError, UsageError):
            raise UsageError(f"parameter {name}: not {self.word}") from None
        if self.number:
            _check_bounds(result, name, bounds if bounds is not None else self.bounds)
        return result

    def form(self, bounds: Bounds | None = None) -> dict[str, Any]:
        """Return the JSON Schema, with bounds where there are some."""
        schema = dict(self.schema)
        limits = bounds if bounds is not None else self.bounds
        if self.number and limits is not None:
            schema |= {"minimum": limits[0], "maximum": limits[1]}
        return schema


def _check_bounds(value: object, name: str, bounds: Bounds | None) -> None:
    if bounds is None:
        raise UsageError(
            f"parameter {name}: a number without bounds",
            remedy="let the environment's file give its least and greatest value under the step's `numbers`",
        )
    if not isinstance(value, int | float) or not bounds[0] <= value <= bounds[1]:
        raise UsageError(f"parameter {name}: outside {bounds[0]:g} to {bounds[1]:g}")


def _exactly(kind: type) -> Callable[[Any], object]:
    def read(value: object) -> object:
        if type(value) is not kind:
            raise TypeError
        return value

    return read


def _read_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _read_date(value: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise TypeError
    return date.fromisoformat(value)


def _read_interval(value: object) -> timedelta:
    match = _INTERVAL.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise TypeError
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _write_interval(value: timedelta) -> str:
    return f"P{value.days}DT{value.seconds}S"


def _same(value: object) -> object:
    return value


_REF_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "environment", "version", "contract"],
    "properties": {
        "name": {"type": "string", "pattern": f"^{NAME}$"},
        "environment": {"type": "string", "pattern": f"^{NAME}$"},
        "version": {"type": "string", "pattern": f"^{DIGEST_PATTERN}$"},
        "contract": {"type": "string", "pattern": f"^{CONTRACT_REFERENCE}$"},
        "labels": {"type": "object"},
    },
}
_PLAIN: dict[object, Kind] = {
    AssetRef: Kind("an asset reference", _REF_SCHEMA, AssetRef.from_json, AssetRef.to_json),
    bool: Kind("true or false", {"type": "boolean"}, _exactly(bool), _same),
    int: Kind("a whole number", {"type": "integer"}, _exactly(int), _same, number=True),
    float: Kind("a number", {"type": "number"}, _read_float, _same, number=True),
    date: Kind("a date", {"type": "string", "format": "date"}, _read_date, date.isoformat),
    timedelta: Kind(
        "an interval such as P1DT6H",
        {"type": "string", "format": "duration"},
        _read_interval,
        _write_interval,
    ),
}


def _choices(words: tuple[str, ...], make: Callable[[str], object], write: Callable[[Any], object]) -> Kind:
    def read(value: object) -> object:
        if not isinstance(value, str) or value not in words:
            raise ValueError
        return make(value)

    return Kind(f"one of {', '.join(words)}", {"type": "string", "enum": list(words)}, read, write)


def kind_of(annotation: Any) -> Kind:  # noqa: ANN401 - an annotation may be anything
    """Return the kind that an annotation stands for.

    Raises:
        UsageError: values of this type may not be parameters.
    """
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        kind = kind_of(inner)
        limits = next((note for note in notes if isinstance(note, Between)), None)
        if limits is None:
            return kind
        return Kind(kind.word, kind.schema, kind.read, kind.write, kind.number, (limits.least, limits.most))
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if get_origin(annotation) is Literal and all(isinstance(word, str) for word in get_args(annotation)):
        return _choices(get_args(annotation), str, _same)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        words = tuple(str(member.value) for member in annotation)
        by_word = {str(member.value): member for member in annotation}
        return _choices(words, by_word.__getitem__, lambda member: str(member.value))
    raise UsageError(
        "a parameter of this type is not taken",
        remedy="use AssetRef, Literal or Enum, bool, date, timedelta, int or float; no free strings",
    )
